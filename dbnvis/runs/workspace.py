"""Where something is trained: the data, the seed, the device, and where results go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import datasets
from ..datasets import Dataset
from ..progress import Progress, silent
from ..results import Writer


@dataclass
class Workspace:
    """What a figure needs that is of data alone, or trains its own networks.

    Parameters
    ----------
    data : Dataset
    writer : Writer
        Where figures and tables go; networks are kept in `models` under its root.
    seed : int
    xp : module
        Array library of the device.
    progress : callable
    on_epoch : callable
        Called as on_epoch(stats, config) after each epoch.
    load : callable
        Loads another data set by name.
    """

    data: Dataset
    writer: Writer
    seed: int
    xp: Any
    progress: Progress = silent
    on_epoch: Callable[[Any, Any], None] = lambda stats, config: None
    load: Callable[[str], Dataset] = datasets.load

    @property
    def facts(self) -> dict[str, Any]:
        """What every manifest says of the data and the seed."""
        return {"dataset": self.data.name, "data_sha256": self.data.sha256, "seed": self.seed}
