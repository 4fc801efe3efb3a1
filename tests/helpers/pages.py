"""Studies of small models for the tests of pages."""

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
from dbnvis.results import Writer, model_hash

SHAPE = (6, 6)


def models():
    """One small model of each family, and a DBN of real-valued pixels, for images 6 x 6."""
    rng = make_rng(np, 0)
    rbms = [RBM.random(36, 9, rng=rng, scale=0.5), RBM.random(9, 5, rng=rng, scale=0.5)]
    dbn = DBN(rbms, SHAPE, input_norm=3.0)
    gaussian = GaussianRBM(rbms[0].W, rbms[0].vbias, rbms[0].hbias, 0.5)
    found = {
        "dbn": dbn,
        "gaussian": DBN([gaussian, rbms[1]], SHAPE, (-np.inf, np.inf), input_norm=3.0),
        "mlp": classifier(dbn, 10, rng=rng),
        "sdae": StackedDAE([DAE.random(36, 9, rng=rng), DAE.random(9, 5, rng=rng)], SHAPE, input_norm=3.0),
        "convnet": ConvNet.random(SHAPE, (3,), (8,), 10, rng=rng, kernel=3),
        "convdbn": ConvDBN([ConvRBM.random(4, 1, 3, rng=rng, pool=2)], SHAPE, input_norm=3.0),
    }
    for model in found.values():
        model.input_norm = 3.0
    return found


def study(model, folder, name="small", data=True):
    """A study of `model`, with the bars as its data or without."""
    bars = tiny()
    return Study(
        model,
        "tiny",
        Responses.of(model, bars.test_images),
        Writer(folder),
        images=bars.train_images if data else None,
        provenance={"model_sha256": model_hash(model), "data_sha256": bars.sha256 if data else None},
        data=bars if data else None,
        name=name,
    )
