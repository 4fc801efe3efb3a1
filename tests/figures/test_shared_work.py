"""Units, chains and images over several ranks: every rank has what one alone has, bit for bit."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from ranks import together
from small_models import convnet, random_dbn

from dbnvis import DBN, RBM, results
from dbnvis.backend import make_rng
from dbnvis.backend.comm import Comm, current, using
from dbnvis.evaluate import scores
from dbnvis.evaluate.ais import ais, reverse_ais
from dbnvis.evaluate.scores import Responses
from dbnvis.figures.picture_cache import PictureCache
from dbnvis.figures.side_by_side import Compared
from dbnvis.figures.study import Study
from dbnvis.models.tempering import base_rates
from dbnvis.results import Writer
from dbnvis.visualize import (
    METHODS,
    VISUALIZERS,
    ActivationMaximization,
    ClampedGibbs,
    RegularizedOptimization,
    Unit,
)

IMAGES = np.random.default_rng(3).random((50, 4, 5), dtype=np.float32)
SCHEDULE = np.linspace(0, 1, 60)


def study_of(model, images):
    return Study(model, "small", Responses.of(model, images), Writer(Path("unused")), images=images)


def assert_alike(pictures, others):
    assert pictures.units == others.units and pictures.notes == others.notes
    for name, x in pictures.arrays("it").items():
        np.testing.assert_array_equal(x, others.arrays("it")[name], err_msg=name)


@pytest.mark.parametrize("n", [2, 3, 11])
@pytest.mark.parametrize("method", [name for name in VISUALIZERS if name != "invariance"])  # which takes long
def test_pictures_are_those_of_one_rank(method, n):
    def work(rank=0):
        study = study_of(random_dbn(), IMAGES)
        return study.pictures(study.fitted(METHODS[method]), study.units("h1"))

    for pictures in together(n, work):
        assert_alike(work(), pictures)


def test_of_a_convnet_too():
    images = np.random.default_rng(3).random((50, 12, 12))

    def work(rank=0):
        return study_of(convnet(), images).pictures(METHODS["am"], [Unit("conv2", i) for i in range(4)])

    for pictures in together(3, work):
        assert_alike(work(), pictures)


def test_images_are_split_where_there_are_many(monkeypatch):
    monkeypatch.setattr(scores, "BATCH", 8)
    model, passed = random_dbn(), []
    forward = type(model.network).forward
    monkeypatch.setattr(type(model.network), "forward", lambda self, x: passed.append(len(x)) or forward(self, x))
    alone = Responses.of(model, IMAGES).by_layer
    n_alone = sum(passed)
    for responses in together(2, lambda rank: Responses.of(model, IMAGES).by_layer):
        for layer, x in responses.items():
            np.testing.assert_array_equal(x, alone[layer])
    assert sum(passed) == 2 * n_alone  # by one alone, and by two together, no image twice


@pytest.mark.parametrize("n", [2, 3])
def test_annealed_chains_are_split_and_the_estimates_are_the_same(n):
    rbm = random_dbn(dtype="float64", scale=0.3).rbms[0]
    v = (IMAGES.reshape(50, 20) > 0.5).astype("float64")

    def work(rank=0):
        rng, base = np.random.default_rng(5), base_rates(v)
        up = ais(rbm, base_vbias=base, betas=SCHEDULE, n_chains=20, rng=rng)
        down = reverse_ais(rbm, base_vbias=base, v=v[:20], betas=SCHEDULE, rng=rng)
        return up.log_weights, down.log_weights, rng.random()

    alone = work()
    for estimates in together(n, work):
        for one, other in zip(alone, estimates, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-10)


def test_methods_of_one_unit_are_shared_out():
    drawn = []

    def work(rank=0):
        study = study_of(random_dbn(), IMAGES)
        study.progress = lambda x, text, n: drawn.append((rank, text)) or x
        return Compared.of(study, Unit("h2", 3)).shown

    alone = work()
    by_one, drawn[:] = len(drawn), []
    for shown in together(2, work):
        assert list(shown) == list(alone)
        for name, pictures in alone.items():
            assert_alike(pictures, shown[name])
    assert len(drawn) == by_one and {rank for rank, _ in drawn} == {0, 1}


def test_what_one_rank_has_drawn_for_a_comparison_is_not_taken_for_known_to_all():
    def work(rank=0):
        study = study_of(random_dbn(), IMAGES)
        study.cache = PictureCache()
        Compared.of(study, Unit("h2", 1))
        return study.pictures(study.fitted(METHODS["combination"]), study.units("h2"))

    for pictures in together(2, work):
        assert_alike(work(), pictures)


def test_an_artefact_is_written_by_one_rank_and_there_for_all(tmp_path, monkeypatch):
    save, written = results.save_artefact, []
    monkeypatch.setattr(
        results, "save_artefact", lambda path, *how, **more: written.append(path) or save(path, *how, **more)
    )

    def work(rank):
        writer = Writer(tmp_path)
        writer.table("numbers", [{"a": 1, "b": 2}], seed=0)
        return writer.written, (tmp_path / "numbers.csv").read_text()

    found = together(3, work)
    assert written == [tmp_path / "numbers.csv"]
    assert found == [([tmp_path / "numbers.csv", tmp_path / "numbers.json"], "a,b\n1,2\n")] * 3


def test_random_numbers_do_not_depend_on_the_ranks():
    def work(rank):
        rng = current().draws(make_rng(np, 0), 6)
        return rng.random((2, 3))

    np.testing.assert_array_equal(np.concatenate(together(3, work)), make_rng(np, 0).random((6, 3)))


def taken(method, n, ranks):
    """Of `n` units, which ones each rank draws by `method`, a class of methods that is made to note them alone."""
    model = DBN([RBM.random(20, n, rng=np.random.default_rng(0))], input_shape=(4, 5), input_norm=2.0)
    study = study_of(model, IMAGES)

    class Noting(method):
        def __call__(self, model, units, *, rng, images=None):
            noted.extend(unit.index for unit in units)
            return METHODS["combination"](model, units, rng=rng)

    parts = []
    for rank in range(ranks):
        noted = []
        with using(OneOf(rank, ranks)), pytest.raises(Drawn):
            study.pictures(Noting(), study.units("h1"))
        parts.append(noted)
    assert [*itertools.chain(*parts)] == list(range(n))
    return parts


class Drawn(Exception):
    """A rank has drawn its part."""


class OneOf(Comm):
    """Rank `rank` of `size`, whose others are not there."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size

    def sum(self, x):
        raise AssertionError

    def gather(self, value):
        raise Drawn


@pytest.mark.parametrize(("n", "ranks"), [(250, 2), (500, 3), (90, 4), (3, 4)])
def test_ranks_draw_equally_many_units(n, ranks):
    counts = [len(part) for part in taken(ClampedGibbs, n, ranks)]
    assert max(counts) - min(counts) <= 3  # parts of a rank differ by one at the most


@pytest.mark.parametrize(("n", "ranks"), [(250, 2), (250, 4), (500, 3), (36, 2)])
@pytest.mark.parametrize("method", [ActivationMaximization, RegularizedOptimization])
def test_no_block_that_climbs_together_climbs_on_two_ranks(method, n, ranks):
    size = method().together(random_dbn())
    parts = taken(method, n, ranks)
    assert all(part[0] % size == 0 for part in parts if part)
    blocks = [len({i // size for i in part}) for part in parts]
    assert sum(blocks) == -(-n // size) and max(blocks) - min(blocks) <= 1 + (n > 250)
