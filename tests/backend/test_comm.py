"""dbnvis.backend.comm: how ranks share work, and that what they share is what one does alone."""

import subprocess
import sys

import numpy as np
import pytest
from ranks import together

from dbnvis.backend import OwnRows, comm, kernels, logistic_sample
from dbnvis.backend.comm import Alone, check_same, current, on_first, over_ranks, using


def test_alone_nothing_is_sent_and_mpi4py_is_not_imported():
    x = np.arange(3.0)
    assert current().size == 1 and current().sum(x) is x and current().gather(x)[0] is x
    assert current().own(7) == slice(0, 7)
    code = "import sys, dbnvis.cli; dbnvis.cli.main(['data']); assert 'mpi4py' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize(("n", "size"), [(7, 3), (2, 4), (12, 4), (0, 2)])
def test_own_parts_are_all_and_as_equal_as_they_can_be(n, size):
    parts = [range(n)[part] for part in together(size, lambda rank: current().own(n))]
    assert [i for part in parts for i in part] == list(range(n))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("axis", [0, 1])
def test_own_rows_get_what_they_would_get_in_the_whole(axis):
    whole = np.random.default_rng(0)
    shape = (6, 6, 4)
    uniform, normal = whole.random(shape, dtype="float32"), whole.standard_normal(shape)
    parts = []
    for rows in (slice(0, 2), slice(2, 3), slice(3, 6)):
        part = list(shape)
        part[axis] = rows.stop - rows.start
        rng = OwnRows(np.random.default_rng(0), rows, 6, axis=axis)
        parts.append((rng.random(tuple(part), dtype="float32"), rng.standard_normal(tuple(part))))
    np.testing.assert_array_equal(np.concatenate([x for x, _ in parts], axis), uniform)
    np.testing.assert_array_equal(np.concatenate([x for _, x in parts], axis), normal)


@pytest.mark.parametrize("generator", [np.random.PCG64, np.random.PCG64DXSM, np.random.Philox, np.random.MT19937])
@pytest.mark.parametrize("columns", [4, 7])
@pytest.mark.parametrize("before", [0, 3])  # numbers of float32 drawn before: an odd one leaves half a draw
def test_samples_of_own_rows_are_those_of_the_whole_and_so_are_the_numbers_after_them(generator, columns, before):
    pre, bias = np.random.default_rng(1).standard_normal((9, columns)).astype("f4"), np.zeros(columns, "f4")

    def drawn(rows):
        rng = np.random.Generator(generator(5))
        rng.random(before, dtype="float32")
        own = rng if rows is None else OwnRows(rng, rows, 9)
        x = logistic_sample(pre[rows or slice(None)], bias, rng=own)
        return x, rng.random(3, dtype="float32")

    whole, after = drawn(None)
    for rows in (slice(0, 2), slice(2, 3), slice(3, 9)):
        part, then = drawn(rows)
        np.testing.assert_array_equal(part, whole[rows])
        np.testing.assert_array_equal(then, after)


def test_sums_and_values_reach_all():
    def work(rank):
        x = np.full(3, float(rank))
        assert current().sum(x) is x
        return x.tolist(), current().gather(f"rank {rank}")

    assert together(3, work) == [([3.0, 3.0, 3.0], ["rank 0", "rank 1", "rank 2"])] * 3


@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_work_over_ranks_comes_back_in_order_and_is_done_alone(n):
    seen = []

    def work(item):
        seen.append((item, current().size))
        return item * item

    assert together(3, lambda rank: over_ranks(work, range(n))) == [[i * i for i in range(n)]] * 3
    done = [item for item, _ in seen]
    assert sorted(set(done)) == list(range(n)) and len(done) == (n if n > 1 else 3 * n)
    assert all(size == 1 for _, size in seen) or n < 2


def test_what_one_rank_raises_all_do():
    raised = []

    def failing(rank):
        try:
            over_ranks(lambda item: 1 // item, range(4))
        except ZeroDivisionError:
            raised.append(rank)

    together(2, failing)
    assert sorted(raised) == [0, 1]


def test_rank_0_does_for_all_what_need_not_be_done_twice():
    done = []

    def work():
        done.append(current().size)
        return "looked"

    assert together(3, lambda rank: on_first(work)) == ["looked"] * 3 and done == [1]

    def failing():
        raise OSError("no file")

    errors = []

    def tried(rank):
        try:
            on_first(failing)
        except OSError as error:
            errors.append(str(error))

    together(3, tried)
    assert errors == ["no file"] * 3


def test_ranks_that_differ_are_named():
    with pytest.raises(ValueError, match=r"^the ranks differ in a thing: rank 0 has 5, rank 2 6; make them alike$"):
        together(3, lambda rank: check_same("a thing", 5 + rank // 2, "make them alike"))


def test_steps_are_not_recorded_where_sums_go_through_the_host(monkeypatch):
    """A GPU cannot look at a sum in the middle of what it records."""
    monkeypatch.setattr(kernels.graphs, "Recorded", lambda function: "recorded")
    gpu = type("cupy", (), {"__name__": "cupy"})
    done = []
    assert kernels.recorded(gpu, lambda: done.append(1)) == "recorded"
    world = type("World", (), {"Get_rank": lambda self: 0, "Get_size": lambda self: 2})()
    with using(comm.MPI(world)):
        kernels.recorded(gpu, lambda: done.append(1))(3)
    assert done == [1, 1, 1]


def test_within_a_block_work_is_shared_with_others():
    other = Alone()
    with using(other):
        assert current() is other
    assert current() is not other and isinstance(current(), comm.Alone)
