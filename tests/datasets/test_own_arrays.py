"""Arrays of the user's own: layouts, labels, scales, the split; what is done is said, what is unclear is refused."""

import numpy as np
import pytest

from dbnvis import datasets
from dbnvis.datasets.own.gate import TEST_SHARE, name_of

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (20, 4, 6), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (20, 4, 6, 3), dtype=np.uint8)
LABELS = np.arange(20) % 4


def both(images, labels=None, **keywords):
    """A data set whose test images are the training images."""
    return datasets.from_arrays("own", images, labels, images, labels, **keywords)


def test_bytes_are_divided_by_255_and_labels_kept():
    data = both(GREY, LABELS)
    np.testing.assert_array_equal(data.train_images, (GREY / np.float32(255)).astype("float32"))
    np.testing.assert_array_equal(data.train_labels, LABELS)
    assert data.input_range == (0, 1) and data.steps == ("pixels from 0 to 255 divided by 255",)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (COLOUR, np.moveaxis(COLOUR, 3, 1)),
        (np.moveaxis(COLOUR, 3, 1), np.moveaxis(COLOUR, 3, 1)),
        (GREY[..., None], GREY),
        (GREY[:, None], GREY),
        (GREY[:, :, :4].reshape(20, 16), GREY[:, :, :4]),
        (np.moveaxis(COLOUR[:, :, :4], 3, 1).reshape(20, 48), np.moveaxis(COLOUR[:, :, :4], 3, 1)),
        (GREY.tolist(), GREY),
    ],
    ids=["channels last", "channels first", "one last", "one first", "rows", "rows of planes", "lists"],
)
def test_every_layout_becomes_the_same_images(given, expected):
    np.testing.assert_array_equal(np.rint(255 * both(given).train_images), expected)


def test_rows_of_other_pictures_get_their_shape():
    data = both(GREY.reshape(20, 24), shape=(4, 6))
    np.testing.assert_array_equal(np.rint(255 * data.train_images), GREY)
    assert "rows of 24 pixels read as 4 x 6, row by row" in data.steps


@pytest.mark.parametrize(
    ("images", "within", "expected", "said"),
    [
        (GREY > 99, (0, 1), GREY > 99, "pixels are 0 and 1"),
        ((GREY > 99).astype(int), (0, 1), GREY > 99, "pixels are 0 and 1"),
        (GREY.astype("float64"), (0, 1), GREY / 255, "pixels from 0 to 255 divided by 255"),
        (GREY / 256, (0, 1), GREY / 256, "pixels from 0 to 0.996 taken as they are"),
        (GREY.astype(int) * 16, (0, 1), GREY * 16.0 / 4095, "pixels from 0 to 4080 divided by 4095"),
        (GREY.astype(int) * 257, (0, 1), GREY / 255, "pixels from 0 to 65535 divided by 65535"),
        (GREY / 128 - 1, (-np.inf, np.inf), GREY / 128 - 1, "pixels from -1 to 0.992188 taken as they are, real-"),
    ],
)
def test_pixels_are_scaled_by_one_rule(images, within, expected, said):
    data = both(images)
    np.testing.assert_allclose(data.train_images, expected, atol=1e-6)
    assert data.train_images.dtype == np.float32 and data.input_range == within
    assert data.steps[-1].startswith(said)


def test_training_and_test_images_are_scaled_alike():
    data = datasets.from_arrays("own", GREY, None, np.minimum(GREY, 1), None)
    assert data.test_images.max() == np.float32(1 / 255)


def test_a_range_that_is_given_is_kept():
    assert both(GREY % 17, input_range=(0.0, 16.0)).train_images.max() == 16


def test_the_same_pixels_have_the_same_hash_whatever_their_type_and_as_mnists_files():
    raw = (GREY, LABELS.astype(np.uint8), GREY, LABELS.astype(np.uint8))
    expected = datasets.dataset.arrays_hash(raw)
    for images in (GREY, GREY.astype(int), GREY.astype("float64")):
        assert both(images, LABELS.astype(float)).sha256 == expected


