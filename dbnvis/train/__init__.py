"""Learning: generators of epoch statistics. Nothing here prints, plots or writes."""

from .backprop import BackpropState, BackpropStats, train_backprop
from .cd import CDState, train_rbm
from .config import BackpropConfig, CDConfig, ConvCDConfig
from .convolutional import ConvState, train_conv_dbn, train_crbm
from .denoising import DAEState, SDAEState, train_dae, train_sdae
from .greedy import DBNState, train_dbn
from .monitor import ConstantFeatures, EpochStats, TrainingDiverged
from .noise import DenoisingConfig

__all__ = [
    "BackpropConfig",
    "BackpropState",
    "BackpropStats",
    "CDConfig",
    "CDState",
    "ConstantFeatures",
    "ConvCDConfig",
    "ConvState",
    "DAEState",
    "DBNState",
    "DenoisingConfig",
    "EpochStats",
    "SDAEState",
    "TrainingDiverged",
    "train_backprop",
    "train_conv_dbn",
    "train_crbm",
    "train_dae",
    "train_dbn",
    "train_rbm",
    "train_sdae",
]
