"""What the command line says and how: progress bars, one line for a mistake, exit statuses."""

from __future__ import annotations

import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import redirect_stderr
from typing import Any, Protocol

from tqdm import tqdm

from .threads import sharing_processors
from .train import CDConfig, ConvCDConfig, DenoisingConfig, EpochStats
from .train.backprop import BackpropConfig, BackpropStats


class Command(Protocol):
    """What a parsed command line is."""

    def run(self) -> None: ...


def say(text: str) -> None:
    """One line to the user, beside progress bars."""
    tqdm.write(text, file=sys.stderr)


def progress(iterable: Iterable[Any], description: str, total: int) -> Iterable[Any]:
    """A progress bar that leaves no trace when done; none for a single step."""
    if total == 1:
        return iterable
    return tqdm(iterable, desc=description, total=total, leave=False, file=sys.stderr, dynamic_ncols=True)


class EpochBars:
    """A progress bar per layer, with the statistics of its latest epoch."""

    def __init__(self) -> None:
        self.layer = ""
        self.bar: Any = None

    def __call__(self, stats: EpochStats, config: CDConfig | DenoisingConfig | ConvCDConfig) -> None:
        if stats.layer != self.layer or stats.epoch == 1:
            self.close()
            self.layer = stats.layer
            self.bar = tqdm(
                desc=f"training {stats.layer}",
                total=config.epochs,
                initial=stats.epoch - 1,
                unit="epoch",
                file=sys.stderr,
                dynamic_ncols=True,
            )
        error = stats.held_out_error
        held_out = f"gap {stats.free_energy_gap:+.2f} nats" if error != error else f"held-out {error:.2f}"
        self.bar.set_postfix_str(
            f"reconstruction error {stats.reconstruction_error:.2f}, {held_out}, dead {stats.dead}"
        )
        self.bar.update()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


class LossBars:
    """A progress bar of backpropagation, with the statistics of its latest epoch."""

    bar: Any = None

    def __call__(self, stats: BackpropStats, config: BackpropConfig) -> None:
        if self.bar is None:
            self.bar = tqdm(
                desc="training",
                total=config.epochs,
                initial=stats.epoch - 1,
                unit="epoch",
                file=sys.stderr,
                dynamic_ncols=True,
            )
        self.bar.set_postfix_str(f"loss {stats.loss:.4f} nats, test error {stats.held_out_error:.2f} %")
        self.bar.update()

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def parse_indices(text: str) -> list[int]:
    """Read "0-35" or "3,17,40-49"; ValueError for anything else, also for more than a million units."""
    indices: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d+)(?:-(\d+))?\s*", part)
        if match is None or not 0 <= int(match[2] or match[1]) - int(match[1]) < 1_000_000:
            raise ValueError(f"units are written 0-35 or 3,17,40-49 or all; got {text!r}")
        indices += range(int(match[1]), int(match[2] or match[1]) + 1)
    return indices


def option(args: Sequence[str], name: str, default: str) -> str:
    """The value of option `name` in an unparsed command line."""
    for i, arg in enumerate(args):
        if arg == name and i + 1 < len(args):
            return args[i + 1]
        if arg.startswith(f"{name}="):
            return arg.partition("=")[2]
    return default


def one_line(parse: Callable[[], Any]) -> Any:
    """Parse; tyro's refusal, a box of several lines, becomes a ValueError of one."""
    refusal = io.StringIO()
    try:
        with redirect_stderr(refusal):
            return parse()
    except SystemExit as stop:
        if stop.code == 0:
            raise
        lines = [line.strip("│ ") for line in refusal.getvalue().splitlines() if line[:1] not in "╭╰"]
        told = " ".join(line for line in lines if line.strip("─- "))
        # Of a command's own options tyro says where it met them, under a name of its own.
        told = re.sub(r"^Value error |Error parsing __tyro-dummy-inner__\S*: |\s*For full helptext.*$", "", told)
        raise ValueError(told) from None


def run_command(parse: Callable[[Sequence[str]], Command], args: Sequence[str]) -> int:
    """Parse `args` and run: 0 when done, 2 after a user's mistake (one line on standard error), 130 on Ctrl-C."""
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *where, **how: say(f"dbnvis: warning: {message}")
            command = parse(args)
            with sharing_processors(say):
                command.run()
    except KeyboardInterrupt:
        print("dbnvis: interrupted; every file already written is whole", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (ValueError, TypeError, KeyError, OSError, RuntimeError, ArithmeticError, MemoryError) as error:
        if "--debug" in args:
            raise
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"dbnvis: {' '.join(str(message).split())}", file=sys.stderr)
        return 2
    return 0
