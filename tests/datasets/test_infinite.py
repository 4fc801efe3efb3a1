"""dbnvis.datasets.infinite: the published maps restated, pixels by SciPy and loops, any order, chunks, memory."""

import threading
import tracemalloc

import numpy as np
import pytest
from ranks import together
from scipy import ndimage

from dbnvis.datasets import Dataset
from dbnvis.datasets.deform import warp
from dbnvis.datasets.infinite import COPIES, FIELDS, InfiniteDigits, Stream, displacement_fields, recipe

N_TEST, N_TRAIN, SHAPE = 7, 30, (9, 8)


def dataset(n_test=N_TEST, n_train=N_TRAIN, shape=SHAPE, seed=0):
    """Smooth blobs that reach the frame."""
    noise = np.random.default_rng(seed).random((n_test + n_train, *shape))
    images = np.rint(255 * np.clip(6 * ndimage.gaussian_filter(noise, (0, 1.2, 1.2)) - 2.5, 0, 1))
    images = (images / 255).astype(np.float32)
    labels = np.arange(n_test + n_train) % 10
    return Dataset("blobs", images[n_test:], labels[n_test:], images[:n_test], labels[:n_test], "0" * 64)


@pytest.fixture(scope="module")
def digits():
    return InfiniteDigits(dataset())


def published(i, n_test=10_000, n_train=60_000):
    """(source, k1, k2, alpha, shift) of index i, in words of the generator's description."""
    if i < n_test + n_train:
        return i, None, None, None, None
    k1 = (131071 * i) % 1521
    k2 = (k1 + 1 + 2 * i) % 1522
    return n_test + (i - n_test) % n_train, k1, k2, -1.0 if (k1 + k2) % 2 == 1 else 1.0, k1 % 9


# --- the published maps


@pytest.mark.parametrize(("n_test", "n_train"), [(10_000, 60_000), (5000, 30_000), (N_TEST, N_TRAIN)])
def test_the_maps_are_the_published_ones(n_test, n_train):
    end = n_test + n_train * (1 + COPIES)
    edges = [0, n_test - 1, n_test, n_test + n_train - 1, n_test + n_train, n_test + 2 * n_train, end - 1]
    index = np.concatenate([edges, np.random.default_rng(0).integers(0, end, 3000)])
    made = recipe(index, n_test, n_train)
    for i, source, k1, k2, alpha, shift in zip(index.tolist(), *(column.tolist() for column in made), strict=True):
        expected = published(i, n_test, n_train)
        if expected[1] is None:
            assert (source, alpha, shift) == (expected[0], 0, 8)
        else:
            assert (source, k1, k2, alpha, shift) == expected


def test_eight_of_nine_deformed_copies_are_shifted():
    made = recipe(np.arange(70_000, 570_000), 10_000, 60_000)
    counts = np.bincount(made.shift, minlength=9)
    assert 1 - counts[8] / counts.sum() == pytest.approx(8 / 9, abs=0.005)
    np.testing.assert_allclose(counts / counts.sum(), 1 / 9, atol=0.005)


def test_the_published_rule_always_negates():
    """1,522 is even, so k2 has the parity of k1 + 1 and k1 + k2 is odd."""
    assert set(recipe(np.arange(70_000, 570_000), 10_000, 60_000).alpha) == {-1}


def test_no_two_deformations_of_a_digit_use_the_same_fields():
    made = recipe(10_000 + 123 + 60_000 * np.arange(1, COPIES + 1), 10_000, 60_000)
    assert (made.source == 10_123).all()
    assert len(set(zip(made.k1.tolist(), made.k2.tolist(), strict=True))) == COPIES


# --- pixels


def shifted(image, shift):
    """An image moved by one pixel, zeros moving in; 0 up, 1 down, 2 left, 3 right, then two at once, 8 none."""
    out = image.copy()
    for move in {0: "u", 1: "d", 2: "l", 3: "r", 4: "ul", 5: "ur", 6: "dl", 7: "dr", 8: ""}[shift]:
        rows, columns = {"u": (1, 0), "d": (-1, 0), "l": (0, 1), "r": (0, -1)}[move]
        source, out = out, np.zeros_like(out)
        for r in range(out.shape[0]):
            for c in range(out.shape[1]):
                if 0 <= r + rows < out.shape[0] and 0 <= c + columns < out.shape[1]:
                    out[r, c] = source[r + rows, c + columns]
    return out


