"""dbnvis.train.averaging: the exact mean of what an ordinary training passes through, the same bits after resuming."""

import copy
import itertools
from dataclasses import replace

import numpy as np
import pytest
from counts import host

from dbnvis import RBM, CDConfig, GaussianRBM, train_rbm
from dbnvis.backend import make_rng
from dbnvis.train import CDState
from dbnvis.train.averaging import Average
from dbnvis.train.cd import CDUpdate

V, H, EPOCHS = 5, 3, 4
CONFIG = CDConfig(epochs=EPOCHS, batch_size=20, momentum_epochs=1)


def patterns(xp):
    numbers = np.random.default_rng(4)
    return xp.asarray((numbers.random((70, V)) < numbers.random((70, 1))).astype("float32"))


def trained(xp, config, kind=RBM):
    rbm = kind.random(V, H, rng=make_rng(xp, 3), scale=0.5)
    list(train_rbm(rbm, patterns(xp), config, rng=make_rng(xp, 7)))
    return {name: host(x) for name, x in rbm.params().items()}


def passed_through(xp, monkeypatch, config, kind=RBM):
    """The parameters after every update of the same training without an average: 3 updates an epoch."""
    path, update = [], CDUpdate.__call__

    def watched(self, *args):
        update(self, *args)
        path.append({name: host(x).astype("float64") for name, x in self.rbm.params().items()})

    with monkeypatch.context() as patch:
        patch.setattr(CDUpdate, "__call__", watched)
        trained(xp, replace(config, averaging=0.0), kind)
    assert len(path) == 3 * EPOCHS
    return path


@pytest.mark.parametrize("settings", [{}, {"persistent": False, "k": 2}, {"temperatures": 2}], ids=str)
@pytest.mark.parametrize(("share", "epochs"), [(1.0, 4), (0.5, 2), (0.3, 1), (0.01, 1)])
def test_the_model_gets_the_mean_of_its_last_updates(monkeypatch, settings, share, epochs):
    config = replace(CONFIG, **settings)
    path = passed_through(np, monkeypatch, config)[-3 * epochs :]
    for name, x in trained(np, replace(config, averaging=share)).items():
        np.testing.assert_allclose(x, np.mean([each[name] for each in path], axis=0), rtol=1e-5, atol=1e-7)
        assert (np.abs(x - path[-1][name]) > 1e-4).any()


@pytest.mark.parametrize("kind", [RBM, GaussianRBM])
def test_without_averaging_the_model_keeps_its_last_parameters(monkeypatch, kind):
    last = passed_through(np, monkeypatch, CONFIG, kind)[-1]
    for name, x in trained(np, CONFIG, kind).items():
        np.testing.assert_array_equal(x, last[name])


@pytest.mark.parametrize("stop", [1, 2, 3])
@pytest.mark.parametrize("share", [0.5, 1.0])
def test_an_interrupted_average_resumes_to_the_same_bits(xp, share, stop):
    config = replace(CONFIG, averaging=share)
    rbm, state = RBM.random(V, H, rng=make_rng(xp, 3), scale=0.5), CDState()
    epochs = train_rbm(rbm, patterns(xp), config, rng=make_rng(xp, 7), state=state)
    list(itertools.islice(epochs, stop))
    rbm, state = copy.deepcopy(rbm), CDState(state.epoch, {name: x.copy() for name, x in state.arrays.items()})
    list(train_rbm(rbm, patterns(xp), config, rng=make_rng(xp, 7), state=state))
    for name, x in trained(xp, config).items():
        assert host(rbm.params()[name]).tobytes() == x.tobytes()


def test_a_long_average_does_not_stall():
    """Of a parameter that drifts from 1 to 1.01 in 200,000 updates; one running mean in float32 stays near 1."""
    path = np.linspace(1, 1.01, 200_000).astype("float32")
    naive = np.float32(1)
    params, arrays = {"W": np.zeros(1, "float32")}, {}
    average = Average(params, arrays, share=1.0, epochs=200)
    for i, x in enumerate(path):
        naive += (x - naive) / np.float32(i + 1)
        params["W"][...] = x
        average.add()
        if (i + 1) % 1000 == 0:
            average.end_epoch(i // 1000, 1000)
    assert naive < 1.001
    assert float(params["W"][0]) == pytest.approx(1.005, abs=1e-5)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), None, True])
def test_a_share_that_makes_no_sense_is_refused(share):
    with pytest.raises(ValueError, match=r"averaging must lie in \[0, 1\]|averaging must be"):
        CDConfig(averaging=share)
