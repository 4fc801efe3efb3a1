"""dbnvis.evaluate.scores against its definition, written out."""

from dataclasses import replace

import numpy as np
import pytest

from dbnvis import DBN, RBM
from dbnvis.backend import move, to_numpy
from dbnvis.evaluate import scores
from dbnvis.evaluate.scores import Responses, input_norm, pre_activations, rescale, typical_responses, unit_scores

RHO = 2.5


def random_dbn(xp=np, seed=0):
    rng = np.random.default_rng(seed)
    rbms = [
        RBM(*(move(rng.standard_normal(shape).astype("float32"), xp) for shape in ((n, m), (n,), (m,))))
        for n, m in ((12, 8), (8, 5))
    ]
    return DBN(rbms, (3, 4), (-np.inf, np.inf), input_norm=RHO)


def pictures(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def pre_by_hand(model, layer, x):
    """Pre-activation of every unit of `layer` at one image."""
    x = x.reshape(-1).astype(np.float64)
    for rbm in model.rbms[: int(layer[1])]:
        W, hbias = to_numpy(rbm.W), to_numpy(rbm.hbias)
        pre = np.array([sum(x[i] * W[i, j] for i in range(len(x))) + hbias[j] for j in range(len(hbias))])
        x = 1 / (1 + np.exp(-pre))
    return pre


@pytest.mark.parametrize("layer", ["h1", "h2"])
def test_the_score_is_the_units_pre_activation_at_the_picture_rescaled_to_the_norm(xp, layer):
    model, images, indices = random_dbn(xp), pictures(3, 2, 3, 4), [4, 0, 4]
    got = to_numpy(unit_scores(model, layer, indices, move(images, xp)))
    for u, index in enumerate(indices):
        for s in range(2):
            x = images[u, s].astype(np.float64)
            expected = pre_by_hand(model, layer, RHO * x / np.sqrt((x**2).sum()))[index]
            assert got[u, s] == pytest.approx(expected, rel=1e-4, abs=1e-4)


def test_the_typical_response_is_the_median_over_images_spread_over_all_at_the_norm(xp, monkeypatch):
    monkeypatch.setattr(scores, "TYPICAL", 5)
    model, images, indices = random_dbn(xp), pictures(9, 3, 4), [4, 0]
    got = to_numpy(typical_responses(model, "h2", move(images, xp), indices))
    by_hand = [pre_by_hand(model, "h2", RHO * x / np.sqrt((x**2).sum()))[indices] for x in images[::2]]
    np.testing.assert_allclose(got, np.sort(by_hand, axis=0)[2], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("factor", [1e-4, 0.5, 30.0])
def test_the_score_does_not_depend_on_the_pictures_own_scale(xp, factor):
    model, images = random_dbn(xp), pictures(4, 2, 3, 4)
    a, b = (to_numpy(unit_scores(model, "h2", range(4), move(x, xp))) for x in (images, np.float32(factor) * images))
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


def test_a_zero_picture_scores_as_the_zero_input(xp):
    model = random_dbn(xp)
    zero = move(np.zeros((5, 1, 3, 4), dtype="float32"), xp)
    got = to_numpy(unit_scores(model, "h2", range(5), zero))[:, 0]
    np.testing.assert_allclose(got, pre_by_hand(model, "h2", np.zeros(12)), rtol=1e-5)


def test_a_picture_of_nan_scores_nan_and_spoils_no_other(xp):
    model, images = random_dbn(xp), pictures(3, 2, 3, 4)
    expected = to_numpy(unit_scores(model, "h2", range(3), move(images, xp)))
    images[1] = np.nan
    got = to_numpy(unit_scores(model, "h2", range(3), move(images, xp)))
    assert np.isnan(got[1]).all()
    np.testing.assert_allclose(got[[0, 2]], expected[[0, 2]], rtol=1e-5)


@pytest.mark.parametrize("shape", [(6, 3, 4), (2, 3, 3, 4)])
def test_rescale_gives_every_image_the_norm_and_keeps_its_direction(xp, shape):
    images = pictures(*shape)
    images[0] = 0
    out = to_numpy(rescale(move(images, xp), 7.0, 2))
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out[0], 0)
    np.testing.assert_allclose(np.sqrt((out[1:] ** 2).sum(axis=(-1, -2))), 7, rtol=1e-5)
    ratio = out[1:] / images[1:]
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[..., :1, :1], ratio.shape), rtol=1e-4)
    assert (ratio > 0).all()