def by_hand(data, i):
    """Example i in float64, pixel by pixel."""
    source, k1, k2, alpha, shift = published(i, N_TEST, N_TRAIN)
    images = np.rint(255 * np.concatenate([data.test_images, data.train_images]).astype(float))
    if k1 is None:
        return images[source]
    fields = displacement_fields(SHAPE).astype(float)
    smooth = np.pad(images[source], 2)
    for axis in (0, 1):
        smooth = ndimage.correlate1d(smooth, [0.25, 0.5, 0.25], axis=axis, mode="constant")
    down, along = (ndimage.correlate1d(smooth, [-0.5, 0, 0.5], axis=axis)[2:-2, 2:-2] for axis in (0, 1))
    changed = images[source] + alpha * (fields[k1] * down - fields[k2] * along)
    return shifted(np.trunc(np.clip(changed, 0, 255)), shift)


def test_pixels_are_those_of_the_definition_exactly(digits):
    index = [0, 6, 7, 36, 37, 38, 40, 41, 500, 501, 2222, 3333, len(digits) - 1]
    assert set(digits.recipe(np.arange(37, 46)).shift) == set(range(9))
    index += range(37, 46)
    pixels = digits.pixels(index)
    assert pixels.dtype == np.uint8 and pixels.shape == (len(index), *SHAPE)
    data = dataset()
    for i, image in zip(index, pixels, strict=True):
        np.testing.assert_array_equal(image, by_hand(data, i), err_msg=str(i))


def test_the_data_set_itself_comes_first_bit_for_bit(digits):
    data = dataset()
    everything = np.concatenate([data.test_images, data.train_images])
    images = digits.images(np.arange(N_TEST + N_TRAIN))
    assert images.dtype == np.float32
    np.testing.assert_array_equal(images, everything)
    deformed = digits.images(np.arange(N_TEST + N_TRAIN, N_TEST + 2 * N_TRAIN))
    assert deformed.min() >= 0 and deformed.max() <= 1
    assert (abs(deformed - data.train_images).max(axis=(1, 2)) > 0.1).all()


def test_labels_are_those_of_the_source(digits):
    data = dataset()
    np.testing.assert_array_equal(
        digits.labels([3, N_TEST + 4, N_TEST + 4 + 77 * N_TRAIN]), [3, *[data.train_labels[4]] * 2]
    )


def test_a_small_deformation_is_the_warp_by_its_field():
    """Of a smooth picture: what pixels change by is what looking that far away changes them by, to first order."""
    rows, columns = np.indices((40, 40)) - 19.5
    blob = np.rint(255 * np.exp(-(rows**2 / 120 + columns**2 / 80))).astype(np.float32)[None] / 255
    digits = InfiniteDigits(Dataset("blob", blob, np.zeros(1, int), blob, np.zeros(1, int), ""))
    unmoved = [i for i in range(2, len(digits)) if published(i, 1, 1)[4] == 8]
    fields = displacement_fields((40, 40))
    for i in unmoved:
        _, k1, k2, alpha, _ = published(i, 1, 1)
        field = np.float32(alpha) * np.stack([fields[k1], -fields[k2]])
        exact, first_order = (x - blob[0] for x in (warp(blob, field[None])[0], digits.images([i])[0]))
        assert np.corrcoef(exact.ravel(), first_order.ravel())[0, 1] > 0.9
    assert len(unmoved) > 10


def test_fields_are_as_strong_as_said_and_exact_in_float32():
    fields = displacement_fields((28, 28))
    assert fields.shape == (FIELDS, 28, 28) and fields.dtype == np.float32
    assert np.sqrt((fields.astype(float) ** 2).mean()) == pytest.approx(1.4, abs=0.1)
    assert abs(fields).max() < 8  # with 1/128 pixels and tangents of 1/32: 24 bits hold x + F T - F' T'
    np.testing.assert_array_equal(fields * 128, np.rint(fields * 128))
    np.testing.assert_array_equal(fields, displacement_fields((28, 28)))


# --- addresses


def test_any_order_gives_what_the_sequence_gives(digits):
    sequence = digits.pixels(np.arange(len(digits)))
    order = np.random.default_rng(1).permutation(len(digits))
    np.testing.assert_array_equal(digits.pixels(order), sequence[order])
    for i in (0, 36, 37, len(digits) - 1):
        np.testing.assert_array_equal(digits.pixels([i])[0], sequence[i])
    assert digits.pixels(np.array([], int)).shape == (0, *SHAPE)


def test_the_last_example_takes_no_more_memory_than_the_first_deformed_one(digits):
    peaks = []
    for i in (N_TEST + N_TRAIN, len(digits) - 1):
        digits.pixels([i])
        tracemalloc.start()
        digits.pixels([i])
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0] < 100_000


