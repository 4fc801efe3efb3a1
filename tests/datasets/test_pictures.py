"""dbnvis.datasets.pictures: files of any size and mode become inputs, and what is no image is refused."""

import struct
import warnings
import zlib

import numpy as np
import pytest
from PIL import Image

from dbnvis import checkpoint, datasets
from dbnvis.datasets.pictures import _misplaced, center_digit, read_picture

HAS_MNIST = datasets.locate("mnist") is not None
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


def test_eight_bits_are_what_they_always_were_to_the_last_bit(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    for mode in ("RGB", "L", "RGBA"):
        own = np.asarray(Image.fromarray(colours).convert(mode).convert("RGB"), dtype=np.float32) / 255
        expected = own @ np.array([[0.299], [0.587], [0.114]], dtype=np.float32)
        image, steps = read_picture(saved(tmp_path / "a.png", colours, mode), (12, 10))
        np.testing.assert_array_equal(image, np.clip(expected[..., 0], 0, 1))
        assert not {"on white", "on black"} & {*steps}  # nothing is transparent


def see_through(path, grey):
    """Make one grey of a PNG of 16 bits transparent, which old versions of Pillow read and do not write."""
    content = path.read_bytes()
    chunk = b"tRNS" + struct.pack(">H", grey)
    at = content.index(b"IDAT") - 4
    whole = struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk))
    path.write_bytes(content[:at] + whole + content[at:])


def test_the_ground_of_transparent_parts_lets_the_ink_be_seen(tmp_path):
    """Ink of every kind of file, light on black and dark on white; what is read is where the ink lies."""
    ink = Image.fromarray(RAMP)
    for grey, ground in ((255, "black"), (200, "black"), (60, "white"), (0, "white")):
        level = Image.new("L", ink.size, grey)
        shape = RAMP / 255
        expected = shape * grey / 255 if ground == "black" else 1 - shape + shape * grey / 255
        Image.merge("LA", (level, ink)).save(tmp_path / "LA.png")
        Image.merge("RGBA", (level, level, level, ink)).save(tmp_path / "RGBA.png")
        for name in ("LA.png", "RGBA.png"):
            image, steps = read_picture(tmp_path / name, (12, 10))
            assert f"on {ground}" in steps
            np.testing.assert_allclose(image, expected, atol=1e-6)
        inverted, steps = read_picture(tmp_path / "LA.png", (12, 10), invert=True)
        np.testing.assert_allclose(inverted, 1 - expected, atol=1e-6)
        bilevel = np.full((12, 10), grey, np.uint8)
        bilevel[RAMP < 128] = 100
        seen = np.where(RAMP < 128, 0 if ground == "black" else 1, grey / 255)
        Image.fromarray(bilevel).save(tmp_path / "L.png", transparency=100)
        Image.fromarray(bilevel).convert("P").save(tmp_path / "P.png", transparency=100)
        Image.fromarray(bilevel.astype(np.uint16) * 257).save(tmp_path / "I16.png")
        see_through(tmp_path / "I16.png", 100 * 257)
        for name in ("L.png", "P.png", "I16.png"):
            image, steps = read_picture(tmp_path / name, (12, 10))
            assert f"on {ground}" in steps, name
            np.testing.assert_allclose(image, seen, atol=1e-6, err_msg=name)


def test_a_transparent_picture_without_ink_is_said_to_be_blank(tmp_path):
    Image.new("RGBA", (10, 12)).save(tmp_path / "a.png")
    with pytest.warns(UserWarning, match=r"a\.png: almost blank: pixels from 1 to 1 of 1"):
        _, steps = read_picture(tmp_path / "a.png", (12, 10))
    assert steps[-1] == "almost blank: pixels from 1 to 1 of 1"


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


@pytest.mark.parametrize(
    ("dtype", "suffix", "top"),
    [
        (np.uint16, "png", 255),
        (np.uint16, "png", 4095),
        (np.uint16, "png", 65535),
        (np.uint16, "tif", 255),
        (np.int32, "tif", 255),
        (np.int32, "tif", 4095),
        (np.int32, "tif", 65535),
        (np.int32, "tif", 2**31 - 1),
        (np.float32, "tif", 1),
        (np.float32, "tif", 255),
        (np.float32, "tif", 4095),
        (np.float32, "tif", 65535),
    ],
)
def test_pixels_that_fill_part_of_their_bits_are_divided_by_what_they_fill(tmp_path, dtype, suffix, top):
    values = (RAMP / RAMP.max() * top).astype(dtype)
    image, steps = read_picture(saved(tmp_path / f"a.{suffix}", values), (12, 10))
    np.testing.assert_allclose(image, values / top, atol=1e-6)
    assert f"divided by {top}" in steps


