"""A folder of pictures as a data set: classes, parts, sizes, colours, and files that cannot be read."""

import numpy as np
import pytest
from PIL import Image

from dbnvis import datasets

RNG = np.random.default_rng(2)


def save(path, pixels, mode=None, **keywords):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8), mode).save(path, **keywords)
    return path


def noise(rows=6, columns=4, colours=()):
    return RNG.integers(0, 256, (rows, columns, *colours), dtype=np.uint8)


def images_of(data):
    """All images as bytes, in no order."""
    whole = np.concatenate([data.train_images, data.test_images])
    return {np.rint(255 * image).astype(np.uint8).tobytes() for image in whole}


def test_subfolders_are_classes_and_every_picture_is_there_once(tmp_path):
    pictures = {(name, i): noise() for name in ("cat", "Dog", "elk") for i in range(10)}
    for (name, i), pixels in pictures.items():
        save(tmp_path / name / ("deep" if i == 3 else "") / f"{i}.png", pixels)
    (tmp_path / ".hidden").mkdir()
    save(tmp_path / ".hidden" / "x.png", noise())
    data = datasets.load(tmp_path)
    assert data.class_names == ("Dog", "cat", "elk") and data.input_shape == (6, 4)
    assert len(data.train_images) == 24 and np.bincount(data.test_labels).tolist() == [2, 2, 2]
    found = {}
    for part in ("train", "test"):
        for image, label in zip(getattr(data, f"{part}_images"), getattr(data, f"{part}_labels"), strict=True):
            found[np.rint(255 * image).astype(np.uint8).tobytes()] = data.class_names[label]
    assert found == {pixels.tobytes(): name for (name, _), pixels in pictures.items()}
    assert "grey" in data.steps and len({*data.train_labels[:6]}) > 1  # in an order that is drawn


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "val")])
def test_a_pair_of_folders_is_honoured(tmp_path, train, test):
    kept = {train: noise(), test: noise()}
    for part, pixels in kept.items():
        for name in ("a", "b"):
            save(tmp_path / part / name / "1.png", pixels)
    data = datasets.load(tmp_path)
    for part, images in ((train, data.train_images), (test, data.test_images)):
        np.testing.assert_array_equal(np.rint(255 * images), np.stack([kept[part]] * 2))
    assert sorted(data.train_labels) == sorted(data.test_labels) == [0, 1] and data.class_names == ("a", "b")
    save(tmp_path / test / "c" / "1.png", noise())
    with pytest.raises(ValueError, match="the folder to learn from has no class c, the other has"):
        datasets.load(tmp_path)


def test_a_test_folder_without_classes_is_left_out(tmp_path):
    for i in range(10):
        save(tmp_path / "train" / "ab"[i % 2] / f"{i}.png", noise())
    save(tmp_path / "test" / "1.png", noise())
    data = datasets.load(tmp_path)
    assert "1 picture to test with left out, as no folders say their classes" in data.steps
    assert len(data.train_images) == 8 and data.class_names == ("a", "b")


def test_pictures_without_subfolders_have_no_labels(tmp_path):
    for i in range(10):
        save(tmp_path / f"{i}.png", noise())
    data = datasets.load(tmp_path)
    assert data.train_labels is None and data.class_names == () and data.name == tmp_path.name.replace("[", "-")


def test_sizes_become_the_commonest_with_proportions_kept(tmp_path):
    """A white picture of half the width keeps its shape: ground to its left and right is its own border, white."""
    for i in range(3):
        save(tmp_path / f"{i}.png", np.full((8, 8), 10 + i))
    tall = np.zeros((16, 8))
    tall[4:12, 2:6] = 255
    save(tmp_path / "tall.png", tall)
    data = datasets.load(tmp_path)
    assert data.input_shape == (8, 8)
    said = "1 picture of 4 resized to 8 x 8 (rows x columns, the commonest size), proportions kept, the rest filled"
    assert any(step.startswith(said) for step in data.steps)
    whole = np.concatenate([data.train_images, data.test_images])
    (found,) = whole[whole.max(axis=(1, 2)) > 0.5]
    assert found[:, :2].max() == found[:, 6:].max() == 0 and found[3:5, 3:5].min() > 0.9


def test_large_pictures_are_shrunk_to_64(tmp_path):
    for i in range(4):
        save(tmp_path / f"{i}.jpg", noise(100, 128))
    data = datasets.load(tmp_path)
    assert data.input_shape == (50, 64)
    assert any("4 pictures" in step and "the commonest, 100 x 128, shrunk to 64" in step for step in data.steps)


