"""dbnvis.datasets.pictures: files of any size and mode become inputs, and what is no image is refused."""

import numpy as np
import pytest
from PIL import Image

from dbnvis.datasets.pictures import read_picture

RAMP = np.arange(12 * 10, dtype=np.uint8).reshape(12, 10) * 2


def saved(path, array, mode=None, **options):
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


def test_a_grey_file_of_the_inputs_size_is_taken_as_it_is(tmp_path):
    image, steps = read_picture(saved(tmp_path / "a.png", RAMP), (12, 10))
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, RAMP / 255, atol=1e-6)
    assert steps == ["a.png, 10 x 12, mode L"]


def test_invert_and_range(tmp_path):
    path = saved(tmp_path / "a.png", RAMP)
    image, steps = read_picture(path, (12, 10), invert=True)
    np.testing.assert_allclose(image, 1 - RAMP / 255, atol=1e-6)
    assert steps[-1] == "inverted"
    np.testing.assert_allclose(read_picture(path, (12, 10), (-1.0, 1.0))[0], 2 * (RAMP / 255) - 1, atol=1e-6)


def test_colours_become_grey_by_their_luma_or_stay(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    path = saved(tmp_path / "a.png", colours)
    image, steps = read_picture(path, (12, 10))
    np.testing.assert_allclose(image, colours @ [0.299, 0.587, 0.114] / 255, atol=1e-6)
    assert "grey" in steps
    image, steps = read_picture(path, (3, 12, 10))
    np.testing.assert_allclose(image, colours.transpose(2, 0, 1) / 255, atol=1e-6)
    assert "grey" not in steps
    grey, _ = read_picture(saved(tmp_path / "g.png", RAMP), (3, 12, 10))
    np.testing.assert_allclose(grey, np.broadcast_to(RAMP / 255, (3, 12, 10)), atol=1e-6)


def test_transparent_parts_become_white(tmp_path):
    pixels = np.zeros((12, 10, 4), dtype=np.uint8)
    pixels[:6, :, 3] = 255  # opaque black above
    pixels[6:, :5, 3] = 51
    image, steps = read_picture(saved(tmp_path / "a.png", pixels), (12, 10))
    assert "on white" in steps
    np.testing.assert_allclose(image[:6], 0)
    np.testing.assert_allclose(image[6:, :5], 0.8, atol=0.01)
    np.testing.assert_allclose(image[6:, 5:], 1)


def test_sixteen_bits_are_kept(tmp_path):
    deep = (np.arange(120, dtype=np.uint16) * 500).reshape(12, 10)
    image, steps = read_picture(saved(tmp_path / "a.png", deep), (12, 10))
    np.testing.assert_allclose(image, deep / 65535, atol=1e-6)
    assert "divided by 65535" in steps
    image, _ = read_picture(saved(tmp_path / "a.tif", (RAMP / 255).astype(np.float32)), (12, 10))
    np.testing.assert_allclose(image, RAMP / 255, atol=1e-6)


@pytest.mark.parametrize(("mode", "suffix"), [("1", "png"), ("P", "gif"), ("CMYK", "jpg"), ("LA", "png"), ("I", "tif")])
def test_every_mode_is_read(tmp_path, mode, suffix):
    image, _ = read_picture(saved(tmp_path / f"a.{suffix}", RAMP, mode), (28, 28))
    assert image.shape == (28, 28) and np.isfinite(image).all() and 0 <= image.min() <= image.max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7), (56, 56), (28, 27), (2000, 1000)])
def test_any_size_keeps_its_proportions(tmp_path, size):
    pixels = np.full(size, 51, dtype=np.uint8)
    pixels[: max(1, size[0] // 2)] = 204
    image, steps = read_picture(saved(tmp_path / "a.png", pixels), (28, 28))
    assert image.shape == (28, 28) and image.min() >= 0 and image.max() <= 1
    assert any(step.startswith("resized to") for step in steps)
    assert ("centred on the median of its border" in steps) == (size[0] != size[1])


def test_a_picture_that_is_not_square_is_centred_on_its_ground(tmp_path):
    """A black bar, 14 x 56 on white: after resizing 7 x 28 in the middle."""
    pixels = np.full((14, 56), 255, dtype=np.uint8)
    pixels[4:10, 8:48] = 0
    image, steps = read_picture(saved(tmp_path / "a.png", pixels), (28, 28))
    assert steps[1:] == ["resized to 28 x 7", "centred on the median of its border"]
    np.testing.assert_allclose(image[:10], 1)
    np.testing.assert_allclose(image[17:], 1)
    assert image[13, 8:20].max() < 0.1


def test_a_photograph_lying_on_its_side_is_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it
    path = saved(tmp_path / "a.png", RAMP, exif=exif)
    np.testing.assert_allclose(read_picture(path, (10, 12))[0], np.rot90(RAMP, -1) / 255, atol=1e-6)


def test_what_is_no_image_is_refused(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"no image file .*none.png; an image of the data set is written test:17"
    ):
        read_picture(tmp_path / "none.png", (28, 28))
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("no image")
    noise = np.random.default_rng(0).integers(0, 256, (50, 50), dtype=np.uint8)
    broken = saved(tmp_path / "a.png", noise).read_bytes()[:1000]
    (tmp_path / "broken.png").write_bytes(broken)
    for name in ("empty.png", "text.png", "broken.png"):
        with pytest.raises(ValueError, match=f"{name} is no image that Pillow can read"):
            read_picture(tmp_path / name, (28, 28))
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path, (28, 28))
    with pytest.raises(ValueError, match="NaN or infinite"):
        read_picture(saved(tmp_path / "nan.tif", np.full((5, 5), np.nan, dtype=np.float32)), (28, 28))
    with pytest.raises(ValueError, match="negative pixels, down to -1"):
        read_picture(saved(tmp_path / "low.tif", np.full((5, 5), -1, dtype=np.float32)), (28, 28))


def test_what_is_too_large_is_refused_before_it_is_read(tmp_path):
    Image.new("1", (9000, 9000)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="9000 x 9000 pixels; expected at most 50000000"):
        read_picture(tmp_path / "a.png", (28, 28))


@pytest.mark.parametrize(("shape", "within"), [((784,), (0, 1)), ((2, 5, 5), (0, 1)), ((28, 28), (-np.inf, np.inf))])
def test_needs_a_network_that_looks_at_images(tmp_path, shape, within):
    with pytest.raises(ValueError, match="an image file needs a network with input"):
        read_picture(saved(tmp_path / "a.png", RAMP), shape, within)
