"""What sheets say of chains, in words."""

from types import SimpleNamespace

import numpy as np
import pytest

from dbnvis import DBN, RBM
from dbnvis.figures import diagnosis
from dbnvis.models.conv_dbn import ConvDBN
from dbnvis.models.conv_rbm import ConvRBM
from dbnvis.models.convnet import ConvNet
from dbnvis.visualize import ClampedGibbs, TopImages, Unit, UnitImages

NAN = float("nan")


def pictures(**extras):
    """Two units' samples with these measurements, a record of 100 sweeps each."""
    return UnitImages(
        units=(Unit("h1", 0), Unit("h1", 1)),
        images=np.zeros((2, 1, 3, 3)),
        scores=np.zeros((2, 1)),
        settings={"draws": 100, "thin": 1},
        extras={name: np.asarray(x, float) for name, x in extras.items()},
        notes=("", ""),
    )


@pytest.mark.parametrize(
    ("slowest", "said"), [([1.05, 1.07], "1.06"), ([NAN, 1.07], "1.07"), ([NAN, NAN], "not measured")]
)
def test_a_statistic_that_cannot_be_had_is_said_to_be_not_measured(slowest, said):
    x = pictures(mixing=[1.01, 1.03], slowest=slowest, tau=[1, 2], ess=[900, 800])
    assert f"R 1.02, of the slowest hidden units {said}, tau 2, record 100, 850 draws" in diagnosis.summary(x)
    of_first = "not measured" if np.isnan(slowest[0]) else "1.05"
    assert diagnosis.note(x, 0) == f"R 1.01, of the slowest {of_first}; tau 1, record 100, 900 draws"


@pytest.mark.parametrize("images", [None, np.zeros((5, 6, 6))], ids=["no images", "images"])
def test_chains_of_every_model_that_has_some_are_diagnosed_where_images_are_at_hand(images):
    rng = np.random.default_rng(0)
    dense = DBN([RBM.random(36, 4, rng=rng)], (6, 6))
    maps = ConvDBN([ConvRBM.random(2, 1, 3, rng=rng)], (6, 6))
    network = ConvNet.random((6, 6), (2,), (3,), 2, rng=rng, kernel=3)
    for model, runs in ((dense, True), (maps, True), (network, False)):
        study = SimpleNamespace(model=model, images=images)
        found = diagnosis.diagnosed(study, ClampedGibbs())
        assert found == ClampedGibbs(diagnose=runs and images is not None)
    assert diagnosis.diagnosed(SimpleNamespace(model=maps, images=images), TopImages()) == TopImages()
