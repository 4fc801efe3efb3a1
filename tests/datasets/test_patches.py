"""dbnvis.datasets.patches: the embedded patches, and photographs of the user's own, good and bad."""

import signal
import sys
import tracemalloc
import warnings

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from sklearn.datasets import load_sample_images

from dbnvis import datasets
from dbnvis.cli import main
from dbnvis.datasets import patches
from dbnvis.datasets.whitening import whiten
from dbnvis.system import matlab


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DBNVIS_DATA", raising=False)
        patch.setattr(datasets._files, "cache", lambda: tmp_path_factory.mktemp("none"))
        return datasets.load("patches")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "patches").mkdir()
    return tmp_path / "patches"


def photograph(height=80, width=100, seed=0):
    """Smooth noise in bytes."""
    rough = np.random.default_rng(seed).normal(size=(height, width))
    smooth = np.cumsum(np.cumsum(rough, axis=0), axis=1)
    return np.rint(255 * (smooth - smooth.min()) / np.ptp(smooth)).astype(np.uint8)


def load(folder):
    """The data set, and the one line of warning, if any."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ds = datasets.load("patches", folder.parent)
    return ds, [str(warning.message) for warning in caught if warning.category is UserWarning]


# The embedded ones


def test_embedded_patches(embedded):
    assert embedded.train_images.shape == (100_000, 12, 12) and embedded.test_images.shape == (10_000, 12, 12)
    assert embedded.train_images.dtype == np.float32
    assert embedded.input_range == (-np.inf, np.inf) and embedded.input_shape == (12, 12)
    assert embedded.train_labels is None and embedded.test_labels is None
    assert embedded.train_images.var(dtype=float) == pytest.approx(0.1, abs=1e-3)
    assert embedded.train_images.mean(dtype=float) == pytest.approx(0, abs=0.01)
    norms = np.linalg.norm(embedded.train_images.reshape(100_000, -1).astype(float), axis=1)
    assert embedded.mean_norm == pytest.approx(norms.mean(), rel=1e-5)
    assert norms.min() > 0.5  # none is blank: the root mean square norm is 3.8
    assert len(np.unique(embedded.train_images.reshape(100_000, -1), axis=0)) > 99_900  # nor occurs twice


def test_embedded_crops_are_large_and_whitened():
    data = datasets.load("crops")
    assert data.train_images.shape == (1000, 70, 70) and data.test_images.shape == (100, 70, 70)
    assert data.train_images.var() == pytest.approx(0.1, rel=1e-3)
    assert datasets.DATASETS["crops"].whitened and data.input_range == (-np.inf, np.inf)
    assert len(np.unique(data.train_images.reshape(1000, -1), axis=0)) == 1000


def test_embedded_patches_are_the_same_every_time(embedded):
    train, _, test, _ = patches.sample()
    np.testing.assert_array_equal(train, embedded.train_images)
    np.testing.assert_array_equal(test, embedded.test_images)
    steps = embedded.test_images / patches.GRAIN
    np.testing.assert_array_equal(steps, np.rint(steps))  # last bits of the arithmetic do not show


def test_photos_are_equal_parts_of_nine_scenes_in_random_order(monkeypatch):
    images = pytest.importorskip("skimage.data", reason="scikit-image is not installed: the extra photos")
    monkeypatch.setattr(patches, "N_TRAIN", 900)
    monkeypatch.setattr(patches, "N_TEST", 90)
    data = datasets.load("photos")
    assert datasets.DATASETS["photos"].whitened and data.input_range == (-np.inf, np.inf)
    assert data.train_images.var() == pytest.approx(0.1, rel=1e-3)
    whole = [image @ patches.LUMINANCE for image in load_sample_images().images]
    for name in ("astronaut", "camera", "chelsea", "coffee", "grass", "gravel", "rocket"):
        pixels = getattr(images, name)().astype(float)
        whole.append(pixels @ patches.LUMINANCE if pixels.ndim == 3 else pixels)
    train, _, test, _ = patches.cut(map(whiten, whole), 9)  # 100 and 10 of each, one photograph after the other
    places = [{patch.tobytes(): i for i, patch in enumerate(part)} for part in (train, test)]
    order, of_test = (
        [place[patch.tobytes()] for patch in part]
        for place, part in zip(places, (data.train_images, data.test_images), strict=True)
    )
    assert sorted(order) == [*range(900)] and sorted(of_test) == [*range(90)]
    assert {i // 100 for i in order[:90]} == {*range(9)}  # all nine early
    np.testing.assert_array_equal(data.train_images, patches.sample_photos()[0])


def test_photos_without_scikit_image_are_refused_with_the_line_that_installs_it(monkeypatch, capsys):
    monkeypatch.setattr(patches, "find_spec", lambda name: None)
    said = r"photos needs scikit-image, which is not installed: pip install 'dbnvis\[photos\]'"
    with pytest.raises(FileNotFoundError, match=said):
        datasets.load("photos")
    assert main(["data"]) == 0
    (line,) = (line for line in capsys.readouterr().out.splitlines() if line.startswith("photos"))
    assert line.endswith("needs scikit-image, which is not installed: pip install 'dbnvis[photos]'")
    assert main(["train", "--dataset", "photos"]) == 2 and "dbnvis[photos]" in capsys.readouterr().err


@pytest.mark.parametrize("side", [12, 15])
def test_training_and_test_patches_share_no_pixel(side):
    seen = np.zeros((2, 80, 100), bool)
    for part, corners in zip(seen, patches.positions(whiten(photograph()), side), strict=True):
        for row, column in corners:
            part[row : row + side, column : column + side] = True
    assert seen[0].any() and seen[1].any() and not (seen[0] & seen[1]).any()
    assert seen[1].mean() == pytest.approx(0.2, abs=0.05)


def test_patches_come_from_where_they_say():
    """Noise, busy everywhere: what a patch shows says where it was cut."""
    image = np.random.default_rng(0).normal(size=(150, 150))
    train, test = patches.positions(image)
    assert not len(set(map(tuple, train)) & set(map(tuple, test)))
    (row, column), shown = train[5], patches.windows(image)
    np.testing.assert_array_equal(shown[row, column], image[row : row + 12, column : column + 12])


def test_blank_patches_are_dropped():
    """Left half smooth noise, right half of one grey."""
    image = photograph(120, 240).astype(float)
    image[:, 120:] = image[:, 119].mean()
    flat = whiten(image)
    train, test = patches.positions(flat)
    deviation = patches.windows(flat).std(axis=(2, 3))
    for corners in (train, test):
        assert len(corners) > 0
        assert (deviation[tuple(corners.T)] > 0.99 * np.sqrt(patches.BLANK * flat.var())).all()
    assert np.concatenate([train, test])[:, 1].max() < 125


def test_photographs_give_equal_shares(monkeypatch):
    monkeypatch.setattr(patches, "N_TRAIN", 101)
    monkeypatch.setattr(patches, "N_TEST", 10)
    drawn = []
    monkeypatch.setattr(
        patches, "windows", lambda image, side: drawn.append(image.shape) or np.zeros((999, 999, 12, 12))
    )
    images = [whiten(photograph(seed=i)) for i in range(3)]
    with np.errstate(all="ignore"):
        train, _, test, _ = patches.cut(iter(images), 3)
    assert (len(train), len(test)) == (101, 10)
    assert len(drawn) == 6


# A folder of the user's own


def test_modes_of_files(folder):
    """The same picture in nine modes gives the same luminance, up to the rounding of each format."""
    grey = photograph()
    image = Image.fromarray(grey)
    files = {
        "L.png": image,
        "RGB.png": image.convert("RGB"),
        "RGBA.png": image.convert("RGBA"),
        "LA.png": image.convert("LA"),
        "P.png": image.convert("P"),
        "CMYK.tif": image.convert("CMYK"),
        "I16.png": Image.fromarray(grey.astype(np.uint16) * 257),
        "I16 of 8 bits.png": Image.fromarray(grey.astype(np.uint16)),
        "F.tif": Image.fromarray(grey.astype(np.float32) / 255),
    }
    for name, file in files.items():
        file.save(folder / name)
        shown = patches.luminance(folder / name)
        np.testing.assert_allclose(shown, grey, atol=1.01, err_msg=name)
    ds, said = load(folder)
    assert said == [] and ds.train_images.var(dtype=float) == pytest.approx(0.1, abs=1e-3)


def test_colours_have_their_luminance_and_transparency_is_white(folder):
    pixels = np.zeros((60, 60, 4), np.uint8)
    pixels[..., 3] = 255
    pixels[:20, :, 0] = 255  # red
    pixels[20:40, :, 1] = 255  # green
    pixels[40:, :, 3] = 0  # nothing, black underneath
    Image.fromarray(pixels, "RGBA").save(folder / "colours.png")
    shown = patches.luminance(folder / "colours.png")
    np.testing.assert_allclose(shown[[0, 30, 50], 5], [0.299 * 255, 0.587 * 255, 255], rtol=1e-6)


def test_photographs_are_upright_and_light_ink_is_on_black(folder):
    grey, exif = photograph(60, 100), Image.Exif()
    exif[0x0112] = 8  # turn by 90 degrees counterclockwise to see it
    Image.fromarray(grey).save(folder / "lying.png", exif=exif)
    np.testing.assert_allclose(patches.luminance(folder / "lying.png"), np.rot90(grey), rtol=1e-12)
    ink = Image.fromarray(grey)
    Image.merge("LA", (Image.new("L", ink.size, 255), ink)).save(folder / "light.png")
    np.testing.assert_allclose(patches.luminance(folder / "light.png"), grey, rtol=1e-6)


def test_luminance_of_eight_bits_is_that_of_the_bytes_to_the_last_bit(folder):
    colours = np.random.default_rng(0).integers(0, 256, (70, 61, 3), dtype=np.uint8)
    Image.fromarray(colours).save(folder / "colours.png")
    np.testing.assert_array_equal(patches.luminance(folder / "colours.png"), colours @ patches.LUMINANCE)


def test_a_file_of_too_many_pixels_is_left_out_before_it_is_decoded(folder):
    Image.fromarray(photograph()).save(folder / "good.png")
    Image.new("1", (9000, 9000)).save(folder / "huge.png")
    _, (line,) = load(folder)
    assert "huge.png (9000 x 9000 pixels, expected at most 25000000" in line


def test_files_that_cannot_be_used_are_named_and_counted(folder):
    Image.fromarray(photograph()).save(folder / "good.png")
    Image.fromarray(photograph(59, 200)).save(folder / "small.png")
    Image.fromarray(np.full((80, 80), 9, np.uint8)).save(folder / "grey.png")
    (folder / "notes.txt").write_text("no photograph")
    (folder / "cut.png").write_bytes((folder / "good.png").read_bytes()[:2000])
    Image.fromarray(np.full((80, 80), np.nan, np.float32)).save(folder / "nan.tif")
    (folder / ".hidden").write_text("not even looked at")
    (folder / "subfolder").mkdir()
    ds, (line,) = load(folder)
    assert 0 < len(ds.train_images) <= 69 * 89
    assert f"{folder}: left out 5 of the files: " in line and "\n" not in line
    for part in (
        "small.png (200 x 59 pixels, expected at least 60 on each side)",
        "grey.png (of one grey)",
        "notes.txt (no image that Pillow can read (cannot identify image file",
        "cut.png (",
        "nan.tif (holds NaN or infinite pixels)",
    ):
        assert part in line
    assert "good.png" not in line and "hidden" not in line


def dot():
    """One pixel that differs, in a block for training."""
    pixels = np.full((100, 100), 9, np.uint8)
    pixels[50, 10] = 10
    return pixels


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_a_photograph_with_next_to_nothing_on_it_cannot_be_used(folder):
    Image.fromarray(dot()).save(folder / "dot.png")
    with pytest.raises(ValueError, match=r"found no file that can be used: dot.png \(nothing on it"):
        load(folder)
    Image.fromarray(photograph()).save(folder / "good.png")
    with pytest.warns(UserWarning, match=r"left out 1 of the files: dot.png \(nothing on it"):
        datasets.load("patches", folder.parent)


def test_a_folder_without_photographs_is_an_error(folder):
    with pytest.raises(ValueError, match="found no file that can be used; add some, or remove the folder"):
        load(folder)
    (folder / "notes.txt").write_text("no photograph")
    with pytest.raises(
        ValueError, match=r"found no file that can be used: notes.txt \(no image that Pillow can read \(cannot identify"
    ) as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_the_folder_is_found_where_data_are_looked_for(folder, monkeypatch, embedded):
    Image.fromarray(photograph()).save(folder / "good.png")
    assert datasets.locate("patches", folder.parent) == folder
    monkeypatch.setenv("DBNVIS_DATA", str(folder.parent))
    assert datasets.locate("patches") == folder
    own = datasets.load("patches")
    assert own.sha256 == load(folder)[0].sha256 != embedded.sha256


def test_whitened_photographs_of_olshausen(folder, monkeypatch):
    """They are cut as they are: whitened again, a patch would not be found in them."""
    monkeypatch.setattr(patches, "N_TRAIN", 50)
    monkeypatch.setattr(patches, "N_TEST", 5)
    images = np.random.default_rng(0).normal(size=(60, 70, 3))
    savemat(folder / patches.MAT, {"IMAGES": images})
    (folder / "notes.txt").write_text("not looked at")
    ds, said = load(folder)
    assert said == [] and ds.train_images.shape == (50, 12, 12) and ds.test_images.shape == (5, 12, 12)
    places = np.lib.stride_tricks.sliding_window_view(images, (12, 12), axis=(0, 1))
    patch = ds.train_images[3] / ds.train_images[3].std()
    found = places / places.std(axis=(3, 4), keepdims=True) - patch
    assert np.abs(found).max(axis=(3, 4)).min() < 0.01


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"OTHER": np.zeros((60, 60, 2))}, "IMAGES"),
        ({"IMAGES": np.zeros((60, 60))}, r"its IMAGES is float64 \(60, 60\)"),
        ({"IMAGES": np.zeros((60, 60, 2))}, "of one grey"),
        ({"IMAGES": np.random.default_rng(0).normal(size=(60, 20, 2))}, "expected at least 60 on each side"),
        (b"no mat file", ""),
    ],
)
def test_a_bad_mat_file_is_an_error(folder, content, message):
    if isinstance(content, bytes):
        (folder / patches.MAT).write_bytes(content)
    else:
        savemat(folder / patches.MAT, content)
    with pytest.raises(ValueError, match=rf"IMAGES.mat: expected whitened photographs IMAGES.*{message}") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


def test_a_damaged_mat_file_that_crashes_scipys_reader_is_an_error(folder):
    """The type of the numbers, byte 192, is none that SciPy's table has: it reads beyond the table."""
    path = folder / patches.MAT
    savemat(path, {"IMAGES": np.random.default_rng(0).normal(size=(60, 70, 3))})
    content = bytearray(path.read_bytes())
    assert content[192] == 9  # double
    content[192:194] = 248, 120
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"IMAGES.mat: expected whitened photographs IMAGES .*: \S") as caught:
        load(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
@pytest.mark.parametrize(
    ("code", "message"),
    [
        (
            f"import os; os.kill(os.getpid(), {int(signal.SIGSEGV)})",
            "reader crashed on it .signal 11.; get the file again",
        ),
        ("import os; os._exit(3)", "cannot be read by SciPy"),
        ("raise ValueError('first\\nlast')", "IMAGES .512, 512, 10.: last"),
        ("pass", "No such file"),
    ],
)
def test_what_becomes_of_the_reader_is_told(folder, monkeypatch, code, message):
    (folder / patches.MAT).touch()
    monkeypatch.setattr(matlab, "READ", code)
    with pytest.raises(ValueError, match=message):
        load(folder)


def test_only_images_are_read_of_a_mat_file_and_no_more_than_the_limit(folder, monkeypatch):
    images = np.random.default_rng(0).normal(size=(60, 70, 3))
    savemat(folder / patches.MAT, {"IMAGES": images, "OTHER": "text"}, do_compression=True)
    assert len(load(folder)[0].train_images)
    monkeypatch.setattr(patches, "LARGEST", images.size - 1)
    with pytest.raises(ValueError, match="holds 12600 numbers; at most 12599 are read"):
        load(folder)


def test_photographs_have_a_limit_each_and_together(folder, monkeypatch):
    for i in range(3):
        Image.fromarray(photograph(seed=i)).save(folder / f"{i}.png")
    Image.new("L", (100, 101)).save(folder / "large.png")
    monkeypatch.setattr(patches, "LARGEST", 10_000)
    _, (line,) = load(folder)
    assert "left out 1 of the files: large.png (100 x 101 pixels, expected at most 10000 in all)" in line
    monkeypatch.setattr(patches, "ALTOGETHER", 3 * 8_000 - 1)
    with pytest.raises(ValueError, match="expected photographs of at most 23999 pixels in all, found more"):
        load(folder)


def test_a_large_photograph_is_refused_before_it_is_decoded(folder, monkeypatch):
    Image.fromarray(photograph()).save(folder / "good.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # Pillow's own warning
    Image.new("1", (13_000, 13_000)).save(folder / "large.png")
    tracemalloc.start()
    try:
        with pytest.warns(UserWarning, match="large.png .13000 x 13000 pixels, expected at most 25000000"):
            datasets.load("patches", folder.parent)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def test_photographs_are_turned_as_their_exif_says(folder):
    grey = photograph()
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: a quarter turn clockwise to show it
    Image.fromarray(grey).save(folder / "turned.png", exif=exif)
    np.testing.assert_allclose(patches.luminance(folder / "turned.png"), np.rot90(grey, -1), atol=1e-6)


@pytest.mark.parametrize("inside", [".", "photos"])
def test_photographs_elsewhere_than_in_patches_are_an_error(tmp_path, inside):
    (tmp_path / inside).mkdir(exist_ok=True)
    Image.fromarray(photograph()).save(tmp_path / inside / "one.png")
    said = rf"looked for a folder patches/ of photographs in {tmp_path} \(--data-dir\), found pictures: .*one.png"
    with pytest.raises(FileNotFoundError, match=f"{said}; put photographs into {tmp_path / 'patches'}, or leave"):
        datasets.load("patches", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"crops is embedded, and .* holds nothing of it: found pictures: "):
        datasets.load("crops", tmp_path)


def test_a_folder_of_several_data_sets_may_be_without_photographs(tmp_path, monkeypatch, embedded):
    (tmp_path / "mnist").mkdir()
    monkeypatch.setenv("DBNVIS_DATA", str(tmp_path))
    data = datasets.load("patches")
    assert data.sha256 == embedded.sha256 and data.source == "patches, embedded"
