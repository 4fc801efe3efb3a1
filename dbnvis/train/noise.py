"""How a denoising autoencoder is trained, and the noise that it learns to remove.

References
----------
Vincent, Larochelle, Lajoie, Bengio, Manzagol (2010), "Stacked denoising autoencoders: learning useful
representations in a deep network with a local denoising criterion", JMLR 11.
Erhan, Bengio, Courville, Vincent (2009), "Visualizing higher-layer features of a deep network", TR 1341.
Lee, Ekanadham, Ng (2008), "Sparse deep belief net model for visual area V2", NIPS 20.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ..backend import Array, array_module
from ..models.sdae import DAE
from ..settings import check_settings

EXTREMES, SAMPLE = (0.01, 0.99), 10_000  # quantiles that salt and pepper take of real-valued data; images looked at


@dataclass(frozen=True)
class DenoisingConfig:
    """How one denoising autoencoder is trained. The defaults are for filters that show strokes, of digits."""

    noise: Literal["salt-and-pepper", "masking", "gaussian"] = "salt-and-pepper"
    """What is done to an input at every presentation. salt-and-pepper: some of its numbers become 0 or 1 with equal
    chance (real-valued input: the 1 % or 99 % quantile of all its numbers), the choice of Erhan et al. (2009) as far
    as remembered; masking: some become 0; gaussian: all get normal noise (all three: Vincent et al. 2010)."""
    noise_level: float = 0.4
    """Chance of each number to be changed; of gaussian noise the standard deviation. More noise, larger filters."""
    epochs: int = 20
    """Passes over the data."""
    batch_size: int = 100
    """Images per update; all of them where there are fewer."""
    learning_rate: float = 0.1
    """At the start."""
    schedule: Literal["linear", "constant"] = "linear"
    """The rate falls linearly to zero at the end, or stays."""
    momentum: float = 0.5
    """Share of the last update in the next."""
    start_activity: float = 0.25
    """Activity that hidden units start at: their biases begin at its log-odds. Units that are seldom on become strokes
    and spots; at 0.5, where biases are 0, many filters stay without form; at 0.05, of digits, many become copies."""
    weight_decay: float = 3e-3
    """L2 penalty on the weights: each update shrinks them by rate * weight_decay, outside the momentum. It smooths
    filters; three times as much makes copies."""
    sparsity_target: float | None = None
    """Wanted mean activity of a hidden unit. Without it over a third of a first layer, of digits or of photographs, is
    texture: units that too many images turn on. A target of 0.1 prevents that of digits; of photographs it takes 0.02
    and a learning rate of 2."""
    sparsity_cost: float = 1.0
    """Pull of the hidden biases towards the target (Lee et al. 2008: biases only)."""
    tied: bool = True
    """The way back has the weights of the way up, transposed, in a stack made for a training, all layers alike;
    `train_dae` and `train_sdae` train what they are given."""

    def __post_init__(self) -> None:
        check_settings(
            self,
            noise_level="[0, inf)",
            epochs="[1, inf)",
            batch_size="[1, inf)",
            learning_rate="[0, inf)",
            momentum="[0, 1)",
            start_activity="(0, 1)",
            weight_decay="[0, inf)",
            sparsity_target="(0, 1)",
            sparsity_cost="[0, inf)",
        )
        if self.noise != "gaussian" and self.noise_level > 1:
            raise ValueError(f"noise_level of {self.noise} is a chance, at most 1, got {self.noise_level}")

    def rate(self, epoch: float) -> float:
        """Learning rate after so many epochs, a fraction included."""
        return self.learning_rate * (1 - epoch / self.epochs if self.schedule == "linear" else 1)


def extremes(dae: DAE, data: Array) -> tuple[float, float]:
    """What salt and pepper set numbers to: 0 and 1, or for linear output two quantiles of the first images' numbers.

    Vincent et al. (2010) take the least and the greatest possible value. Whitened photographs have none and long
    tails, of which the outermost values would drown the rest.
    """
    if not dae.linear:
        return 0.0, 1.0
    xp = array_module(data)
    low, high = EXTREMES
    return float(xp.quantile(data[:SAMPLE], low)), float(xp.quantile(data[:SAMPLE], high))


def corrupt(v: Array, config: DenoisingConfig, ends: tuple[float, float], *, rng: Any, out: Array) -> None:
    """A noisy copy of `v` (B, V) into `out`; salt and pepper set numbers to one of `ends`."""
    xp, level = array_module(v), config.noise_level
    if config.noise == "gaussian":
        xp.add(v, level * rng.standard_normal(v.shape, dtype=v.dtype), out=out)
        return
    chance = rng.random(v.shape, dtype=v.dtype)
    if config.noise == "masking":
        xp.multiply(v, chance >= level, out=out)
        return
    low, high = xp.asarray(ends, dtype=v.dtype)
    salted = xp.where(chance >= 1 - level / 2, high, v)
    out[...] = xp.where(chance < level / 2, low, salted)
