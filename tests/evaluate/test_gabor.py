"""dbnvis.evaluate.gabor: planted Gabor functions, noise, and SciPy's least squares."""

import numpy as np
import pytest
from counts import host
from gabor_functions import SHAPE, gabor, planted
from scipy.optimize import least_squares

from dbnvis.backend import make_rng
from dbnvis.evaluate.gabor import fit_gabors, is_band_pass, is_local, null_filters


def test_planted_functions_are_recovered(xp):
    parameters, filters = planted(60)
    fits = fit_gabors(xp.asarray(filters))
    assert isinstance(fits.r2, np.ndarray) and fits.fits.shape == filters.shape
    assert np.mean(fits.r2 > 0.999) > 0.95 and fits.r2.min() > 0.95
    exact = fits.r2 > 1 - 1e-6
    assert exact.mean() > 0.85
    np.testing.assert_allclose(fits.fits[exact], filters[exact], atol=2e-3 * np.abs(filters).max())
    # Where the envelope holds several stripes no other parameters give the same function.
    sure = exact & (parameters["frequency"] * parameters["across"] > 0.35)
    assert sure.sum() > 15
    for name in ("row", "column", "frequency", "across", "along"):
        np.testing.assert_allclose(getattr(fits, name)[sure], parameters[name][sure], rtol=0.02, err_msg=name)
    np.testing.assert_allclose(fits.amplitude[sure], parameters["amplitude"][sure], rtol=0.02)
    for name, period in (("orientation", np.pi), ("phase", 2 * np.pi)):
        error = getattr(fits, name)[sure] - parameters[name][sure]
        np.testing.assert_allclose((error + period / 2) % period - period / 2, 0, atol=0.02, err_msg=name)


@pytest.mark.parametrize("degrees", [0, 30, 90, 135])
def test_orientation_is_that_of_the_stripes(degrees):
    """Line by line: stripes at 0 degrees are rows, at 90 degrees columns, at 30 they rise to the right."""
    filters = gabor(6, 5, np.radians(degrees), 0.2, 0.4, 2.0, 2.5)[None]
    if degrees in (0, 90):
        along, across = (1, 0) if degrees == 0 else (0, 1)
        assert (
            filters[0].std(axis=along).sum() < filters[0].std(axis=across).sum()
        )  # the oracle's own check: less variation along the stripes
    found = np.degrees(fit_gabors(filters).orientation[0])
    assert (found - degrees + 90) % 180 - 90 == pytest.approx(0, abs=0.5)


def test_fits_are_as_good_as_scipys():
    """The errors of SciPy's least squares from the true parameters, in noise: none of ours is above."""
    parameters, filters = planted(12, seed=1)
    parameters["amplitude"] = np.ones(12)
    filters = filters / np.sqrt((filters**2).sum(axis=(1, 2), keepdims=True))
    filters += 0.03 * np.random.default_rng(2).normal(size=filters.shape)
    ours = fit_gabors(filters)
    for i, filter_ in enumerate(filters):
        start = [values[i] for values in parameters.values()]
        theirs = least_squares(lambda x, f=filter_: (gabor(*x) - f).ravel(), start)
        r2 = 1 - 2 * theirs.cost / (filter_**2).sum()
        assert ours.r2[i] > r2 - 0.01
        np.testing.assert_allclose(
            1 - ((ours.fits[i] - filter_) ** 2).sum() / (filter_**2).sum(), ours.r2[i], atol=1e-9
        )


def test_noise_has_a_poor_fit():
    rng = np.random.default_rng(0)
    assert fit_gabors(rng.normal(size=(40, *SHAPE))).r2.max() < 0.35
    # so has a checkerboard of the pixels of Gabor functions
    _, filters = planted(40)
    shuffled = rng.permuted(filters.reshape(40, -1), axis=1).reshape(filters.shape)
    assert np.median(fit_gabors(shuffled).r2) < 0.35


