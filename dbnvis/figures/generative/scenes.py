"""What the second layer of a DBN of photographs generates: learned from two photographs, and from more."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from ... import checkpoint, plot, results
from ...backend import Array, make_rng, move, to_numpy
from ...datasets import DATASETS, Dataset
from ...evaluate.gabor import fit_gabors, is_band_pass
from ...models.protocol import DeepBelief, fully_connected
from ...plot import Panel
from ...results import Writer
from ...runs.stacks import train
from ...runs.workspace import Workspace
from ...visualize import Unit
from ..gabors import GOOD, PATCHES_RECIPE
from ..sheets import SAMPLING

FEW = "patches"  # the data set of two photographs
LAYER, SHOWN, COLUMNS, TILE = "h2", 96, 16, 0.3
TWINS = 0.9  # cosine above which two means, of whatever sign, count as one picture


def scenes(space: Workspace) -> None:
    """The sampling means of two DBNs of one recipe, of `patches` and of the workspace's data.

    Raises
    ------
    ValueError
        If the workspace's data are no patches of whitened photographs, or those of the two.
    """
    more = space.data
    whitened = more.name in DATASETS and DATASETS[more.name].whitened
    if more.name == FEW or not whitened or more.input_shape != (12, 12):
        raise ValueError(f"expected patches of photographs other than {FEW}, got {more.name}; give --dataset photos")
    few = space.load(FEW)
    if few.folder is not None:
        raise ValueError(f"{few.source}: this figure compares with the two embedded photographs; leave --data-dir out")
    panels, arrays, facts = [], {}, {}
    for data in (few, more):
        model = _model(space, data)
        means = _sampling_means(model, data, seed=space.seed)
        arrays[f"{data.name}.means"] = means
        facts[data.name] = {"data_sha256": data.sha256, "model_sha256": results.model_hash(model), **measured(means)}
        filters = to_numpy(model.rbms[0].W).T.reshape(-1, *data.input_shape)
        fits = fit_gabors(filters)
        facts[data.name]["band-pass Gabor filters"] = float(((fits.r2 >= GOOD) & is_band_pass(fits)).mean())
        panels.append(Panel(means[:SHOWN], True, COLUMNS, _title(data.name, facts[data.name])))
    _write(space.writer, panels, arrays, facts, seed=space.seed, xp=space.xp)


def measured(means: Array) -> dict[str, float]:
    """How alike pictures of units (U, H, W) are, as shares of the units.

    `one frequency`: whose largest amplitude is at the frequency that is commonest, whatever the phase. `twins`: with a
    picture of another unit within a cosine of 0.9, or -0.9. The mean grey of a picture does not count.
    """
    pictures = means.astype("float64") - means.mean(axis=(1, 2), keepdims=True)
    amplitudes = np.abs(np.fft.rfft2(pictures)).reshape(len(pictures), -1)
    # Rows and columns wrap, and in a column that holds its own mirror image two entries are one frequency.
    rows, columns = np.divmod(amplitudes.argmax(axis=1), means.shape[2] // 2 + 1)
    own = (columns == 0) | (2 * columns == means.shape[2])
    rows = np.where(own, np.minimum(rows, -rows % means.shape[1]), rows)
    flat = pictures.reshape(len(pictures), -1)
    flat /= np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-12)
    cosines = np.abs(flat @ flat.T) - np.eye(len(flat))
    return {
        "one frequency": float(np.unique(np.stack([rows, columns]), axis=1, return_counts=True)[1].max() / len(means)),
        "twins": float((cosines.max(axis=1) > TWINS).mean()),
    }


def _model(space: Workspace, data: Dataset) -> DeepBelief:
    """The DBN that is kept; trained and kept if there is none."""
    hidden, configs = PATCHES_RECIPE
    folder = space.writer.root / "models" / f"DBN-{data.name}"
    how = {"seed": space.seed, "xp": space.xp, "resume": True, "overwrite": space.writer.overwrite}
    path = train(data, hidden, configs, folder=folder, on_epoch=space.on_epoch, **how)
    model = checkpoint.load(path, xp=space.xp).model
    assert fully_connected(model)
    return model


def _sampling_means(model: DeepBelief, data: Dataset, *, seed: int) -> Array:
    """E[x | unit on] of every unit of the layer, (U, H, W), on the host."""
    units = [Unit(LAYER, i) for i in range(*model.layer_shape(LAYER))]
    rng = make_rng(model.xp, seed)
    return to_numpy(SAMPLING(model, units, rng=rng, images=move(data.train_images, model.xp)).images[:, 0])


def _title(name: str, facts: dict[str, Any]) -> str:
    shares = (100 * facts[what] for what in ("one frequency", "twins"))
    return "{}: {:.0f} % of the means have one frequency, {:.0f} % a twin".format(name, *shares)


def _write(
    writer: Writer, panels: list[Panel], arrays: dict[str, Array], facts: dict[str, Any], *, seed: int, xp: Any
) -> None:
    n, names = len(next(iter(arrays.values()))), list(facts)
    shares = {name: facts[name]["band-pass Gabor filters"] for name in names}
    gabors = ", ".join(f"{name} {100 * share:.1f} %" for name, share in shares.items())
    hidden, configs = PATCHES_RECIPE
    figure = plot.sheet(
        panels,
        heading=f"Two DBNs, {'-'.join(map(str, hidden))}, of {' and of '.join(names)}: sampling means of {LAYER}",
        caption=(
            "What the network generates while a unit is fixed to 1, one tile a unit. One grating in many tiles: chains "
            "go there whatever the unit, as a large part of the patches shows it."
        ),
        key=(
            f"One training of each; the first {len(panels[0].tiles)} of {n} units, shares are of all. One frequency: "
            f"the largest amplitude is at the commonest one; a twin: another unit's mean within a cosine of {TWINS}. "
            f"First-layer filters that are band-pass Gabor functions: {gabors}. {SAMPLING.chains} chains a unit from "
            f"training images, {SAMPLING.burn_in + SAMPLING.draws * SAMPLING.thin} sweeps; whitened space."
        ),
        tile=TILE,
        side_by_side=False,
    )
    settings = {"sampling": asdict(SAMPLING), "hidden": hidden, "configs": [asdict(config) for config in configs]}
    made: dict[str, Any] = {"networks": facts, "settings": settings, "versions": results.versions(xp.__name__)}
    writer.figure("scenes", figure, arrays, seed=seed, **made)
