"""How much a report measures, and what was measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..evaluate.estimation import Estimation
from ..settings import check_settings
from ..visualize import (
    ActivationMaximization,
    ClampedGibbs,
    FilterCombination,
    RegularizedOptimization,
    TopImages,
)


@dataclass(frozen=True)
class Plan:
    """How much a report measures. With the defaults that of the shipped DBN takes about three minutes on one core."""

    units: int = 30
    """Units of each layer, the first ones, whose pictures are compared between methods."""
    shown: int = 6
    """Units of each layer that are shown."""
    chains: int = 20
    """Chains of each unit in clamped Gibbs sampling."""
    burn_in: int = 100
    """Gibbs sweeps of these chains before the first draw."""
    draws: int = 5
    """Draws of each chain that enter the mean."""
    thin: int = 20
    """Gibbs sweeps between draws."""
    images: int = 2000
    """Test images over which units are audited, the first ones."""
    annealed: int = 100
    """Chains annealed in each direction to estimate likelihoods."""
    steps: tuple[int, int, int] = (100, 800, 2000)
    """Temperatures in [0, 0.5], [0.5, 0.9] and [0.9, 1] of the annealing; dbnvis evaluate takes five times as many."""

    def __post_init__(self) -> None:
        check_settings(
            self,
            units="[2, inf)",
            shown="[1, inf)",
            chains="[2, inf)",
            burn_in="[0, inf)",
            draws="[1, inf)",
            thin="[1, inf)",
            images="[1, inf)",
        )
        if self.shown > self.units:
            raise ValueError(f"shown must be at most units, {self.units}; got {self.shown}")
        Estimation(steps=self.steps, chains=self.annealed)  # which checks them

    @property
    def methods(self) -> list[Any]:
        """In the order of the columns."""
        return [
            ActivationMaximization(starts=3),
            ClampedGibbs(chains=self.chains, burn_in=self.burn_in, draws=self.draws, thin=self.thin, shown=0),
            FilterCombination(),
            RegularizedOptimization(starts=2),
            TopImages(),
        ]


@dataclass
class Measured:
    """What was measured, all of which JSON can hold, and the pictures.

    Parameters
    ----------
    facts : dict
    charts : dict of bytes
        PNG files of charts, by name.
    tiles : dict of bytes
        PNG files of units, by the path of their score in the facts.
    """

    facts: dict[str, Any]
    charts: dict[str, bytes] = field(default_factory=dict)
    tiles: dict[str, bytes] = field(default_factory=dict)

    def leave(self, what: str, why: str) -> None:
        """Say what the report lacks and why."""
        self.facts.setdefault("left_out", []).append({"what": what, "why": why})