def test_what_is_no_gabor_function_fits_well_but_by_no_local_band_pass(xp):
    """Spots fit by a low-pass, planes by half a period of a wave as wide as the filter; noise does not fit at all."""
    expected = {"white noise": (0, 0), "differences of Gaussians": (1, 0), "single pixels": (1, 0), "planes": (1, 1)}
    nulls = null_filters(SHAPE, 40, rng=make_rng(xp, 0))
    assert nulls.keys() == expected.keys()
    for name, filters in nulls.items():
        assert filters.shape == (40, *SHAPE)
        fits = fit_gabors(filters)
        good = fits.r2 >= 0.8
        assert (good.mean(), (good & is_band_pass(fits)).mean()) == expected[name], name
        assert not (good & is_band_pass(fits) & is_local(fits)).any(), name


def test_gabor_functions_are_local_band_passes():
    """Those of a period or more in a radius of three standard deviations."""
    parameters, filters = planted(60)
    fits = fit_gabors(filters)
    sure = parameters["frequency"] * parameters["across"] > 0.35
    assert is_band_pass(fits)[sure].all() and is_local(fits)[sure].all()


def test_nulls_are_what_they_are_called():
    nulls = {name: host(x) for name, x in null_filters((9, 14), 30, rng=np.random.default_rng(0)).items()}
    for pixel in nulls["single pixels"]:
        assert sorted(pixel.ravel())[-2:] == [0, 1]
    rows, columns = (np.diff(nulls["planes"], axis=axis) for axis in (1, 2))
    np.testing.assert_allclose(rows[:, :1, :1] ** 2 + columns[:, :1, :1] ** 2, 1)
    np.testing.assert_allclose(np.ptp(rows, axis=(1, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(nulls["planes"].mean(axis=(1, 2)), 0, atol=1e-12)
    spots = null_filters((60, 60), 30, rng=np.random.default_rng(0))["differences of Gaussians"]
    assert np.abs(spots.sum(axis=(1, 2)) / np.abs(spots).sum(axis=(1, 2))).max() < 0.02  # equal sums
    assert nulls["white noise"].std() == pytest.approx(1, abs=0.05)


def test_bandwidth_is_between_the_half_peaks_of_the_spectrum():
    """By a fine Fourier transform along a horizontal line through a wide function."""
    shape = (64, 64)
    filters = gabor(31, 31, np.pi / 2, 0.2, 0.0, 4.0, 4.0, shape=shape)
    fits = fit_gabors(filters[None])
    spectrum, frequency = np.abs(np.fft.rfft(filters[31], 4096)), np.fft.rfftfreq(4096)
    above = frequency[spectrum >= spectrum.max() / 2]
    assert fits.bandwidth[0] == pytest.approx(np.log2(above.max() / above.min()), abs=0.01)
    blob = gabor(6, 6, 0, 0.02, 0, 2, 2)[None]
    assert np.isinf(fit_gabors(blob).bandwidth[0])


def test_a_filter_does_not_depend_on_its_scale_nor_on_its_company():
    _, filters = planted(6, seed=3)
    filters += 0.1 * np.random.default_rng(4).normal(size=filters.shape)
    together = fit_gabors(filters)
    alone = fit_gabors(-1e-3 * filters[2:3])
    np.testing.assert_allclose(alone.r2[0], together.r2[2], atol=1e-6)
    np.testing.assert_allclose(alone.fits[0], -1e-3 * together.fits[2], atol=1e-4 * np.abs(filters[2]).max())


def test_filters_need_not_be_square(xp):
    filters = gabor(4, 9, 0.6, 0.2, 1.0, 1.6, 2.0, shape=(9, 16))[None].astype("float32")
    fits = fit_gabors(xp.asarray(filters))
    assert fits.r2[0] > 0.9999 and host(fits.column)[0] == pytest.approx(9, abs=0.05)


@pytest.mark.parametrize("bad", [0.0, np.nan, np.inf])
def test_empty_and_broken_filters_are_refused(bad):
    filters = planted(2)[1]
    filters[1] = bad
    with pytest.raises(ValueError, match="finite and not all zero"):
        fit_gabors(filters)