@pytest.mark.parametrize("wrong", [-1, N_TEST + N_TRAIN * (1 + COPIES), 10**12])
def test_an_index_beyond_the_stream_is_refused(digits, wrong):
    last = N_TEST + N_TRAIN * (1 + COPIES) - 1
    for read in (digits.pixels, digits.images, digits.labels):
        with pytest.raises(IndexError, match=f"example {wrong} does not exist: they are numbered 0 to {last}"):
            read([5, wrong])


@pytest.mark.parametrize("wrong", [[0.5], [[1, 2]], 3, [True]])
def test_an_index_that_is_none_is_refused(digits, wrong):
    with pytest.raises(TypeError, match="expected integers in one dimension"):
        digits.pixels(wrong)


def test_whitened_images_are_refused():
    x, y = np.zeros((2, 4, 4), np.float32), np.zeros(2, int)
    with pytest.raises(ValueError, match=r"white: only pixels in \[0, 1\] can be deformed"):
        InfiniteDigits(Dataset("white", x, y, x, y, "", (-np.inf, np.inf)))


# --- the stream


@pytest.mark.parametrize("threads", [1, 3])
def test_chunks_are_the_training_examples_in_order(digits, threads):
    """Sixty chunks and a rest left out; read in any order, some twice."""
    with Stream(digits, 60 * 50 + 49, chunk=50, threads=threads) as stream:
        assert stream.epochs == 60
        for epoch in (0, 1, 2, 2, 59, 0, 17):
            expected = digits.images(N_TEST + 50 * epoch + np.arange(50)).reshape(50, -1)
            np.testing.assert_array_equal(stream.images(epoch), expected)
        stream.images(3)[...] = 7  # the reader's own
        assert stream.images(3).max() <= 1


def test_a_stream_has_memory_for_two_chunks(digits):
    def peak(examples):
        tracemalloc.start()
        with Stream(digits, examples, chunk=100, threads=1) as stream:
            for epoch in range(stream.epochs):
                stream.images(epoch)
            found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()  # with no thread at work, or Python 3.11 may crash
        return found

    peak(200)
    few = max(peak(400) for _ in range(10))  # as many chunks in all: reading and making have met at their worst
    many = peak(4000)
    assert many < 1.2 * few


@pytest.mark.parametrize(("examples", "chunk"), [(49, 50), (N_TRAIN * (1 + COPIES) + 1, 50), (50, 0), (0, 0)])
def test_a_stream_of_too_few_or_too_many_is_refused(digits, examples, chunk):
    with pytest.raises(ValueError, match=rf"to {N_TRAIN * (1 + COPIES)} examples, got {examples}"):
        Stream(digits, examples, chunk=chunk)


@pytest.mark.parametrize("epoch", [-1, 4])
def test_a_chunk_beyond_the_stream_is_refused(digits, epoch):
    with (
        Stream(digits, 200, chunk=50) as stream,
        pytest.raises(IndexError, match=f"chunk {epoch} does not exist.*0 to 3"),
    ):
        stream.images(epoch)


def deforming():
    return [thread for thread in threading.enumerate() if thread.name.startswith("deform")]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_no_thread_survives_an_error(digits, error):
    def fails():
        with Stream(digits, 4000, chunk=2000, threads=2) as stream:
            stream.images(0)
            assert deforming()
            raise error

    with pytest.raises(error):
        fails()
    assert not deforming()


def test_an_error_in_a_thread_reaches_the_reader(digits, monkeypatch):
    def fails(index):
        raise MemoryError("no room")

    monkeypatch.setattr(digits, "pixels", fails)
    with Stream(digits, 200, chunk=50) as stream, pytest.raises(MemoryError, match="no room"):
        stream.images(0)


def test_what_is_streamed_is_told_by_its_sha(digits):
    other = InfiniteDigits(dataset(shape=(9, 9)))
    assert digits.sha256 == InfiniteDigits(dataset()).sha256 != other.sha256
    with Stream(digits, 200, chunk=50) as a, Stream(digits, 249, chunk=50) as b, Stream(digits, 250, chunk=50) as c:
        assert a.sha256 == b.sha256 != c.sha256


@pytest.mark.parametrize("n", [2, 3])
def test_several_ranks_make_a_part_of_a_chunk_each_and_read_the_whole(digits, n):
    with Stream(digits, 40, chunk=10) as stream:
        chunks = [stream.images(epoch) for epoch in range(4)]

    def work(rank):
        with Stream(digits, 40, chunk=10) as stream:
            read = [stream.images(epoch) for epoch in range(4)]
            return read, len(stream._chunks[3][0])

    ranks = together(n, work)
    assert sum(made for _, made in ranks) == 10
    for read, _ in ranks:
        np.testing.assert_array_equal(read, chunks)
