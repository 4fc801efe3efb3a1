"""dbnvis.visualize.visualizer: unit addresses, results, groups of units and random streams."""

from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import numpy as np
import pytest

from dbnvis import DBN, RBM, Unit, UnitImages
from dbnvis.backend import to_numpy
from dbnvis.models.units import as_units
from dbnvis.visualize import visualizer as base
from dbnvis.visualize.visualizer import blocks, unit_rngs, unit_streams


def small_dbn(sizes=(6, 5, 4, 3), seed=0):
    dbn = DBN.random(sizes, (2, 3), rng=np.random.default_rng(seed))
    dbn.input_norm = 2.0
    return dbn


def some_images(units, seed, extras=("trace",)):
    rng = np.random.default_rng(seed)
    return UnitImages(
        units=tuple(units),
        images=rng.random((len(units), 2, 3, 3)),
        scores=rng.random((len(units), 2)),
        settings={"method": "Some", "k": 2},
        notes=tuple(f"note {unit}" for unit in units),
        extras={name: rng.random((len(units), 4)) for name in extras},
    )


# --- addresses


@pytest.mark.parametrize("text", ["h3:17", " h3:17 ", "h3:017"])
def test_parse_reads_layer_and_index(text):
    assert Unit.parse(text) == Unit("h3", 17)


@pytest.mark.parametrize("unit", [Unit("h1", 0), Unit("h3", 17), Unit("conv2", 499)])
def test_str_and_parse_are_inverse(unit):
    assert Unit.parse(str(unit)) == unit


def test_str_is_the_documented_form():
    assert str(Unit("h3", 17)) == "h3:17"


@pytest.mark.parametrize(
    "text", ["", "h3", "h3:", ":3", "h3:-1", "h3:1.5", "h3:x", "h3 17", "h3:1:2", "h3:1,2", "h 3:1"]
)
def test_parse_refuses_anything_else_and_shows_the_form(text):
    with pytest.raises(ValueError, match=r"LAYER:INDEX, such as h3:17; got") as error:
        Unit.parse(text)
    assert repr(text) in str(error.value)


def test_units_are_ordered_frozen_and_hashable():
    assert sorted({Unit("h2", 3), Unit("h1", 20), Unit("h2", 1), Unit("h1", 20)}) == [
        Unit("h1", 20),
        Unit("h2", 1),
        Unit("h2", 3),
    ]
    with pytest.raises(FrozenInstanceError):
        Unit("h1", 0).index = 3


# --- as_units


def test_as_units_takes_units_and_their_texts_in_the_order_given():
    assert as_units(small_dbn(), ["h2:3", Unit("h2", 0), "h2:3"]) == ("h2", [3, 0, 3])


def test_as_units_refuses_no_units():
    with pytest.raises(ValueError, match="units of one layer, got no unit"):
        as_units(small_dbn(), [])


def test_as_units_refuses_several_layers_and_names_them():
    with pytest.raises(ValueError, match="units of one layer, got h1, h3"):
        as_units(small_dbn(), ["h3:0", "h1:0"])


@pytest.mark.parametrize("index", [-1, 3, 250])
def test_as_units_refuses_an_index_beyond_the_layer_and_says_what_exists(index):
    with pytest.raises(ValueError, match=rf"no unit h3:{index}; layer h3 has units h3:0 to h3:2$"):
        as_units(small_dbn(), [Unit("h3", 0), Unit("h3", index)])


@pytest.mark.parametrize("layer", ["h4", "h0", "conv1", "x"])
def test_as_units_refuses_a_missing_layer_and_lists_those_that_exist(layer):
    with pytest.raises(KeyError) as error:
        as_units(small_dbn(), [Unit(layer, 0)])
    head, names = error.value.args[0].split("; the model has ")
    assert head == f"no layer {layer!r}"
    assert sorted(names.split(", ")) == ["h1", "h2", "h3"]


@pytest.mark.parametrize(
    ("asked", "nearest"), [("h22", "h2"), ("h33", "h3"), ("3", "h3"), ("H2", "h2"), ("h1.pre", None)]
)
def test_as_units_lists_the_layers_in_their_order_and_the_one_that_may_be_meant(asked, nearest):
    with pytest.raises(KeyError) as error:
        as_units(small_dbn(), [Unit(asked, 0)])
    hint = f"; did you mean {nearest}?" if nearest else ""
    assert error.value.args[0] == f"no layer '{asked}'; the model has h1, h2, h3{hint}"


