"""dbnvis.datasets.whitening: spectra by an independent Fourier transform, and the way back."""

import itertools

import numpy as np
import pytest

from dbnvis.datasets.whitening import frequencies, unwhiten, whiten, whitening_filter


def noise(shape, slope, seed=0):
    """Periodic Gaussian noise whose amplitude spectrum is rho^slope."""
    rho = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.fftfreq(shape[1]))
    rho[0, 0] = np.inf
    return np.fft.ifft2(np.fft.fft2(np.random.default_rng(seed).normal(size=shape)) * rho**slope).real


def radial_slope(image, low, high):
    """Exponent of the amplitude spectrum between two frequencies, in cycles per pixel, by regression of logarithms."""
    # A window that fades to zero, so that edges do not count.
    window = np.outer(*(np.hanning(n) for n in image.shape))
    power = np.abs(np.fft.fft2(image * window)) ** 2
    rho = np.hypot(np.fft.fftfreq(image.shape[0])[:, None], np.fft.fftfreq(image.shape[1]))
    edges = np.geomspace(low, high, 9)
    bands = [(rho >= a) & (rho < b) for a, b in itertools.pairwise(edges)]
    means = [np.log(power[band].mean()) / 2 for band in bands]
    return np.polyfit(np.log(np.sqrt(edges[1:] * edges[:-1])), means, 1)[0]


@pytest.mark.parametrize("shape", [(256, 256), (200, 320)])
def test_whitening_flattens_the_spectrum_of_natural_noise(shape):
    images = [noise(shape, -1, seed) for seed in range(8)]

    def slope(pictures, low, high):
        return np.mean([radial_slope(picture, low, high) for picture in pictures])

    assert slope(images, 0.02, 0.2) == pytest.approx(-1, abs=0.1)  # the oracle's own check
    flat = [whiten(image) for image in images]
    assert slope(flat, 0.02, 0.2) == pytest.approx(0, abs=0.1)
    # and beyond the cut-off it falls: (rho / f0)^4 grows from 1 to 1.5 between 0.4 and 0.45 cycles per pixel
    assert slope(flat, 0.4, 0.45) == pytest.approx(-4 * (0.425 / 0.4) ** 4, abs=1)


def test_filter_is_olshausens():
    """rho exp(-(rho / f0)^4) with f0 = 200 cycles for pictures of 500 pixels: its peak and three values."""
    rho = np.array([0, 50, 200, 250]) / 500
    expected = np.array([0, 50 * np.exp(-((50 / 200) ** 4)), 200 * np.exp(-1), 250 * np.exp(-((250 / 200) ** 4))]) / 500
    np.testing.assert_allclose(whitening_filter(rho), expected, rtol=1e-12)
    fine = np.linspace(0, 0.7, 7001)
    assert fine[whitening_filter(fine).argmax()] == pytest.approx(0.4 / np.sqrt(2), abs=1e-4)


@pytest.mark.parametrize("shape", [(16, 16), (12, 21)])
def test_whitening_filters_the_picture_and_its_mirror_images(shape):
    """The same by a Fourier transform of the picture mirrored at its edges: no other frequency, no other gain."""
    image = np.random.default_rng(1).normal(3, 2, shape)
    mirrored = np.block([[image, image[:, ::-1]], [image[::-1], image[::-1, ::-1]]])
    rho = np.hypot(np.fft.fftfreq(2 * shape[0])[:, None], np.fft.fftfreq(2 * shape[1]))
    filtered = np.fft.ifft2(np.fft.fft2(mirrored) * rho * np.exp(-((rho / 0.4) ** 4))).real[: shape[0], : shape[1]]
    np.testing.assert_allclose(whiten(image), filtered * np.sqrt(0.1 / filtered.var()), atol=1e-12)


@pytest.mark.parametrize(("scale", "offset"), [(1, 0), (65535, 20), (1e-3, -5)])
def test_brightness_and_contrast_of_a_photograph_do_not_matter(scale, offset):
    image = noise((40, 60), -1)
    flat = whiten(image * scale + offset)
    assert flat.var() == pytest.approx(0.1) and flat.mean() == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(flat, whiten(image), atol=1e-8)


def test_a_picture_of_one_grey_is_refused():
    with pytest.raises(ValueError, match=r"of one grey \(7\)"):
        whiten(np.full((20, 20), 7))


@pytest.mark.parametrize("shape", [(12, 12), (40, 60)])
def test_unwhitening_gives_back_what_lies_below_the_cut_off(shape):
    """Content below 0.2 cycles per pixel, up to the factor and the mean that whitening takes away."""
    rng = np.random.default_rng(2)
    y, x = ((np.arange(n) + 0.5) / n for n in shape)
    image = np.zeros(shape)
    for i in range(round(0.4 * 0.7 * shape[0])):
        for j in range(round(0.4 * 0.7 * shape[1])):
            image += rng.normal() / (1 + i + j) * np.outer(np.cos(np.pi * i * y), np.cos(np.pi * j * x))
    image -= image.mean()
    back = unwhiten(whiten(image))
    factor = (back * image).sum() / (image**2).sum()
    assert np.linalg.norm(back / factor - image) < 0.01 * np.linalg.norm(image)
    # which the whitened picture itself is not
    flat, standard = (x / x.std() for x in (whiten(image), image))
    assert np.linalg.norm(flat - standard) > 0.2 * np.linalg.norm(standard)


def test_unwhitening_does_not_blow_up_what_the_cut_off_left_of_noise():
    """The gain, by cosines of one frequency: 1 / rho far below the cut-off, nowhere more than at the lowest one."""
    rho = frequencies((12, 12))
    cosines = np.cos(np.pi * np.arange(12)[:, None] * (np.arange(12) + 0.5) / 12)  # (frequency, pixel)
    gains = np.empty((12, 12))
    for i in range(12):
        for j in range(12):
            basis = np.outer(cosines[i], cosines[j])
            gains[i, j] = (unwhiten(basis) * basis).sum() / (basis**2).sum()
    assert gains[0, 0] == pytest.approx(0, abs=1e-12)
    slow = (rho > 0) & (rho < 0.2)
    np.testing.assert_allclose(gains[slow] * rho[slow], 1, rtol=0.08)
    assert gains.max() == gains[0, 1] or gains.max() == pytest.approx(gains[0, 1])
    assert gains[rho > 0.6].max() < 2


def test_unwhitening_takes_batches():
    pictures = np.random.default_rng(3).normal(size=(2, 3, 12, 12))
    np.testing.assert_allclose(unwhiten(pictures)[1, 2], unwhiten(pictures[1, 2]), atol=1e-12)
