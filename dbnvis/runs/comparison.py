"""Runs by several recipes, and the table of their likelihoods (Salakhutdinov & Murray 2008; Tieleman 2008)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from .. import checkpoint, results
from ..evaluate.estimation import Estimation, likelihood
from ..evaluate.likelihood import FIXED_SEED
from ..train import CDConfig
from ..train.greedy import per_layer
from .run import planned, settings
from .stacks import train
from .workspace import Workspace

#: Hidden units of each layer, and how all or each is trained.
Recipe = tuple[Sequence[int], CDConfig | Sequence[CDConfig]]

PCD = CDConfig(epochs=200, sparsity_target=None, weight_decay=0, l1_decay=0, centered=False)
CD = replace(PCD, epochs=100, persistent=False, final_momentum=0.9)
CENTERED = replace(PCD, centered=True)
#: Of the models that the table compares, by name.
RECIPES: dict[str, Recipe] = {
    "CD-1": ((500,), CD),
    "CD-3": ((500,), replace(CD, k=3)),
    "CD-25 annealed": ((500,), replace(CD, epochs=250, k_epochs=10, schedule="constant")),
    "PCD-1": ((500,), PCD),
    "centered PCD-1": ((500,), CENTERED),
    "parallel tempering": ((500,), replace(CENTERED, epochs=40, temperatures=10)),
    "centered PCD-1 long": ((500,), replace(CENTERED, epochs=1000)),
    "DBN": ((500, 2000), (CENTERED, replace(CENTERED, epochs=100, learning_rate=0.005, start="transposed"))),
}

BRIEF = replace(CENTERED, epochs=30)
#: Brief trainings that tell what the mean of the last parameters is worth.
AVERAGED: dict[str, Recipe] = {
    "falling rate": ((500,), BRIEF),
    "constant rate": ((500,), replace(BRIEF, schedule="constant")),
    "constant rate averaged": ((500,), replace(BRIEF, schedule="constant", averaging=0.5)),
}
#: Enough for models so brief.
BRIEFLY = Estimation(steps=(100, 1_000, 2_500))


def likelihood_facts(how: Estimation) -> dict[str, Any]:
    """What a manifest says of how likelihoods were estimated."""
    settings = {**asdict(how), "sweeps_before_reverse": how.sweeps, "seed_of_convention_fixed": FIXED_SEED}
    return {"unit": "nats; log p per image, mean over images", "settings": settings}


def likelihood_table(
    space: Workspace,
    recipes: Mapping[str, Recipe] = RECIPES,
    how: Estimation | None = None,
    *,
    table: str = "likelihood",
) -> None:
    """Train a model by each recipe and write a table of them.

    Finished models are kept in `models/<recipe>/model.npz` under the writer's root, interrupted trainings go on.

    Parameters
    ----------
    space : Workspace
    recipes : dict of (hidden units of each layer, CDConfig or one per layer)
        By name.
    how : Estimation, optional
    table : str
        Its name.

    Raises
    ------
    ValueError
        If a model or a table of other settings, seed or data would be replaced.
    """
    how, data, writer = how or Estimation(), space.data, space.writer
    asked = {name: settings(hidden, config) for name, (hidden, config) in recipes.items()}
    facts = {**space.facts, **likelihood_facts(how), "recipes": asked}
    runs: dict[str, dict[str, Any]] = {
        name: {
            "folder": writer.root / "models" / name.replace(" ", "-"),
            "seed": space.seed,
            "resume": True,
            "overwrite": writer.overwrite,
        }
        for name in recipes
    }
    for name, run in runs.items():  # refuse now what would be refused after hours
        planned(data, *recipes[name], **run)[0].kept(xp=space.xp)
    writer.check(writer.sheet(table), **facts)
    paths = {
        name: train(data, *recipes[name], **run, xp=space.xp, on_epoch=space.on_epoch) for name, run in runs.items()
    }
    rows = []
    for name, path in paths.items():
        saved = checkpoint.load(path, xp=space.xp)
        top = saved.model.layer_names[-1:]
        (row,) = likelihood(saved.model, data, how, layers=top, seed=space.seed, progress=space.progress)
        hidden, config = recipes[name]
        rows.append(
            {
                "training": name,
                "model": "-".join(map(str, saved.model.sizes)),
                "epochs": ", ".join(str(each.epochs) for each in per_layer(config, len(hidden))),
                "seconds": round(sum(epoch["seconds"] for epoch in saved.info["history"])),
                **row,
            }
        )
    writer.table(table, rows, **facts, versions=results.versions(space.xp.__name__))
