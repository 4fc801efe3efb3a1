"""dbnvis.figures.picture_cache: pictures that figures show again are drawn once, and are the same to the bit."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from tiny_runs import tiny

from dbnvis import ActivationMaximization, ClampedGibbs, FilterCombination, TopImages, Unit
from dbnvis.commands.reproduce import QUICK, drawings
from dbnvis.evaluate.agreement import shuffled
from dbnvis.figures.opening import open_study
from dbnvis.figures.picture_cache import PictureCache
from dbnvis.figures.study import Study
from dbnvis.report import course
from dbnvis.report.mailing import write_report
from dbnvis.report.plan import Measured, Plan

METHODS = [
    ActivationMaximization(starts=2, max_steps=20),
    ClampedGibbs(chains=4, burn_in=5, draws=2, thin=2, shown=2),
    FilterCombination(k=4),
    TopImages(k=3),
]
PLAN = Plan(units=4, shown=2, chains=3, images=40, annealed=4, steps=(2, 3, 4))


@pytest.fixture
def bare(trained, tmp_path):
    return open_study(trained, tiny(), out=tmp_path / "figures", seed=3, xp=np)


@pytest.fixture
def drawn(monkeypatch):
    """How often each unit was drawn: by method, model, seed and unit."""
    counts, draw = Counter(), Study._drawn

    def counted(study, method, units):
        counts.update((repr(method), id(study.model), study.seed, unit) for unit in units)
        return draw(study, method, units)

    monkeypatch.setattr(Study, "_drawn", counted)
    return counts


def same(a, b):
    assert (a.units, a.notes, a.settings, a.roles) == (b.units, b.notes, b.settings, b.roles)
    x, y = a.arrays("pictures"), b.arrays("pictures")
    assert x.keys() == y.keys()
    for name in x:
        np.testing.assert_array_equal(x[name], y[name])


@pytest.mark.parametrize("method", METHODS, ids=lambda method: type(method).__name__)
def test_pictures_are_those_of_a_study_without_a_cache_whatever_was_drawn_before(bare, drawn, method):
    study = replace(bare, cache=PictureCache())
    for indices in ([2, 5], [5, 0, 2], [1], [0, 1, 2, 3, 4, 5]):
        units = [Unit("h2", i) for i in indices]
        same(study.pictures(method, units), bare.pictures(method, units))
    same(study.pictures(method, [Unit("h3", 2)]), bare.pictures(method, [Unit("h3", 2)]))
    drawn.clear()
    study.pictures(method, [Unit("h2", 4), Unit("h2", 0)])
    assert not drawn


def test_another_model_other_images_another_seed_or_settings_are_drawn_anew(bare, drawn):
    study = replace(bare, cache=PictureCache())
    method, unit = ClampedGibbs(chains=4, burn_in=1, draws=1, thin=1), [Unit("h2", 1)]
    study.pictures(method, unit)
    others = (
        replace(study, model=shuffled(study.model, rng=np.random.default_rng(0))),
        replace(study, images=study.images[::-1]),
        replace(study, seed=study.seed + 1),
    )
    for other in others:
        drawn.clear()
        same(other.pictures(method, unit), replace(other, cache=None).pictures(method, unit))
        assert set(drawn.values()) == {2}
    drawn.clear()
    assert len(study.pictures(replace(method, chains=5), unit).units) == drawn.total() == 1


def test_nothing_is_kept_of_a_method_with_a_prior_nor_unasked(bare, drawn):
    unit = [Unit("h2", 1)]
    study = replace(bare, cache=PictureCache())

    class Prior(FilterCombination):
        prior = object()

    for either, method in ((study, Prior(k=4)), (bare, FilterCombination(k=4))):
        drawn.clear()
        either.pictures(method, unit)
        either.pictures(method, unit)
        assert set(drawn.values()) == {2}


@pytest.mark.parametrize("quick", [True, False])
def test_a_reproduction_draws_no_unit_twice_by_the_same_method(bare, drawn, quick):
    """Its figures and its report, in which without a cache some would be."""
    study = replace(bare, cache=PictureCache())
    for draw in drawings(quick).values():
        draw(study)
    write_report(study, replace(PLAN, chains=ClampedGibbs.chains), study.writer, "report")
    assert set(drawn.values()) == {1}
    drawn.clear()
    bare.writer.overwrite = True
    drawings(quick)["methods"](bare)
    drawings(quick)["starts"](bare)
    assert max(drawn.values()) > 1


def test_a_quick_look_samples_no_unit_for_the_comparison_that_its_sheets_have_sampled(bare, drawn):
    study = replace(bare, cache=PictureCache())
    drawings(quick=True)["gibbs"](study)
    drawn.clear()
    drawings(quick=True)["methods"](study)
    assert drawn and not any("ClampedGibbs" in method for method, *_ in drawn)


def test_a_quick_report_samples_and_maximizes_no_unit_that_its_sheets_show(bare, drawn):
    study = replace(bare, cache=PictureCache())
    for name in ("am", "gibbs"):
        drawings(quick=True)[name](study)
    drawn.clear()
    write_report(study, replace(QUICK, annealed=4, steps=(2, 3, 4)), study.writer, "report")
    of_model = [method for method, model, *_ in drawn if model == id(study.model)]
    assert any("TopImages" in method for method in of_model)
    assert not any(name in method for method in of_model for name in ("ClampedGibbs", "ActivationMaximization"))


def test_a_report_has_the_charts_that_were_written(bare, monkeypatch):
    alone, again = Measured({}), Measured({})
    course.charts(bare, PLAN, alone)
    assert list(alone.charts) == ["training", "health_h1", "health_h2", "health_h3"]
    for name in ("training", "health"):
        drawings(quick=True)[name](bare)
    for draw in ("training_curves", "training_health"):
        monkeypatch.setattr(course, draw, lambda study: pytest.fail("drawn again"))
    course.charts(bare, PLAN, again)
    assert again.charts == alone.charts
