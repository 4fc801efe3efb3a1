"""The commands: one dataclass each, whose fields are its options and whose `run` does it."""

from .about import Data, Doctor
from .drawing import Figure
from .importing import Import
from .lessons import Lessons
from .live import Live, Page
from .look import Compare, Explain, Visualize
from .options import ModelOptions, Options, load_study, loaded
from .reporting import Report
from .reproduce import Reproduce
from .training import FAMILIES, Evaluate, Train

COMMANDS = {
    "reproduce": Reproduce,
    "train": Train,
    "evaluate": Evaluate,
    "visualize": Visualize,
    "compare": Compare,
    "explain": Explain,
    "figure": Figure,
    "page": Page,
    "live": Live,
    "report": Report,
    "lessons": Lessons,
    "import": Import,
    "data": Data,
    "doctor": Doctor,
}

__all__ = [
    "COMMANDS",
    "FAMILIES",
    "Figure",
    "ModelOptions",
    "Options",
    "Train",
    "Visualize",
    "load_study",
    "loaded",
]
