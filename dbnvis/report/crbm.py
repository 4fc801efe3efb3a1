"""Convolutional DBNs of digits and of photographs: trained once and kept, and their two layers as pictures.

References
----------
Lee, Grosse, Ranganath, Ng (2009), "Convolutional deep belief networks for scalable unsupervised learning of
hierarchical representations".
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from .. import checkpoint, plot, results
from ..backend import make_rng, move
from ..crbm import ConvDBN, ConvRBM, GaussianConvRBM
from ..datasets import Dataset
from ..plot import Panel
from ..train import ConvCDConfig, EpochStats, train_conv_dbn
from ..visualize import ClampedGibbs, FilterCombination, Unit
from .runs import Run

SAMPLED, CHAINS = 8, 5  # units whose single chains are drawn, and how many of each
COLUMNS, TILE = 10, 0.36


@dataclass(frozen=True)
class Recipe:
    """Sizes of a convolutional DBN and how it is trained.

    Parameters
    ----------
    subject : str
        In the figure's name.
    groups, sides : tuple of int
        Groups of each layer, and rows and columns of their filters.
    configs : tuple of ConvCDConfig
        Of each layer.
    examples : int
        Training images.
    scales : tuple of float
        Standard deviation of each layer's first weights.
    variance : float, optional
        The pixels are Gaussian of that variance; binary if absent.
    canvas : (int, int), optional
        Rows and columns of the images that units are drawn on, filters being at home on images of any size; those of
        the training images if absent.
    """

    subject: str
    groups: tuple[int, ...]
    sides: tuple[int, ...]
    configs: tuple[ConvCDConfig, ...]
    examples: int
    scales: tuple[float, ...] = (0.01, 0.01)
    variance: float | None = None
    canvas: tuple[int, int] | None = None

    def build(self, input_shape: tuple[int, ...], rng: Any) -> ConvDBN:
        """The machine before training."""
        first = ConvRBM.random(self.groups[0], 1, self.sides[0], rng=rng, scale=self.scales[0])
        if self.variance is not None:
            first = GaussianConvRBM(**first.params(), variance=self.variance)
        sizes = zip(self.groups[1:], self.groups[:-1], self.sides[1:], self.scales[1:], strict=True)
        upper = [ConvRBM.random(*size, rng=rng, scale=scale) for *size, scale in sizes]
        input_range = (0.0, 1.0) if self.variance is None else (float("-inf"), float("inf"))
        return ConvDBN([first, *upper], input_shape, input_range)


#: Of Lee et al. (2009) for digits: 40 groups of 12 x 12, then 40 of 6 x 6. Persistent chains in both layers: after CD
#: alone the chains of the upper one leave the digits for images that are all ink or none.
DIGITS = Recipe(
    "mnist",
    (40, 40),
    (12, 6),
    (ConvCDConfig(epochs=5), ConvCDConfig(epochs=10, sparsity_target=0.05)),
    examples=20_000,
)
#: 24 groups of 10 x 10 for photographs, as Lee et al.; above them 24 of 8 x 8 instead of 100 of 10 x 10, as many as two
#: photographs keep busy and one core trains in minutes. The gradient of a rare feature is small, hence the rates; the
#: L1 penalty makes filters local. With persistent chains at these rates the machines diverge.
PHOTOGRAPHS = Recipe(
    "patches",
    (24, 24),
    (10, 8),
    (
        ConvCDConfig(
            epochs=10,
            batch_size=5,
            learning_rate=2.0,
            persistent=False,
            final_momentum=0.9,
            weight_decay=5e-4,
            l1_decay=1e-4,
            sparsity_target=0.003,
            sparsity_cost=100.0,
        ),
        ConvCDConfig(
            epochs=15,
            batch_size=5,
            learning_rate=3.0,
            persistent=False,
            weight_decay=3e-4,
            sparsity_target=0.003,
            sparsity_cost=10.0,
        ),
    ),
    examples=1_000,
    scales=(0.1, 0.1),
    variance=0.1,
    canvas=(36, 36),
)


def recipe_of(data: Dataset) -> Recipe:
    """That of photographs where pixels are real numbers, otherwise that of digits."""
    return PHOTOGRAPHS if data.input_range[0] < 0 else DIGITS


def open_model(
    data: Dataset,
    recipe: Recipe,
    path: Path,
    *,
    seed: int,
    xp: Any,
    on_epoch: Callable[[EpochStats, ConvCDConfig], None],
    overwrite: bool = False,
) -> ConvDBN:
    """The machine kept at `path`; it is trained and kept there if there is none.

    Raises
    ------
    ValueError
        If what is kept is of other data, another recipe or another seed, and not to be replaced (`overwrite`).
    BlockingIOError
        If another process trains this machine.
    """
    settings = json.loads(json.dumps({**asdict(recipe), "data_sha256": data.sha256}))  # as a checkpoint keeps them
    del settings["canvas"]  # of the figure
    asked = {"model": ConvDBN.__name__, **settings, "seed": seed}
    run = Run(path, path.with_suffix(".training.npz"), asked, resume=True, overwrite=overwrite)
    with run.opened(xp=xp) as kept:
        if kept is not None:
            return kept.model
        rng = make_rng(xp, seed)
        model, begun = recipe.build(data.input_shape, rng), time.perf_counter()
        images, held_out = move(data.train_images[: recipe.examples], xp), move(data.test_images[:500], xp)
        for stats in train_conv_dbn(model, images, recipe.configs, rng=rng, held_out=held_out):
            on_epoch(stats, recipe.configs[model.depth(stats.layer) - 1])
        info = {"dataset": data.name, "seconds": time.perf_counter() - begun}
        checkpoint.save(path, model, config=settings, seed=seed, info=info)
        return model


def figure(
    model: ConvDBN, data: Dataset, recipe: Recipe, out: Path, *, seed: int, xp: Any, overwrite: bool = False
) -> list[Path]:
    """Draw the first layer's filters and what the second layer's groups show; return what was written."""
    rng, sha256 = make_rng(xp, seed, 1), results.model_hash(model)
    images = move(data.train_images[: recipe.examples], xp)
    if recipe.canvas is not None:
        model, images = replace(model, input_shape=recipe.canvas), images[:, : recipe.canvas[0], : recipe.canvas[1]]
    units = {
        layer: [Unit(layer, group, middle(model, layer)) for group in largest_first(crbm)]
        for layer, crbm in zip(model.layer_names, model.crbms, strict=True)
    }
    combination, sampling = FilterCombination(k=None), ClampedGibbs(chains=40, shown=CHAINS)
    filters, parts = (combination(model, units[layer]) for layer in units)
    samples = sampling(model, units["h2"], rng=rng, images=images)
    # An upper unit sees a part of the image; a filter is drawn as large as it is.
    seen = {layer: (..., *model.receptive_field(layer, middle(model, layer)).slices) for layer in units}
    signed = recipe.variance is not None
    mixing = samples.extras["mixing"]
    h1, h2, single = filters.images[:, 0][seen["h1"]], parts.images[:, 0][seen["h2"]], samples.images[:SAMPLED, 1:]
    numbers = [str(unit.index) for unit in units["h2"]]
    of_unit = [label for unit in units["h2"][: len(single)] for label in (str(unit.index), *[""] * (CHAINS - 1))]
    position = middle(model, "h2")
    panels = [
        [
            Panel(h1, True, COLUMNS, f"h1: {len(h1)} filters, {h1.shape[1]} x {h1.shape[2]}"),
            Panel(h2, True, COLUMNS, f"h2: linear combination, {h2.shape[1]} x {h2.shape[2]}", labels=numbers),
        ],
        [
            Panel(samples.images[:, 0], signed, COLUMNS, "h2: mean of samples, unit fixed to 1", labels=numbers),
            Panel(single.reshape(-1, *model.input_shape), signed, 2 * CHAINS, "h2: single chains", labels=of_unit),
        ],
    ]
    drawn = plot.grid(
        panels,
        heading=f"{data.name}: a convolutional DBN, {describe(model)}",
        legend=(
            "Pooling 2 x 2. Groups with large weights first. "
            f"Pictures of h2 are of its units in row {position[0]}, column {position[1]} of the map, on "
            f"images of {model.input_shape[0]} x {model.input_shape[1]} pixels. "
            "Linear combination: the filters of h1 at all places in the blocks below, each times its weight. Samples: "
            f"{sampling.chains} chains of {sampling.burn_in + sampling.draws * sampling.thin} sweeps from training "
            "images, one detection unit fixed to 1, the directed pass down; a unit's number stands above the first of "
            f"its {CHAINS} single chains; R is {mixing.max():.2f} at most. After Lee, Grosse, Ranganath & Ng 2009."
        ),
        tile=TILE,
    )
    arrays = {"h1": h1, "h2.combination": h2, "h2.samples": samples.images, "h2.mixing": mixing}
    path = out / f"crbm_{recipe.subject}.png"
    manifest = {
        "artefact": path.name,
        "dataset": data.name,
        "data_sha256": data.sha256,
        "seed": seed,
        "model_sha256": sha256,
        "recipe": asdict(recipe),
        "settings": {"h2.combination": parts.settings, "h2.samples": samples.settings},
        "versions": results.versions(xp.__name__),
    }
    return results.save_artefact(
        path, lambda file: plot.save(drawn, file), manifest=manifest, arrays=arrays, overwrite=overwrite
    )


def middle(model: ConvDBN, layer: str) -> tuple[int, int]:
    """The position nearest to the middle of the maps of `layer`, above and to the left of it where two share it."""
    _, rows, columns = model.layer_shape(layer)
    return (rows - 1) // 2, (columns - 1) // 2


def largest_first(crbm: ConvRBM) -> list[int]:
    """Groups in order of the norms of their weights."""
    return [int(group) for group in (-(crbm.W**2).sum(axis=(1, 2, 3))).argsort()]


def describe(model: ConvDBN) -> str:
    """Groups and filters of each layer: "40 groups of 12 x 12, 40 groups of 6 x 6"."""
    return ", ".join("{} groups of {} x {}".format(x.n_groups, *x.W.shape[2:]) for x in model.crbms)
