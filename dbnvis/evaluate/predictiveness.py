"""Does a unit's picture let one predict what the unit does on other images?

A picture is taken as a template: what is like it should activate its unit more. The score under a picture says how
much the picture itself activates the unit, which is another question.

How much any template could explain is the *ceiling*, that of the best linear one, by ridge regression; what a picture
of nothing explains is the *floor*, that of another unit's picture.

References
----------
Borowski, Zimmermann, Schepers, Geirhos, Wallis, Bethge, Brendel (2021), "Exemplary natural images explain CNN
activations better than state-of-the-art feature visualization": prediction as the test of a picture.
Zimmermann, Borowski, Geirhos, Bethge, Wallis, Brendel (2021), "How well do feature visualizations support causal
understanding of CNN activations?".
Bonett, Wright (2000), "Sample size requirements for estimating Pearson, Kendall and Spearman correlations": the
standard error of a rank correlation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from ..backend import Array, array_module
from ..display import Brief
from ..models.protocol import pixels_seen
from .resampling import Estimate
from .scores import Responses, spread

TESTED, FEWEST = 4_000, 20  # images that a picture is tested on; fewer than the second say too little
COLUMNS = 500  # pictures that are compared with the images at once
STRONG = 0.1  # share of the images, those of the highest responses, that count as strong
ORDINARY = (0.25, 0.75)  # quantiles of the responses between which an image counts as ordinary
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of ridge regression, in units of the pixels' mean variance


@dataclass(frozen=True, repr=False)
class Predictiveness(Brief):
    """How well pictures predict their units' responses to N images.

    Parameters
    ----------
    rank : array (U,)
        Spearman's correlation of the unit's response with the likeness of image and picture, from -1 to 1; 0 for a
        picture that says nothing.
    choice : array (U,)
        Share of the pairs of a strong and an ordinary image in which the strong one is more like the picture, a tie
        counting half: how often one would choose right between the two. 0.5 is chance.
    """

    rank: Array
    choice: Array


def unit_predictiveness(responses: Responses, layer: str, numbers: Sequence[int], pictures: Array) -> Predictiveness:
    """How well pictures of units predict what the units do at images: the number beside the score of a picture.

    The likeness is the `cosine`, over the pixels that the unit sees; the response is the pre-activation at the image as
    it is.

    Parameters
    ----------
    responses : Responses
        Of the model to images that it was not trained on, of which `TESTED` count, evenly `spread`.
    layer : str
    numbers : sequence of int, length U
        Of the units.
    pictures : array (U, S, *input_shape)

    Returns
    -------
    Predictiveness
        Of arrays (U, S); NaN where a picture is not finite.

    Raises
    ------
    ValueError
        As `predictiveness`, or if the responses have no images.
    """
    answers = responses.at_images(layer, numbers, TESTED)
    model, images = responses.model, responses.images
    assert model is not None and images is not None  # or there were no answers
    images = spread(images, TESTED)
    xp, pictures = array_module(images), array_module(images).asarray(pictures)
    drawn = xp.isfinite(pictures.reshape(*pictures.shape[:2], -1)).all(axis=2)
    alike: dict[str, list[int]] = {}  # units that see the same pixels, such as those at one position
    for u, number in enumerate(numbers):
        alike.setdefault(str(pixels_seen(model, layer, number)), []).append(u)
    rank, choice = xp.full(drawn.shape, float("nan")), xp.full(drawn.shape, float("nan"))
    for units in alike.values():
        seen, _ = pixels_seen(model, layer, numbers[units[0]])
        centred = _centred(images[seen])
        owners = [(u, s) for u in units for s, shown in enumerate(drawn[u].tolist()) if shown]
        for start in range(0, len(owners), COLUMNS):
            of, which = (xp.asarray(each) for each in zip(*owners[start : start + COLUMNS], strict=True))
            found = predictiveness(centred @ _centred(pictures[of, which][seen]).T, answers[:, of])
            rank[of, which], choice[of, which] = found.rank, found.choice
    return Predictiveness(rank, choice)


def cosine(pictures: Array, images: Array) -> Array:
    """Likeness of pictures (U, P) and images (N, P), each without its mean over the pixels: cosines (N, U).

    0 where the picture or the image has but one grey.
    """
    return _centred(images) @ _centred(pictures).T


def product(pictures: Array, images: Array) -> Array:
    """Likeness of pictures (U, P) and images (N, P) as they are: scalar products (N, U)."""
    return images @ pictures.T


def predictiveness(likeness: Array, responses: Array) -> Predictiveness:
    """How well `likeness` (N, U) of N images to the units' pictures predicts their `responses` (N, U).

    Raises
    ------
    ValueError
        If the shapes differ, there are fewer than 20 images, or a number is not finite.
    """
    xp = array_module(likeness, responses)
    if likeness.shape != responses.shape or likeness.ndim != 2 or len(likeness) < FEWEST:
        raise ValueError(
            f"expected likeness and responses (N, U) of the same units and of {FEWEST} images at least, got "
            f"{tuple(likeness.shape)} and {tuple(responses.shape)}"
        )
    if not bool(xp.isfinite(likeness).all() & xp.isfinite(responses).all()):
        raise ValueError("expected finite numbers; leave out units that cannot be drawn")
    pairs = [(_ranks(a), _ranks(b), b) for a, b in zip(likeness.T, responses.T, strict=True)]
    return Predictiveness(
        xp.stack([_correlation(a, b) for a, b, _ in pairs]),
        xp.stack([_choice(a, b, response) for a, b, response in pairs]),
    )


def best_of(likeness: Sequence[Array]) -> Array:
    """Likeness (N, U) to whichever of several pictures of each unit is most like the image, as a person would look."""
    return array_module(*likeness).stack(list(likeness)).max(axis=0)


def ceiling(images: Array, responses: Array, validation: Array, validation_responses: Array) -> Array:
    """The best linear template of each unit: ridge regression of its responses on the pixels, (U, P).

    Of five penalties each unit takes the one whose template, fitted to `images`, predicts the validation images best
    (`predictiveness` of `product`, by rank).

    Parameters
    ----------
    images, validation : array (N, P), (M, P)
        Training images, cut in two parts.
    responses, validation_responses : array (N, U), (M, U)

    Raises
    ------
    ValueError
        As `predictiveness`, of the validation part.
    """
    xp = array_module(images)
    x = images.astype("float64")
    x = x - x.mean(axis=0)
    y = (responses - responses.mean(axis=0)).astype("float64")
    values, vectors = xp.linalg.eigh(x.T @ x / len(x))
    along, scale = vectors.T @ (x.T @ y / len(x)), max(float(values.mean()), 1e-300)  # (P, U)
    fitted, reached = [], []
    for penalty in PENALTIES:
        templates = (vectors @ (along / (xp.maximum(values, 0) + penalty * scale)[:, None])).T
        fitted.append(templates)
        reached.append(predictiveness(product(templates, validation.astype("float64")), validation_responses).rank)
    best = xp.stack(reached).argmax(axis=0)  # (U,)
    return xp.stack(fitted)[best, xp.arange(len(best))]


def rank_interval(rank: float, n: int, level: float = 0.95) -> Estimate:
    """A rank correlation over `n` images with its interval over such images (Bonett & Wright 2000).

    Raises
    ------
    ValueError
        If there are fewer than 20 images or |rank| is above 1.
    """
    if n < 20 or not abs(rank) <= 1:
        raise ValueError(f"expected a correlation from -1 to 1 over 20 images at least, got {rank} over {n}")
    z = math.atanh(max(-1 + 1e-12, min(1 - 1e-12, rank)))
    half = NormalDist().inv_cdf(0.5 + level / 2) * math.sqrt((1 + rank**2 / 2) / (n - 3))
    return Estimate(rank, math.tanh(z - half), math.tanh(z + half))


def _centred(x: Array) -> Array:
    """Rows (N, P) without their mean, of length 1; 0 where nothing is left."""
    xp = array_module(x)
    x = x.reshape(len(x), -1).astype("float64")
    x = x - x.mean(axis=1, keepdims=True)
    size = xp.sqrt((x * x).sum(axis=1, keepdims=True))
    return xp.where(size > 1e-12, x / xp.maximum(size, 1e-12), 0)


def _ranks(x: Array) -> Array:
    """Ranks (N,) from 0, equal numbers sharing the mean of theirs."""
    xp = array_module(x)
    order = xp.argsort(x)
    ascending = x[order]
    if bool((ascending[1:] > ascending[:-1]).all()):
        ranks = xp.empty(len(x))
        ranks[order] = xp.arange(len(x))
        return ranks
    below = xp.searchsorted(ascending, x, side="left")
    return (below + xp.searchsorted(ascending, x, side="right") - 1) / 2


def _correlation(a: Array, b: Array) -> Array:
    """Pearson's correlation of (N,) and (N,); 0 where one of them does not vary."""
    xp = array_module(a)
    a, b = a - a.mean(), b - b.mean()
    size = xp.sqrt((a * a).sum() * (b * b).sum())
    return xp.where(size > 0, (a * b).sum() / xp.where(size > 0, size, 1), 0.0)


def _choice(likeness_rank: Array, response_rank: Array, response: Array) -> Array:
    """Mann and Whitney's share of right choices between strong and ordinary images; 0.5 where responses are equal."""
    xp, n = array_module(response), len(response)
    strong = response_rank > (1 - STRONG) * n - 1
    low, high = (q * (n - 1) for q in ORDINARY)
    ordinary = (response_rank >= low) & (response_rank <= high) & ~strong
    a, b = likeness_rank[strong], likeness_rank[ordinary]
    if len(a) == 0 or len(b) == 0:
        return xp.asarray(0.5)
    ascending = xp.sort(b)
    right = xp.searchsorted(ascending, a, side="left") + xp.searchsorted(ascending, a, side="right")
    return right.sum() / (2 * len(a) * len(b))
