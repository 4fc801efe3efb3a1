"""Convolutional DBNs of digits and of photographs: trained once and kept, and their two layers as pictures.

References
----------
Lee, Grosse, Ranganath, Ng (2009), "Convolutional deep belief networks for scalable unsupervised learning of
hierarchical representations".
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from ... import plot, results
from ...backend import Array, make_rng, move
from ...datasets import Dataset
from ...evaluate.audit import unit_audit
from ...models.conv_dbn import ConvDBN
from ...models.conv_rbm import ConvRBM
from ...plot import Panel
from ...results import Writer
from ...runs.conv_machines import Recipe, open_model, recipe_of
from ...runs.workspace import Workspace
from ...visualize import ClampedGibbs, FilterCombination, Unit
from .. import diagnosis

SAMPLED, CHAINS = 8, 5  # units whose single chains are drawn, and how many of each
COLUMNS, TILE = 10, 0.36
AUDITED = 250  # images at the most that groups are looked at on


def conv_dbns(space: Workspace) -> None:
    """The figures of both convolutional DBNs, of the workspace's digits and of the embedded photographs."""
    for data in (space.data, space.load("crops")):
        recipe = recipe_of(data)
        path = space.writer.root / "models" / f"crbm-{data.name}.npz"
        how = {"seed": space.seed, "xp": space.xp, "overwrite": space.writer.overwrite}
        model = open_model(data, recipe, path, on_epoch=space.on_epoch, **how)
        figure(model, data, recipe, space.writer, seed=space.seed, xp=space.xp)


def figure(model: ConvDBN, data: Dataset, recipe: Recipe, writer: Writer, *, seed: int, xp: Any) -> None:
    """Draw the first layer's filters and what the second layer's groups show."""
    rng, sha256 = make_rng(xp, seed, 1), results.model_hash(model)
    images = move(data.train_images[: recipe.examples], xp)
    dead = {layer: dead_groups(model, layer, images) for layer in model.layer_names}
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
    h1, h2, single = filters.images[:, 0][seen["h1"]], parts.images[:, 0][seen["h2"]], samples.images[:SAMPLED, 1:]
    h1_numbers, numbers = ([str(unit.index) for unit in units[layer]] for layer in ("h1", "h2"))
    of_unit = [label for unit in units["h2"][: len(single)] for label in (str(unit.index), *[""] * (CHAINS - 1))]
    position = middle(model, "h2")
    titles = [
        f"h1: {len(h1)} filters, {h1.shape[1]} x {h1.shape[2]}, {dead['h1']} dead",
        f"h2: linear combination, {h2.shape[1]} x {h2.shape[2]}, {dead['h2']} of {len(h2)} dead",
    ]
    panels = [
        [
            Panel(h1, True, COLUMNS, titles[0], labels=h1_numbers),
            Panel(h2, True, COLUMNS, titles[1], labels=numbers),
        ],
        [
            Panel(samples.images[:, 0], signed, COLUMNS, "h2: mean of samples, unit fixed to 1", labels=numbers),
            Panel(single.reshape(-1, *model.input_shape), signed, 2 * CHAINS, "h2: single chains", labels=of_unit),
        ],
    ]
    drawn = plot.grid(
        panels,
        heading=f"{data.name}: a convolutional DBN, {describe(model)}{diagnosis.warning(samples)}",
        caption=(
            "Do filters of the first layer show strokes or edges, and those of the second parts that they form? Noise: "
            "groups that have learned nothing. Single chains show how much a unit leaves open."
        ),
        key=(
            "Groups with large weights first, their numbers above; dead: those that no image, or every one alike, "
            f"turns on. Pooling 2 x 2. Pictures of h2: units in row "
            f"{position[0]}, column {position[1]} of the map, on images of {model.input_shape[0]} x "
            f"{model.input_shape[1]} pixels. Linear combination: the filters of h1 below a unit times their weights. "
            f"Samples: {sampling.chains} chains of {sampling.burn_in + sampling.draws * sampling.thin} sweeps from "
            f"training images, one detection unit fixed to 1, the directed pass down; {CHAINS} chains of a unit each. "
            f"{diagnosis.summary(samples)} After Lee, Grosse, Ranganath & Ng 2009."
        ),
        tile=TILE,
    )
    arrays = {"h1": h1, "h2.combination": h2, "h2.samples": samples.images, "h2.mixing": samples.extras["mixing"]}
    facts: dict[str, Any] = {
        "dataset": data.name,
        "data_sha256": data.sha256,
        "seed": seed,
        "model_sha256": sha256,
        "recipe": asdict(recipe),
        "dead": dead,
        "settings": {"h2.combination": parts.settings, "h2.samples": samples.settings},
        "versions": results.versions(xp.__name__),
    }
    writer.figure(f"crbm_{recipe.subject}", drawn, arrays, **facts)


def dead_groups(model: ConvDBN, layer: str, images: Array) -> int:
    """Groups of `layer` whose most probable detection unit is dead as `unit_audit` says, over `AUDITED` images."""
    spread = images[:: -(-len(images) // AUDITED)]  # the first ones may all be of one photograph
    peaks = model.encode(spread, layer).max(axis=(2, 3))
    filters = model.crbms[model.depth(layer) - 1].W.reshape(peaks.shape[1], -1).T
    return int(unit_audit(peaks, filters).dead.sum())


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
