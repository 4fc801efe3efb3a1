"""Learning: generators of epoch statistics. Nothing here prints, plots or writes."""

from .backprop import BackpropConfig, BackpropState, BackpropStats, train_backprop
from .cd import CDState, train_rbm
from .config import CDConfig
from .greedy import DBNState, train_dbn
from .monitor import EpochStats, TrainingDiverged

__all__ = [
    "BackpropConfig",
    "BackpropState",
    "BackpropStats",
    "CDConfig",
    "CDState",
    "DBNState",
    "EpochStats",
    "TrainingDiverged",
    "train_backprop",
    "train_dbn",
    "train_rbm",
]
