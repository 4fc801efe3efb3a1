"""dbnvis.datasets.deform against shifts, SciPy's interpolation and closed forms of the field."""

import math

import numpy as np
import pytest
from scipy import ndimage

from dbnvis.datasets.deform import elastic_field, random_affine, warp


@pytest.fixture
def images():
    return np.random.default_rng(0).random((3, 9, 7), dtype=np.float32)


def test_no_displacement_changes_nothing(images):
    np.testing.assert_array_equal(warp(images, np.zeros((3, 2, 9, 7), np.float32)), images)


@pytest.mark.parametrize(("down", "right"), [(2, 0), (0, 3), (-1, 2), (-4, -5)])
def test_a_whole_shift_is_exact(images, down, right):
    field = np.zeros((3, 2, 9, 7), np.float32)
    field[:, 0], field[:, 1] = down, right
    expected = np.zeros_like(images)
    for i in range(9):
        for j in range(7):
            if 0 <= i + down < 9 and 0 <= j + right < 7:
                expected[:, i, j] = images[:, i + down, j + right]
    np.testing.assert_array_equal(warp(images, field), expected)


def test_warp_agrees_with_scipy(images):
    # up to 6 pixels: well outside the frame too
    field = np.random.default_rng(1).uniform(-6, 6, (3, 2, 9, 7)).astype(np.float32)
    for image, displacement, warped in zip(images, field, warp(images, field), strict=True):
        expected = ndimage.map_coordinates(
            # a frame of zeros: SciPy's own border does not fade to zero
            np.pad(image, 2).astype(float),
            np.indices((9, 7)) + displacement + 2,
            order=1,
            cval=0.0,
        )
        np.testing.assert_allclose(warped, expected, atol=2e-6)


def test_a_far_displacement_sees_nothing(images):
    field = np.full((3, 2, 9, 7), 1e6, np.float32)
    assert not warp(images, field).any()
    assert not warp(images, -field).any()


def test_warp_refuses_a_field_of_another_shape(images):
    with pytest.raises(ValueError, match=r"expected a displacement of shape \(3, 2, 9, 7\)"):
        warp(images, np.zeros((3, 2, 7, 9), np.float32))


def test_elastic_strength_is_the_papers():
    """Simard's sigma 4 and alpha 34 displace by 1.4 pixels rms, in the corners as in the middle."""
    field = elastic_field(4000, (28, 28), rng=np.random.default_rng(0))
    assert field.shape == (4000, 2, 28, 28)
    assert field.dtype == np.float32
    rms = np.sqrt((field.astype(float) ** 2).mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(rms, 1.4, atol=0.1)
    # the docstring's closed form; the rms of 4000 draws is within 5 / sqrt(2 * 4000) of it, at 5 sigma
    closed = 34 / (4 * math.sqrt(12 * math.pi))
    for i, j in [(0, 0), (0, 27), (27, 13), (14, 14)]:
        local = np.sqrt((field[:, :, i, j].astype(float) ** 2).mean(axis=0))
        np.testing.assert_allclose(local, closed, rtol=5 / math.sqrt(8000) + 0.01)


def test_elastic_field_is_smooth_by_sigma():
    """Smoothed white noise correlates as exp(-d**2 / (4 * sigma**2)) at distance d."""
    field = elastic_field(6000, (12, 12), rng=np.random.default_rng(1), sigma=3.0)[:, 0]
    for d in (1, 3, 6):
        for other in (field[:, 2 + d, 2], field[:, 2, 2 + d]):
            correlation = np.corrcoef(field[:, 2, 2], other)[0, 1]
            # 5 standard errors of a correlation, and the kernel's truncation
            assert correlation == pytest.approx(math.exp(-(d**2) / 36), abs=5 / math.sqrt(6000) + 0.01)


def test_elastic_axes_and_images_are_independent():
    field = elastic_field(5000, (8, 8), rng=np.random.default_rng(2))
    assert abs(np.corrcoef(field[:, 0, 3, 3], field[:, 1, 3, 3])[0, 1]) < 5 / math.sqrt(5000)
    assert abs(np.corrcoef(field[1:, 0, 3, 3], field[:-1, 0, 3, 3])[0, 1]) < 5 / math.sqrt(5000)


def test_elastic_field_refuses_sigma_zero():
    with pytest.raises(ValueError, match="sigma must be a finite number above 0, got"):
        elastic_field(1, (4, 4), rng=np.random.default_rng(0), sigma=0.0)


def fitted(field):
    """Fit position + displacement = linear @ position + translation by least squares; return both."""
    height, width = field.shape[1:]
    rows, columns = np.indices((height, width))
    position = np.stack([rows - (height - 1) / 2, columns - (width - 1) / 2]).reshape(2, -1)  # (2, P)
    design = np.vstack([position, np.ones(position.shape[1])]).T  # (P, 3)
    solution, residual, *_ = np.linalg.lstsq(design, (position + field.reshape(2, -1)).T, rcond=None)
    assert residual.max() < 1e-6
    return solution[:2].T, solution[2]


def test_rotation_only():
    fields = random_affine(50, (11, 9), rng=np.random.default_rng(0), rotation=30, scale=0, shear=0, shift=0)
    angles = []
    for field in fields.astype(float):
        linear, translation = fitted(field)
        np.testing.assert_allclose(linear @ linear.T, np.eye(2), atol=1e-5)
        np.testing.assert_allclose(translation, 0, atol=1e-5)
        angles.append(math.degrees(math.atan2(linear[1, 0], linear[0, 0])))
    assert 24 < max(angles) <= 30
    assert -30 <= min(angles) < -24


def test_scale_shear_and_shift_only():
    def draws(**ranges):
        none = {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0}
        fields = random_affine(60, (10, 10), rng=np.random.default_rng(3), **(none | ranges))
        linear, translation = zip(*(fitted(field.astype(float)) for field in fields), strict=True)
        return np.array(linear), np.array(translation)

    linear, _ = draws(scale=0.2)
    np.testing.assert_allclose(linear[:, [0, 1], [1, 0]], 0, atol=1e-5)
    zooms = np.log(linear[:, [0, 1], [0, 1]])
    assert (abs(zooms) <= 0.2 + 1e-5).all()
    assert (abs(zooms).max(axis=0) > 0.17).all()

    linear, _ = draws(shear=0.3)
    # columns move in proportion to the row, and nothing else does
    np.testing.assert_allclose(linear[:, [0, 0, 1], [0, 1, 1]], np.tile([1, 0, 1], (60, 1)), atol=1e-5)
    assert 0.25 < abs(linear[:, 1, 0]).max() <= 0.3 + 1e-5

    linear, translation = draws(shift=2.0)
    np.testing.assert_allclose(linear, np.tile(np.eye(2), (60, 1, 1)), atol=1e-5)
    assert (abs(translation) <= 2 + 1e-5).all()
    assert (abs(translation).max(axis=0) > 1.7).all()


@pytest.mark.parametrize("draw", [random_affine, elastic_field])
def test_a_field_is_a_function_of_the_seed(draw):
    first, again, other = (draw(4, (6, 5), rng=np.random.default_rng(seed)) for seed in (7, 7, 8))
    assert first.shape == (4, 2, 6, 5)
    np.testing.assert_array_equal(first, again)
    assert abs(first - other).max() > 0.1