def test_an_almost_blank_picture_is_said_to_be_one(tmp_path):
    for name, array in {"mask.png": RAMP // 128, "dark.png": RAMP // 17, "paper.png": 255 - RAMP // 17}.items():
        with pytest.warns(UserWarning, match=f"{name}: almost blank"):
            _, steps = read_picture(saved(tmp_path / name, array.astype(np.uint8)), (12, 10))
        assert steps[-1].startswith("almost blank: pixels from ")


def png16(path, colours):
    """Write colours (H, W, 3) of 16 bits, which Pillow cannot."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width, _ = colours.shape
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in colours)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def test_colours_of_sixteen_bits_are_said_to_be_halved_and_small_ones_refused(tmp_path):
    colours = np.random.default_rng(0).integers(0, 65536, (12, 10, 3))
    png16(tmp_path / "full.png", colours)
    image, steps = read_picture(tmp_path / "full.png", (3, 12, 10))
    assert "the upper 8 of 16 bits" in steps
    np.testing.assert_allclose(image, colours.transpose(2, 0, 1) / 65535, atol=1 / 255)
    for bits in (8, 12):
        png16(tmp_path / "small.png", colours >> (16 - bits))
        with pytest.raises(ValueError, match=r"small\.png: its colours are numbers of 16 bits below 4096"):
            read_picture(tmp_path / "small.png", (3, 12, 10))


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
    image, steps = read_picture(path, (10, 12))
    np.testing.assert_allclose(image, np.rot90(RAMP, -1) / 255, atol=1e-6)
    assert steps == ["a.png, 10 x 12, mode L", "turned upright"]


def test_of_several_frames_the_first_is_read_and_it_is_said(tmp_path):
    frames = [Image.fromarray(x) for x in (RAMP, 255 - RAMP)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:])
    image, steps = read_picture(tmp_path / "a.png", (12, 10))
    np.testing.assert_allclose(image, RAMP / 255, atol=1e-6)
    assert "its first frame" in steps


# --- drawings of digits


def pages(images, rng):
    """Every image (28, 28), one to four times as large, at a random place of a page of about 300 x 300: light ink on
    dark and dark on light in turn."""
    for i, image in enumerate(images):
        size = int(rng.uniform(1, 4) * 28)
        digit = np.asarray(Image.fromarray((image * 255).astype(np.uint8)).resize((size, size), Image.BICUBIC))
        page = np.zeros(rng.integers(200, 400, 2), np.uint8)
        top, left = (int(rng.integers(0, n - size)) for n in page.shape)
        page[top : top + size, left : left + size] = digit
        yield 255 - page if i % 2 else page, bool(i % 2)


def test_digits_anywhere_on_a_page_are_read_as_well_as_the_originals_once_centred(tmp_path):
    net = checkpoint.load("convnet", xp=np).model
    images = datasets.load("mnist" if HAS_MNIST else "digits").test_images[:100]
    expected = net.encode(images, "output").argmax(axis=1)
    read = {True: [], False: []}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # without centring every page is warned of
        for page, dark in pages(images, np.random.default_rng(0)):
            for center, found in read.items():
                path = saved(tmp_path / "a.bmp", page)
                found.append(read_picture(path, (28, 28), invert=dark, center=center)[0])
    right = {c: (net.encode(np.stack(x), "output").argmax(axis=1) == expected).mean() for c, x in read.items()}
    assert right[True] >= (0.95 if HAS_MNIST else 0.9)  # the embedded digits are not quite of MNIST's format
    assert right[False] < 0.6


def test_a_centred_drawing_has_the_size_and_the_place_of_mnists_digits():
    page = np.zeros((300, 500), np.float32)
    page[50:170, 300:360] = 0.8  # 120 x 60
    for shape, box in (((28, 28), (20, 10)), ((56, 56), (40, 20)), ((28, 14), (20, 10)), ((14, 28), (10, 5))):
        image = center_digit(page, shape)
        assert image.dtype == np.float32
        rows, columns = (np.flatnonzero((image > 0.4).any(axis=axis)) for axis in (1, 0))
        assert (len(rows), len(columns)) == box
        for at, n in ((rows, shape[0]), (columns, shape[1])):
            assert abs(at.mean() - n // 2) <= 0.5
    np.testing.assert_allclose(center_digit(1 - page, (28, 28)), 1 - center_digit(page, (28, 28)), atol=1e-6)
    colours = np.stack([page, 0 * page, page / 2], axis=-1)
    np.testing.assert_allclose(center_digit(colours, (28, 28))[..., 0], center_digit(page, (28, 28)), atol=1e-6)


def test_a_centred_digit_of_mnists_format_stays_where_it_is():
    """Images that were normalized so are hardly moved: those of the embedded digits have boxes of 20 x 20 as well."""
    page = np.zeros((28, 28), np.float32)
    page[4:24, 9:19] = 1
    np.testing.assert_allclose(center_digit(page, (28, 28)), page, atol=1e-6)


def test_ink_at_one_end_stays_on_the_picture():
    page = np.zeros((100, 100), np.float32)
    page[0:100, 10:13] = 0.3
    page[95:100, 10:90] = 1  # the mass is at the foot
    image = center_digit(page, (28, 28))
    assert (image > 0.1).any(axis=1).sum() >= 19


def test_a_blank_page_cannot_be_centred(tmp_path):
    path = saved(tmp_path / "a.png", np.full((50, 50), 7, np.uint8))
    with pytest.warns(UserWarning, match="almost blank"):
        assert read_picture(path, (28, 28))[0].shape == (28, 28)
    with pytest.raises(ValueError, match="expected a drawing to centre, found pixels that are all the same"):
        read_picture(path, (28, 28), center=True)


def test_small_drawings_and_those_off_the_middle_are_hinted_at(tmp_path):
    def hints(page, **settings):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            _, steps = read_picture(saved(tmp_path / "a.png", page), (28, 28), **settings)
        assert [str(each.message) for each in said] == [f"a.png: {step}" for step in steps if "spans" in step]
        return [step for step in steps if "spans" in step]

    page = np.zeros((840, 840), np.uint8)
    page[300:500, 350:450] = 255
    assert hints(page) == [
        "the drawing spans 25 % of the picture: --center (center=True) crops and centres it as MNIST's digits are"
    ]
    assert hints(255 - page, invert=True) == hints(255 - page) == hints(page)
    assert hints(page, center=True) == []
    corner = np.roll(page, (-300, 390), (0, 1))
    assert hints(corner)[0].startswith("the drawing spans 25 % of the picture and lies 43 % off its middle: --center")
    large = np.zeros((840, 840), np.uint8)
    large[120:720, 270:570] = 255
    assert hints(large) == []
    assert "spans 71 % of the picture and lies 30 % off" in hints(np.roll(large, -260, 1))[0]


@pytest.mark.skipif(not HAS_MNIST, reason="needs MNIST")
def test_no_digit_of_mnist_is_hinted_at():
    assert not any(_misplaced(x[..., None]) for x in datasets.load("mnist").train_images[::20])


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
        with pytest.raises(ValueError, match=f"{name}: no image that Pillow can read"):
            read_picture(tmp_path / name, (28, 28))
    with pytest.raises(FileNotFoundError):
        read_picture(tmp_path, (28, 28))
    with pytest.raises(ValueError, match="NaN or infinite"):
        read_picture(saved(tmp_path / "nan.tif", np.full((5, 5), np.nan, dtype=np.float32)), (28, 28))
    with pytest.raises(ValueError, match="negative pixels, down to -1"):
        read_picture(saved(tmp_path / "low.tif", np.full((5, 5), -1, dtype=np.float32)), (28, 28))


def test_what_is_too_large_is_refused_before_it_is_read(tmp_path):
    Image.new("1", (9000, 9000)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="9000 x 9000 pixels, expected at most 50000000 in all"):
        read_picture(tmp_path / "a.png", (28, 28))


@pytest.mark.parametrize(("shape", "within"), [((784,), (0, 1)), ((2, 5, 5), (0, 1)), ((28, 28), (-np.inf, np.inf))])
def test_needs_a_network_that_looks_at_images(tmp_path, shape, within):
    with pytest.raises(ValueError, match="an image file needs a network with input"):
        read_picture(saved(tmp_path / "a.png", RAMP), shape, within)
