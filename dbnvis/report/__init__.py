"""Sheets of pictures, with scores, legends and manifests."""

from . import figures
from .session import open_study, train
from .study import Study

__all__ = ["Study", "figures", "open_study", "train"]