def test_labels_are_numbered_from_0_in_their_order_and_keep_their_names():
    data = both(GREY, LABELS * 3 + 2)
    np.testing.assert_array_equal(data.train_labels, LABELS)
    assert data.class_names == ("2", "5", "8", "11") and "labels 2, 5, 8, 11 numbered from 0" in data.steps
    data = both(GREY, np.array(["owl", "cat", "dog", "elk"])[LABELS])
    assert data.class_names == ("cat", "dog", "elk", "owl")
    np.testing.assert_array_equal(data.train_labels, np.array([3, 0, 1, 2])[LABELS])
    assert both(GREY, LABELS[:, None], class_names="wxyz").class_names == tuple("wxyz")
    assert both(GREY, LABELS + 1, class_names={1: "A", 2: "B", 3: "C", 4: "D"}).class_names == tuple("ABCD")
    assert both(GREY, np.minimum(LABELS, 1), class_names="wxyz").class_names == tuple("wxyz")


def test_names_of_classes_can_be_printed():
    assert both(GREY, np.array(["a\nb", "c"])[LABELS % 2]).class_names == (r"'a\nb'", "c")


def test_one_in_five_of_each_class_is_for_testing_and_none_is_lost():
    data = datasets.from_arrays("own", np.arange(1000).reshape(-1, 5, 4) % 255, np.arange(50) % 3)
    assert np.bincount(data.test_labels).tolist() == [17 // TEST_SHARE, 17 // TEST_SHARE, 16 // TEST_SHARE]
    together = np.concatenate([data.train_images, data.test_images]).reshape(50, -1)
    np.testing.assert_allclose(np.sort(together.ravel()), np.sort(np.arange(1000) % 255) / 255, atol=1e-7)
    assert "(41 to learn from, 9 to test with)" in data.steps[0]
    again = datasets.from_arrays("own", np.arange(1000).reshape(-1, 5, 4) % 255, np.arange(50) % 3)
    assert again.sha256 == data.sha256
    assert len(datasets.from_arrays("own", GREY[:2]).test_images) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((GREY[:1],), "two images at least, one to learn from and one to test with; found one"),
        ((GREY[:0],), "expected at least one image"),
        ((GREY.reshape(20, 24),), r"rows of 24 pixels are no square picture.*shape=\(H, W\)"),
        ((np.zeros((5, 4, 4, 4)),), r"got shape \(5, 4, 4, 4\); leave the fourth channel out"),
        ((np.zeros((5, 4, 4, 2)),), r"expected \(N, H, W\) of greys, .* got shape \(5, 4, 4, 2\)$"),
        ((np.array([object()] * 4).reshape(1, 2, 2),), "expected real numbers, got an array of object"),
        ((GREY + 1j,), "expected real numbers"),
        ((np.where(GREY > 9, np.nan, GREY),), "found .* that are NaN or infinite"),
        ((GREY * 0 + 7,), "all pixels of all images are 7, so there is nothing to see"),
        ((GREY % 17,), "found 0 to 16; divide them by the largest"),
        ((GREY * 1000.0,), "found 0 to 255000; divide"),
        ((GREY / 10,), "found 0 to 25.5; divide"),
        ((GREY, LABELS[:3]), r"train labels: expected one for each of 20 images, got shape \(3,\)"),
        ((GREY, np.eye(20)), r"one number for each image, got shape \(20, 20\); argmax"),
        ((GREY, LABELS + 0.5), "expected whole numbers or texts, got float64"),
        ((GREY, LABELS, GREY, LABELS.astype(str)), "labels of one type"),
        ((GREY, None, GREY[:, :3]), "the train images are 4 x 6 pixels, the test images 3 x 6; expected one size"),
    ],
)
def test_what_cannot_be_told_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        datasets.from_arrays("own", *arguments)


@pytest.mark.parametrize("name", ["", "a/b", ".hidden", "a b", "x" * 61, "a\n"])
def test_names_that_are_no_folders_are_refused(name):
    with pytest.raises(ValueError, match="a data set's name becomes that of a folder"):
        datasets.from_arrays(name, GREY)


def test_names_from_paths(tmp_path):
    assert name_of(tmp_path / "my pictures!", []) == "my-pictures"
    assert name_of(tmp_path / "mnist", ["mnist"]) == "own-mnist"
    assert name_of(tmp_path / "...", []) == "pictures"
