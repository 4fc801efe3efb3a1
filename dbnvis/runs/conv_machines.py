"""Runs of convolutional DBNs, of digits and of photographs.

References
----------
Lee, Grosse, Ranganath, Ng (2009), "Convolutional deep belief networks for scalable unsupervised learning of
hierarchical representations".
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .. import checkpoint
from ..backend import Array, make_rng, move
from ..datasets import Dataset
from ..models.conv_dbn import ConvDBN
from ..models.conv_rbm import ConvRBM, GaussianConvRBM
from ..train import ConvCDConfig, EpochStats, train_conv_dbn
from ..train.convolutional import ConvState
from .run import Run


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
        The pixels are Gaussian of that variance; default: binary.
    canvas : (int, int), optional
        Rows and columns of the images that units are drawn on, filters being at home on images of any size; default:
        those of the training images.
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
        colours = 1 if len(input_shape) == 2 else input_shape[0]
        first = ConvRBM.random(self.groups[0], colours, self.sides[0], rng=rng, scale=self.scales[0])
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
#: L1 penalty makes filters local. With persistent chains at these rates the machines diverge. The first weights are
#: large: they move the pre-activations by about 1, so that every group prefers something from the first update. With a
#: third of that, a group is on alike everywhere and meets its sparsity target by its bias alone; what the other groups
#: leave to explain averages out for it, its weights shrink by their decay, and 9 groups of 24 learn nothing.
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
    scales=(0.3, 0.25),
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
    with run.opened(xp=xp) as saved:
        if saved is not None and run.finished:
            return saved.model
        rng = make_rng(xp, seed)
        model, state, history = recipe.build(data.input_shape, rng), ConvState(), []
        if saved is not None:
            model, state = saved.model, ConvState(saved.info["layers_done"], saved.info["epoch"], saved.arrays)
            history = [EpochStats(**stats) for stats in saved.info["history"]]

        def save(path: Path, arrays: dict[str, Array]) -> None:
            info: dict[str, Any] = {"dataset": data.name, "layers_done": state.layers_done, "epoch": state.epoch}
            info |= {**data.remembered, "history": [asdict(stats) for stats in history]}
            checkpoint.save(path, model, config=settings, seed=seed, info=info, arrays=arrays)

        images, held_out = move(data.train_images[: recipe.examples], xp), move(data.test_images[:500], xp)
        with run.training():
            epochs = train_conv_dbn(model, images, recipe.configs, rng=rng, held_out=held_out, state=state)
            for stats in epochs:
                history.append(stats)
                save(run.part, state.arrays)
                on_epoch(stats, recipe.configs[model.depth(stats.layer) - 1])
            save(run.final, {})
        return model
