"""Codes in two dimensions, by scikit-learn's t-SNE: of images by a layer, of units by their responses.

References
----------
van der Maaten, Hinton (2008), "Visualizing data using t-SNE". A perplexity needs three times as many neighbours
(van der Maaten 2014, "Accelerating t-SNE using tree-based algorithms").
"""

from __future__ import annotations

from collections.abc import Sequence

from ..backend import Array, to_numpy
from ..images import images_of
from ..models.protocol import Model
from .responses import passes, peaks_of

COMPONENTS = 50


def tsne(codes: Array, *, perplexity: float = 30.0, seed: int) -> Array:
    """Places of `codes` (N, D) in two dimensions: NumPy array (N, 2).

    Of codes of more than 50 numbers 50 principal components are taken, as the authors take 30 of images.

    Raises
    ------
    ValueError
        If N - 1 is less than three times the perplexity, the perplexity is below 1, or a code is not finite.
    """
    x = to_numpy(codes)
    x = x.reshape(len(x), -1)
    most = (len(x) - 1) / 3
    if not 1 <= perplexity <= most:
        raise ValueError(
            f"the perplexity must lie between 1 and {most:.3g}, a third of the other {len(x) - 1} points; got "
            f"{perplexity:g}: lower it, or take more points"
        )
    if not bool((abs(x) < float("inf")).all()):
        raise ValueError("the codes hold NaN or infinite values; are the model's weights finite?")
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    if min(x.shape) > COMPONENTS:
        x = PCA(COMPONENTS, svd_solver="randomized", random_state=seed).fit_transform(x)
    return TSNE(perplexity=perplexity, init="pca", learning_rate="auto", random_state=seed).fit_transform(x)


def codes(model: Model, images: Array, layer: str) -> Array:
    """What `layer` makes of images (N, *input_shape), as rows (N, D); "input": the pixels."""
    images = images_of(model, images)
    if layer == "input":
        return images.reshape(len(images), -1)
    return model.xp.concatenate(
        [batch[layer].reshape(len(batch[layer]), -1) for batch in passes(model, images, [layer])]
    )


def responses_of_units(model: Model, images: Array, layers: Sequence[str]) -> tuple[list[tuple[str, int]], Array]:
    """Rows of units: each channel's peak pre-activations over images (N, *input_shape), standardized.

    Returns
    -------
    units : list of (layer, index), length U
        Without those that no image excites, their peaks being 0 or less, or whose peak is the same for every image.
    rows : array (U, N)
        Mean 0 and variance 1, so that a distance says how little two units correlate.
    """
    xp, units, rows = model.xp, [], []
    for layer, (peaks, _) in peaks_of(model, images, layers).items():
        spread, highest = peaks.std(axis=0), peaks.max(axis=0)
        kept = [j for j, x in enumerate(((spread > 1e-6) & (highest > 0)).tolist()) if x]
        units += [(layer, j) for j in kept]
        own = xp.asarray(kept, dtype=int)
        rows.append(((peaks[:, own] - peaks[:, own].mean(axis=0)) / spread[own]).T)
    return units, xp.concatenate(rows)
