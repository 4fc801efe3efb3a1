"""dbnvis.views.occlusion against covering by hand."""

import tracemalloc

import numpy as np
import pytest
from unrolled import images, pre, pres, small_net

from dbnvis import DBN
from dbnvis.backend import move, to_numpy
from dbnvis.views import Occlusion, responses


def covered_by_hand(image, patch, stride, fill):
    """Pixel by pixel: (rows, columns, *shape)."""
    height, width = image.shape[-2:]
    places = [[(i, j) for j in range(0, width, stride)] for i in range(0, height, stride)]
    copies = np.empty((len(places), len(places[0]), *image.shape))
    for a, row in enumerate(places):
        for b, (i, j) in enumerate(row):
            copy = image.copy()
            for y in range(height):
                for x in range(width):
                    if 0 <= y - i + patch // 2 < patch and 0 <= x - j + patch // 2 < patch:
                        copy[..., y, x] = fill
            copies[a, b] = copy
    return copies


@pytest.mark.parametrize(("patch", "stride", "fill"), [(1, 2, 0.0), (3, 1, 0.5), (8, 3, 0.25)])
@pytest.mark.parametrize("shape", [(9, 8), (3, 9, 8)])
def test_responses_under_every_patch(xp, patch, stride, fill, shape):
    model, (image,) = small_net(xp, shape=shape), images(1, shape)
    found = Occlusion(patch, stride, fill)(
        model, move(image, xp), ["output:2", "conv2:1@1,0", "dense1:3", "conv1:0@mean"]
    )
    copies = covered_by_hand(image, patch, stride, fill)
    assert tuple(found.covered.shape) == (4, *copies.shape[:2])
    every = np.concatenate([image[None], copies.reshape(-1, *shape)])
    values = [
        pres(model, "output.pre", every)[:, 2],
        pres(model, "conv2.pre", every)[:, 1, 1, 0],
        pres(model, "dense1.pre", every)[:, 3],
        pres(model, "conv1.pre", every)[:, 0].mean(axis=(1, 2)),
    ]
    for (whole, *each), own, drops in zip(values, to_numpy(found.whole), to_numpy(found.drops), strict=True):
        assert own == pytest.approx(whole)
        np.testing.assert_allclose(drops, whole - np.reshape(each, copies.shape[:2]), atol=1e-12)
        assert np.ptp(drops) > 0


def test_the_top_channel_is_the_one_with_the_largest_sum(xp):
    model, (image,) = small_net(xp), images(1)
    found = Occlusion(3)(model, move(image, xp), ["conv2:0"]), Occlusion(3).top_channel(model, move(image, xp), "conv2")
    totals = np.maximum(pre(model, "conv2.pre", image), 0).sum(axis=(1, 2))
    assert [str(unit) for unit in found[1].units] == [f"conv2:{totals.argmax()}"]
    by_hand = [
        [totals.max() - np.maximum(pre(model, "conv2.pre", x)[totals.argmax()], 0).sum() for x in row]
        for row in covered_by_hand(image, 3, 1, 0.0)
    ]
    np.testing.assert_allclose(to_numpy(found[1].drops)[0], by_hand, atol=1e-12)


def test_parts_of_any_size_give_the_same_maps(xp, monkeypatch):
    model, (image,) = small_net(xp), images(1)
    units = ["output:2", "conv2:1@1,0"]
    whole = Occlusion(3)(model, move(image, xp), units)
    assert whole.covered[0].size == 72
    for batch in (1, 7, 72, 73):
        monkeypatch.setattr(responses, "BATCH", batch)
        monkeypatch.setattr(responses, "PIXELS", 72)
        assert responses.batch_size(model) == batch
        parts = Occlusion(3)(model, move(image, xp), units)
        np.testing.assert_allclose(to_numpy(parts.covered), to_numpy(whole.covered), rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(to_numpy(parts.whole), to_numpy(whole.whole), rtol=1e-12, atol=1e-12)


def test_memory_of_a_large_image_is_a_small_part_of_its_copies():
    """12,544 copies of an image of 112 x 112 take 629 MB in float32."""
    rng = np.random.default_rng(0)
    model = DBN.random((112 * 112, 3), (112, 112), rng=rng)
    image = rng.random((112, 112), dtype=np.float32)
    tracemalloc.start()
    try:
        found = Occlusion(5)(model, image, ["h1:1"])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.covered.shape == (1, 112, 112)
    assert peak < 50e6
    i, j = 50, 7  # by hand: what the covered pixels gave is gone
    gone = (image * model.rbms[0].W[:, 1].reshape(112, 112))[i - 2 : i + 3, j - 2 : j + 3].sum()
    assert found.drops[0, i, j] == pytest.approx(gone, abs=1e-5)


def test_the_image_stays_as_it_is_and_a_patch_of_its_own_colour_does_nothing():
    model, image = small_net(), np.full((9, 8), 0.5)
    found = Occlusion(3, fill=0.5)(model, image, ["output:0"])
    np.testing.assert_array_equal(image, 0.5)
    np.testing.assert_allclose(found.drops, 0, atol=1e-12)


def test_a_unit_needs_nothing_outside_its_field():
    model, (image,) = small_net(), images(1)
    (drops,) = Occlusion(1)(model, image, ["conv2:0@0,0"]).drops
    rows, columns = model.receptive_field("conv2", (0, 0)).slices
    assert np.abs(drops[rows, columns]).max() > 0
    drops[rows, columns] = 0
    np.testing.assert_allclose(drops, 0, atol=1e-12)


def test_refuses_what_makes_no_sense():
    model, (image,) = small_net(), images(1)
    with pytest.raises(ValueError, match="patch of 9 x 9 is larger than the image, 9 x 8"):
        Occlusion(9)(model, image, ["output:0"])
    with pytest.raises(ValueError, match="stride must be smaller than the image, 9 x 8; got 8"):
        Occlusion(3, 8)(model, image, ["output:0"])
    for settings in ({"patch": 0}, {"stride": 0}, {"patch": 2.5}):
        with pytest.raises(ValueError, match="must be an integer of at least 1"):
            Occlusion(**settings)
    with pytest.raises(ValueError, match="fill must be a finite number, got nan"):
        Occlusion(fill=float("nan"))
    with pytest.raises(ValueError, match="no unit output:9"):
        Occlusion()(model, image, ["output:9"])
