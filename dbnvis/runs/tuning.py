"""Training by backpropagation that is kept in files: of convolutional classifiers, and of fine-tuned networks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .. import checkpoint
from ..backend import Array
from ..checkpoint import Checkpoint
from ..models.convnet import ConvNet
from ..models.mlp import MLP
from ..train.backprop import BackpropState, BackpropStats
from .run import Run


@dataclass
class Tuning:
    """A network in training, where the training stands, and what its checkpoints say.

    Parameters
    ----------
    run : Run
    model : MLP or ConvNet
    settings : dict
        What a checkpoint keeps of how the network is trained.
    seed : int
    facts : dict
        Of the data.
    """

    run: Run
    model: MLP | ConvNet
    settings: dict[str, Any]
    seed: int
    facts: dict[str, Any]
    state: BackpropState = field(default_factory=BackpropState)
    history: list[BackpropStats] = field(default_factory=list)

    def resume(self, saved: Checkpoint) -> None:
        """Go on from what the run has kept."""
        self.model, self.state = saved.model, BackpropState(saved.info["epoch"], saved.arrays)
        self.history = [BackpropStats(**stats) for stats in saved.info["tuning"]]

    def train(
        self,
        epochs: Iterable[BackpropStats],
        on_epoch: Callable[[BackpropStats], None] = lambda stats: None,
        kept: Callable[[], dict[str, Array]] = dict,
    ) -> None:
        """Run `epochs`, saving after each; at the end keep the network, with what `kept` returns."""
        with self.run.training():
            for stats in epochs:
                self.history.append(stats)
                self._save(self.run.part, self.state.arrays)
                on_epoch(stats)
            self._save(self.run.final, kept())

    def _save(self, path: Path, arrays: dict[str, Array]) -> None:
        info = {**self.facts, "epoch": self.state.epoch, "tuning": [asdict(stats) for stats in self.history]}
        checkpoint.save(path, self.model, config=self.settings, seed=self.seed, info=info, arrays=arrays)
