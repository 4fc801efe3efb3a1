"""Sheets of pictures, with scores, legends and manifests."""

from . import figures, tables
from .opening import finished, open_study, same_data
from .session import train
from .study import Study

__all__ = ["Study", "figures", "finished", "open_study", "same_data", "tables", "train"]
