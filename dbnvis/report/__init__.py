"""Sheets of pictures, with scores, legends and manifests."""

from . import figures, tables
from .session import open_study, train
from .study import Study

__all__ = ["Study", "figures", "open_study", "tables", "train"]