def test_all_are_in_colour_if_one_is_and_grey_if_none_is(tmp_path):
    grey = noise()
    for i in range(4):
        save(tmp_path / f"{i}.png", np.stack([grey + i] * 3, axis=-1))  # saved as colours, all of them grey
    assert datasets.load(tmp_path).input_shape == (6, 4)
    red = np.zeros((6, 4, 3))
    red[..., 0] = 250
    save(tmp_path / "red.png", red)
    data = datasets.load(tmp_path)
    assert data.input_shape == (3, 6, 4) and "in colour: red, green and blue" in data.steps
    assert np.moveaxis(red, 2, 0).astype(np.uint8).tobytes() in images_of(data)
    assert np.stack([grey] * 3).tobytes() in images_of(data)


def test_modes_and_animations_are_read_and_told(tmp_path):
    frames = [Image.fromarray(np.full((6, 4), 30 * i, np.uint8)) for i in (3, 5)]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    Image.fromarray(np.full((6, 4), 40_000, np.uint16)).save(tmp_path / "deep.png")
    save(tmp_path / "see_through.png", np.full((6, 4, 4), (200, 200, 200, 0)))
    save(tmp_path / "bilevel.png", noise())
    turned = Image.Exif()
    turned[0x0112] = 6  # a quarter turn: its rows are the columns
    save(tmp_path / "turned.jpg", noise(4, 6), exif=turned)
    data = datasets.load(tmp_path)
    assert data.input_shape == (6, 4)
    for said in ("1 picture: its first frame", "1 picture: divided by 65535", "1 picture: turned upright"):
        assert said in data.steps
    assert np.full((6, 4), 90, np.uint8).tobytes() in images_of(data)
    assert np.full((6, 4), round(255 * 40_000 / 65_535), np.uint8).tobytes() in images_of(data)


def test_what_cannot_be_read_is_left_out_counted_and_named(tmp_path):
    for i in range(5):
        save(tmp_path / "a" / f"{i}.png", noise())
    (tmp_path / "a" / "empty.png").touch()
    (tmp_path / "a" / "text.jpg").write_text("no picture")
    cut = save(tmp_path / "a" / "cut.png", noise(40, 40)).read_bytes()
    (tmp_path / "a" / "cut.png").write_bytes(cut[:200])
    (tmp_path / "a" / "notes.txt").touch()
    save(tmp_path / "beside.png", noise())
    data = datasets.load(tmp_path)
    assert len(data.train_images) + len(data.test_images) == 5
    said = "\n".join(data.steps)
    assert "1 file of no picture left out (notes.txt)" in said
    assert "1 picture beside the folders of classes left out (beside.png)" in said
    assert "3 pictures left out: a/empty.png (0 bytes), a/text.jpg (cannot be opened), a/cut.png (" in said
    assert "one class alone, a: a classifier needs two" in said
    with pytest.raises(ValueError, match="two classes"):
        data.n_classes  # noqa: B018


def test_one_picture_or_none_that_can_be_read_is_refused(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(ValueError, match=r"none of 1 picture can be read: a.png \(0 bytes\)"):
        datasets.load(tmp_path)
    save(tmp_path / "b.png", noise())
    with pytest.raises(ValueError, match="two images at least, one to learn from and one to test with; found one"):
        datasets.load(tmp_path)


def test_more_than_memory_is_refused_before_pixels_are_read(tmp_path, monkeypatch):
    for i in range(4):
        save(tmp_path / f"{i}.png", noise())
    monkeypatch.setattr("dbnvis.datasets.own.found.machine_memory", lambda: 1000)
    monkeypatch.setattr("dbnvis.datasets.own.picture_folder.pixels_of", pytest.fail)
    with pytest.raises(ValueError, match=r"needs 2.15e-06 GiB of memory, and there are .*; give fewer pictures, or"):
        datasets.load(tmp_path)


def test_names_of_files_that_cannot_be_printed_are_named_all_the_same(tmp_path):
    for i in range(3):
        save(tmp_path / f"{i}.png", noise())
    (tmp_path / "a\nb.png").touch()
    (step,) = [step for step in datasets.load(tmp_path).steps if "left out" in step]
    assert "\n" not in step and r"a\nb.png" in step
