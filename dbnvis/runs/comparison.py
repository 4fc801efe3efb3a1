"""Models trained by several recipes, and the table of their likelihoods."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .. import checkpoint, results
from ..datasets import Dataset
from ..evaluate.estimation import SWEEPS, Estimation, likelihood
from ..evaluate.likelihood import FIXED_SEED
from ..progress import Progress, silent
from ..train import CDConfig, EpochStats
from ..train.greedy import per_layer
from .run import planned, settings
from .stacks import train


def save_likelihood(
    path: Path,
    rows: Sequence[dict[str, Any]],
    data: Dataset,
    how: Estimation,
    overwrite: bool = False,
    **facts: Any,
) -> list[Path]:
    """Write `rows` as a table, with a manifest of the data and of how the likelihoods were estimated."""
    manifest = _manifest(path, data, how, **facts)
    return results.save_artefact(
        path, lambda file: results.write_csv(file, rows), manifest=manifest, overwrite=overwrite
    )


def _manifest(path: Path, data: Dataset, how: Estimation, **facts: Any) -> dict[str, Any]:
    return {
        "artefact": path.name,
        "unit": "nats; log p per image, mean over images",
        "dataset": data.name,
        "data_sha256": data.sha256,
        **facts,
        "settings": {**asdict(how), "sweeps_before_reverse": SWEEPS, "seed_of_convention_fixed": FIXED_SEED},
    }


def compare_training(
    recipes: Mapping[str, tuple[Sequence[int], CDConfig | Sequence[CDConfig]]],
    data: Dataset,
    how: Estimation,
    *,
    out: Path,
    seed: int,
    xp: Any,
    only: Sequence[str] = (),
    overwrite: bool = False,
    on_epoch: Callable[[EpochStats, CDConfig], None] = lambda stats, config: None,
    progress: Progress = silent,
) -> list[Path]:
    """Train a model by each recipe and write the table of their likelihoods.

    Parameters
    ----------
    recipes : dict of (hidden units of each layer, CDConfig or one per layer)
        By name.
    data : Dataset
    how : Estimation
    out : Path
        Gets `models/<recipe>/model.npz`, where finished models are kept and interrupted trainings go on, and
        `tables/likelihood.csv`.
    seed : int
    xp : module
        Array library of the device.
    only : sequence of str
        Recipes to train; no table is written then.
    overwrite : bool
        Replace models of other settings, seed or data, and a table of others.
    on_epoch, progress : callable

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    ValueError
        If `only` names another recipe.
    """
    for name in only:
        if name not in recipes:
            raise ValueError(f"no recipe {name!r}; the recipes are {', '.join(recipes)}")
    configs = {name: per_layer(config, len(hidden)) for name, (hidden, config) in recipes.items()}
    table = out / "tables" / "likelihood.csv"
    facts = {"seed": seed, "recipes": {name: settings(hidden, config) for name, (hidden, config) in recipes.items()}}
    runs: dict[str, dict[str, Any]] = {
        name: {
            "folder": out / "models" / name.replace(" ", "-"),
            "seed": seed,
            "resume": True,
            "overwrite": overwrite,
        }
        for name in only or recipes
    }
    for name, run in runs.items():  # refuse now what would be refused after hours
        planned(data, *recipes[name], **run)[0].kept(xp=xp)
    if not (only or overwrite):
        results.keep_others(table, _manifest(table, data, how, **facts))
    paths = {name: train(data, *recipes[name], **run, xp=xp, on_epoch=on_epoch) for name, run in runs.items()}
    if only:
        return list(paths.values())
    rows = []
    for name, path in paths.items():
        saved = checkpoint.load(path, xp=xp)
        top = saved.model.layer_names[-1:]
        (row,) = likelihood(saved.model, data, how, layers=top, seed=seed, progress=progress)
        seconds = sum(epoch["seconds"] for epoch in saved.info["history"])
        sizes = "-".join(map(str, saved.model.sizes))
        epochs = ", ".join(str(config.epochs) for config in configs[name])
        rows.append({"training": name, "model": sizes, "epochs": epochs, "seconds": round(seconds), **row})
    versions = results.versions(xp.__name__)
    return save_likelihood(table, rows, data, how, overwrite, **facts, versions=versions)
