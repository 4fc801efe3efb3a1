"""The command line: parses what the fields of the commands' dataclasses allow, and runs it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import tyro

from . import __version__
from .commands import COMMANDS, check_known, command, outline, with_defaults
from .console import Command, one_line, option, run_command

DESCRIPTION = """What has each hidden unit of a deep network learned?

dbnvis COMMAND --help lists the options of a command, dbnvis --version says the version; dbnvis --tyro-print-completion
bash (or zsh) prints a script that completes commands and options.
"""
COMPLETION = ("--tyro-print-completion", "--tyro-write-completion")
SHELLS = ("bash", "zsh")


def _parse(args: Sequence[str]) -> Command:
    """Parse the command line; `visualize` takes the settings of the method, help of `train` shows those of the family.

    The family's are shown alone, the others can be given: `Train.run` says whose they are.
    """
    if args[:1] == ["--version"]:
        print(f"dbnvis {__version__}")
        raise SystemExit(0)
    if args and args[0] in COMPLETION:
        check_known("shell", args[1] if len(args) > 1 else "", SHELLS)
    elif args and not args[0].startswith("-"):
        check_known("command", args[0], list(COMMANDS))
    commands = _commands(args)
    if args[:1] == ["visualize"]:
        from .visualize import METHODS

        method = option(args, "--method", "am")
        check_known("method", method, list(METHODS))
        settings = (tyro.conf.OmitArgPrefixes, METHODS[method])
        commands["visualize"] = with_defaults(commands["visualize"], settings=settings)
    elif args[:1] == ["train"] and {"-h", "--help"} & set(args):
        from .commands.training import FAMILIES, Train

        shown = FAMILIES.get(option(args, "--family", "dbn"))
        hidden = {name: getattr(Train(), name) for name in FAMILIES.values() if shown and name != shown}
        suppressed = {name: (tyro.conf.Suppress, settings) for name, settings in hidden.items()}
        commands["train"] = with_defaults(Train, **suppressed)
    return one_line(
        lambda: tyro.extras.subcommand_cli_from_dict(
            commands,
            prog="dbnvis",
            description=DESCRIPTION,
            args=args,
            config=(tyro.conf.FlagCreatePairsOff, tyro.conf.SuppressFixed),
        )
    )


def _commands(args: Sequence[str]) -> dict[str, Any]:
    """The commands by name; where one is asked for, or help alone, the outlines of the others."""
    asked = args[0] if args else ""
    if asked not in COMMANDS and not set(args) <= {"-h", "--help"}:
        return {name: command(name) for name in COMMANDS}
    return {name: command(name) if name == asked else outline(name) for name in COMMANDS}


def main(args: Sequence[str] | None = None) -> int:
    """Run a command; statuses as of `console.run_command`."""
    return run_command(_parse, list(sys.argv[1:] if args is None else args))
