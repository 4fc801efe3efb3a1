"""The commands: one dataclass each, whose fields are its options and whose `run` does it.

A command's module is imported when the command is asked for. At its top it imports what its options are made of; what
it does is imported in `run`, so that nobody who asks for --help waits for it.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import field, make_dataclass
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

#: Module and class of each command, by its name.
COMMANDS = {
    "reproduce": "reproduce.Reproduce",
    "train": "training.Train",
    "evaluate": "training.Evaluate",
    "visualize": "look.Visualize",
    "compare": "look.Compare",
    "explain": "look.Explain",
    "figure": "drawing.Figure",
    "page": "live.Page",
    "live": "live.Live",
    "report": "reporting.Report",
    "lessons": "lessons.Lessons",
    "import": "importing.Import",
    "data": "about.Data",
    "doctor": "about.Doctor",
}


def command(name: str) -> Any:
    """The dataclass of a command."""
    module, _, cls = COMMANDS[name].partition(".")
    return getattr(import_module(f".{module}", __name__), cls)


def outline(name: str) -> Any:
    """A dataclass without fields that says what a command is for, as its source does: nothing is imported."""
    module, _, cls = COMMANDS[name].partition(".")
    source = ast.parse(Path(__file__).with_name(f"{module}.py").read_text(encoding="utf-8"))
    (found,) = (node for node in source.body if isinstance(node, ast.ClassDef) and node.name == cls)
    return make_dataclass(cls, (), namespace={"__doc__": ast.get_docstring(found)})


def with_defaults(command: Any, **settings: tuple[Any, Any]) -> Any:
    """`command` with other defaults of some of its fields, of the defaults' types, marked for tyro."""
    new = [
        (name, Annotated[type(default), marker], field(default=default)) for name, (marker, default) in settings.items()
    ]
    return make_dataclass(command.__name__, new, bases=(command,), frozen=True)


def check_known(what: str, name: str, names: Sequence[str]) -> None:
    """ValueError unless `name` is one of `names`; it lists the nearest first."""
    if name not in names:
        nearest = get_close_matches(name, names, n=len(names), cutoff=0)
        raise ValueError(f"no {what} {name!r}; the {what}s are {', '.join(nearest)}")