def test_pre_activations_pass_up_in_batches_without_a_seam(xp, monkeypatch):
    model, images = random_dbn(xp), move(pictures(23, 3, 4), xp)
    monkeypatch.setattr(scores, "BATCH", 5)
    got = to_numpy(pre_activations(model, "h2", images))
    expected = np.array([pre_by_hand(model, "h2", x) for x in to_numpy(images)])
    np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)
    some = to_numpy(pre_activations(model, "h2", images, [3, 1]))
    np.testing.assert_array_equal(some, got[:, [3, 1]])


def test_a_model_without_a_norm_cannot_be_scored():
    model = random_dbn()
    model.input_norm = None
    with pytest.raises(ValueError, match=r"set model\.input_norm \(train_dbn and the checkpoints do\), 9\.2 for MNIST"):
        input_norm(model)


# --- percentiles


def test_responses_are_the_sorted_scores_of_the_images(xp):
    model, images = random_dbn(xp), pictures(15, 3, 4)
    responses = Responses.of(model, move(images, xp))
    assert list(responses.by_layer) == ["h1", "h2"]
    for layer, n in (("h1", 8), ("h2", 5)):
        scored = to_numpy(unit_scores(model, layer, range(n), move(np.tile(images, (n, 1, 1, 1)), xp)))
        np.testing.assert_allclose(to_numpy(responses.by_layer[layer]), np.sort(scored.T, axis=0), rtol=1e-5, atol=1e-5)


def test_the_percentile_is_the_share_of_images_with_a_lower_response(xp):
    model, images = random_dbn(xp), move(pictures(40, 3, 4), xp)
    responses = Responses.of(model, images)
    table = to_numpy(responses.by_layer["h2"])
    indices = [3, 0]
    asked = np.array([[-1e3, 1e3, 0.0], [table[7, 0], np.nextafter(table[7, 0], np.float32(9)), 0.5]], dtype="float32")
    got = to_numpy(responses.percentile("h2", indices, move(asked, xp)))
    for u, index in enumerate(indices):
        for s in range(3):
            assert got[u, s] == pytest.approx(100 * np.mean(table[:, index] < asked[u, s]), abs=1e-4)
    assert list(got[0, :2]) == [0, 100]
    assert got[1, 1] - got[1, 0] == pytest.approx(100 / 40)


def test_with_images_at_hand_the_percentile_is_exact_whatever_the_table_keeps(xp, monkeypatch):
    model, images = random_dbn(xp), move(pictures(999, 3, 4), xp)
    every, few = Responses.of(model, images), Responses.of(model, images, 51)
    assert few.by_layer["h2"].shape == (51, 5)
    second = to_numpy(every.by_layer["h2"])[-2]
    asked = move(np.concatenate([pictures(5, 30), np.nextafter(second, np.float32(9))[:, None]], axis=1), xp)
    for layer_of in (every, few, replace(few, by_layer={k: x.astype("float16") for k, x in few.by_layer.items()})):
        found = to_numpy(layer_of.percentile("h2", range(5), asked))
        expected = [
            [100 * np.mean(to_numpy(every.by_layer["h2"])[:, u] < s) for s in to_numpy(asked)[u]] for u in range(5)
        ]
        np.testing.assert_allclose(found, expected, atol=1e-9)
        assert (found[:, -1] == 100 * 998 / 999).all()
    monkeypatch.setattr("dbnvis.evaluate.scores.pre_activations", None)  # what was measured is kept
    few.percentile("h2", [3, 1], asked[:2])


def test_quantiles_alone_give_at_least_the_percentile_and_never_all(xp):
    model, images = random_dbn(xp), move(pictures(999, 3, 4), xp)
    every, few = Responses.of(model, images), replace(Responses.of(model, images, 51), images=None)
    asked = move(np.concatenate([pictures(5, 30), np.full((5, 1), 1e3, "float32")], axis=1), xp)
    exact, rough = (to_numpy(r.percentile("h2", range(5), asked)) for r in (every, few))
    assert (rough <= exact).all() and (exact - rough).max() <= 100 / 50 + 0.2
    assert (exact[:, -1] == 100).all() and (rough[:, -1] == 98).all()
    np.testing.assert_array_equal(to_numpy(few.by_layer["h2"][-1]), to_numpy(every.by_layer["h2"][-1]))
    np.testing.assert_array_equal(to_numpy(few.by_layer["h2"][0]), to_numpy(every.by_layer["h2"][0]))


def test_a_score_that_is_no_number_has_no_percentile():
    responses = Responses({"h1": np.arange(4.0)[:, None]})
    np.testing.assert_array_equal(responses.percentile("h1", [0], np.array([[np.nan, 1.5]])), [[np.nan, 100 / 3]])