# --- UnitImages.join


def test_join_puts_the_groups_one_after_the_other():
    parts = [some_images([Unit("h2", i) for i in group], seed) for seed, group in enumerate([[4, 1], [0], [2, 2]])]
    joined = UnitImages.join(parts)
    assert joined.indices == [4, 1, 0, 2, 2]
    assert joined.layer == "h2"
    assert joined.notes == ("note h2:4", "note h2:1", "note h2:0", "note h2:2", "note h2:2")
    assert joined.settings == {"method": "Some", "k": 2}
    at = 0
    for part in parts:
        rows = slice(at, at + len(part.units))
        np.testing.assert_array_equal(joined.images[rows], part.images)
        np.testing.assert_array_equal(joined.scores[rows], part.scores)
        np.testing.assert_array_equal(joined.extras["trace"][rows], part.extras["trace"])
        at = rows.stop
    assert at == len(joined.images) == len(joined.scores) == len(joined.extras["trace"])


def test_join_of_one_group_changes_nothing():
    part = some_images([Unit("h1", 2)], 0, extras=())
    joined = UnitImages.join([part])
    assert (joined.units, joined.notes, joined.extras) == (part.units, part.notes, {})
    np.testing.assert_array_equal(joined.images, part.images)


# --- groups of units


@pytest.mark.parametrize("n_units", [0, 1, 7, 48, 100])
@pytest.mark.parametrize("bytes_per_unit", [1, 10, 333, 10_000])
def test_groups_cover_all_units_within_the_memory(monkeypatch, n_units, bytes_per_unit):
    monkeypatch.setattr(base, "MEMORY", 1000)
    numbers = list(range(3, 3 + n_units))
    groups = blocks(SimpleNamespace(xp=np), numbers, bytes_per_unit)
    assert [i for group in groups for i in group] == numbers
    for group in groups:
        assert len(group) * bytes_per_unit <= 1000 or len(group) == 1  # one unit at least, however large
    if len(groups) > 1:  # as few as fit
        assert (len(groups[0]) + 1) * bytes_per_unit > 1000


@pytest.mark.parametrize("n_units", [0, 1, 63, 64, 65, 200])
@pytest.mark.parametrize(("memory", "size"), [(10_000, 64), (400, 40)])
def test_on_a_gpu_all_groups_are_of_one_size_whatever_is_asked_for(monkeypatch, n_units, memory, size):
    monkeypatch.setattr(base, "MEMORY", memory)
    numbers = list(range(3, 3 + n_units))
    groups = blocks(SimpleNamespace(xp=SimpleNamespace(__name__="cupy")), numbers, 10)
    assert {len(group) for group in groups} <= {size}
    every = [i for group in groups for i in group]
    assert every[:n_units] == numbers and set(every[n_units:]) <= set(numbers[-1:])


# --- random streams


def draws(model, layer, indices, *seed):
    return [to_numpy(g.random(8)) for g in unit_rngs(model, layer, indices, seed=seed[0])]


def test_a_units_numbers_depend_on_the_seed_and_the_unit_alone():
    dbn = small_dbn()
    alone = draws(dbn, "h2", [2], 7)[0]
    for indices in ([2, 0], [0, 1, 2, 3], [3, 2, 2]):
        for index, numbers in zip(indices, draws(dbn, "h2", indices, 7), strict=True):
            assert np.array_equal(numbers, alone) == (index == 2)
    assert not np.array_equal(draws(dbn, "h2", [2], 8)[0], alone)


def test_units_of_different_layers_and_indices_get_different_numbers():
    dbn = DBN([RBM.random(6, 40, rng=np.random.default_rng(0)), RBM.random(40, 40, rng=np.random.default_rng(1))], (6,))
    numbers = np.array([x for layer in dbn.layer_names for x in draws(dbn, layer, range(40), 0)])
    assert len(np.unique(numbers)) == numbers.size


def test_streams_are_the_units_generators_side_by_side_and_others_for_another_draw():
    dbn = small_dbn()
    first = unit_streams(dbn, "h2", [2, 0], seed=7).random((2, 8))
    np.testing.assert_array_equal(first, draws(dbn, "h2", [2, 0], 7))
    again = unit_streams(dbn, "h2", [2, 0], seed=7, draw=1).random((2, 8))
    assert (again != first).all()
    np.testing.assert_array_equal(unit_streams(dbn, "h2", [0], seed=7, draw=1).random((1, 8))[0], again[1])
