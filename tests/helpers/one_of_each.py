"""One small model of every family, and studies of them."""

import numpy as np
from tiny_runs import tiny

from dbnvis import DBN, RBM, ConvNet, GaussianRBM
from dbnvis.backend import make_rng
from dbnvis.evaluate.scores import Responses
from dbnvis.figures.study import Study
from dbnvis.models.conv_dbn import ConvDBN
from dbnvis.models.conv_rbm import ConvRBM
from dbnvis.models.mlp import classifier
from dbnvis.models.sdae import DAE, StackedDAE
from dbnvis.results import Writer, model_hash, versions

SHAPE = (6, 6)
FAMILIES = ("dbn", "gaussian", "mlp", "sdae", "convnet", "convdbn")


def small_dbn():
    rng = make_rng(np, 0)
    return DBN([RBM.random(36, 9, rng=rng, scale=0.5), RBM.random(9, 5, rng=rng, scale=0.5)], SHAPE, input_norm=3.0)


def families():
    """One small model of each family, and a DBN of real-valued pixels, for images 6 x 6."""
    rng, dbn = make_rng(np, 1), small_dbn()
    lowest = dbn.rbms[0]
    gaussian = GaussianRBM(lowest.W, lowest.vbias, lowest.hbias, 0.5)
    found = {
        "dbn": dbn,
        "gaussian": DBN([gaussian, dbn.rbms[1]], SHAPE, (-np.inf, np.inf), input_norm=3.0),
        "mlp": classifier(dbn, 12, rng=rng),
        "sdae": StackedDAE([DAE.random(36, 9, rng=rng), DAE.random(9, 5, rng=rng)], SHAPE, input_norm=3.0),
        "convnet": ConvNet.random(SHAPE, (3,), (8,), 12, rng=rng, kernel=3),
        "convdbn": ConvDBN([ConvRBM.random(4, 1, 3, rng=rng, pool=2)], SHAPE, input_norm=3.0),
    }
    for model in found.values():
        model.input_norm = 3.0
    return found


def study_of(model, folder, *, data=True, name="small"):
    """A study of `model`, with bars as its data or without."""
    bars = tiny()
    return Study(
        model,
        "tiny",
        Responses.of(model, bars.test_images)
        if data
        else Responses(Responses.of(model, bars.test_images).by_layer, model),
        Writer(folder),
        images=bars.train_images if data else None,
        provenance={
            "model_sha256": model_hash(model),
            "data_sha256": bars.sha256 if data else None,
            "training": {"epochs": 3, "l1_decay": 0.0002, "seed": 7},
            "training_data_sha256": bars.sha256,
            "versions": versions("numpy"),
        },
        data=bars if data else None,
        name=name,
    )
