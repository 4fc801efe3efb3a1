"""What the command line says and how: progress bars, one line for a mistake, exit statuses."""

from __future__ import annotations

import io
import math
import os
import re
import shutil
import signal
import sys
import traceback
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from tqdm import tqdm

from . import __version__
from .system.memory import bounded_memory
from .system.mpiexec import Ranks, check_shared, check_start, started
from .system.streams import Stream, standard_streams, stop_signals, visible
from .system.threads import sharing_processors

if TYPE_CHECKING:
    from .train import CDConfig, ConvCDConfig, DenoisingConfig, EpochStats
    from .train.backprop import BackpropStats
    from .train.config import BackpropConfig


class Command(Protocol):
    """What a parsed command line is."""

    writes: ClassVar[bool]
    """Whether it needs a folder to write to, `out`."""
    shared: ClassVar[bool]
    """Whether several ranks share its work."""

    @property
    def out(self) -> Path: ...

    @property
    def device(self) -> str: ...

    def run(self) -> None: ...


LONGEST = 400  # characters of a message
NARROWEST, WIDEST = 40, 1000  # columns that help is set in
MOST_UNITS = 1_000_000  # on a command line


def brief(text: str) -> str:
    """`text` in one line of at most `LONGEST` characters: of a longer one the beginning, and the end, the advice."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 125]} ... {line[-120:]}"


def say(text: str) -> None:
    """One line to the user, beside progress bars."""
    tqdm.write(visible(text), file=sys.stderr)


def progress(iterable: Iterable[Any], description: str, total: int, least: int = 2) -> Iterable[Any]:
    """A progress bar that leaves no trace when done; none for fewer than `least` steps."""
    if total < least:
        return iterable
    return tqdm(iterable, desc=description, total=total, leave=False, file=sys.stderr, dynamic_ncols=True)


class Bars:
    """A progress bar at a time."""

    bar: Any = None

    def start(self, text: str) -> None:
        """Say what begins, until its first bar stands there."""
        self.bar = tqdm(desc=brief(text), bar_format="{desc} ...", leave=False, file=sys.stderr, dynamic_ncols=True)

    def epochs(self, text: str, done: int, total: int) -> None:
        """A bar of epochs in the place of the one before."""
        self.close()
        self.bar = tqdm(desc=text, total=total, initial=done, unit="epoch", file=sys.stderr, dynamic_ncols=True)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


@contextmanager
def during(text: str) -> Iterator[None]:
    """Say what goes on while the block runs, in a line that vanishes."""
    with closing(Bars()) as bars:
        bars.start(text)
        yield


class EpochBars(Bars):
    """A progress bar per layer, with the statistics of its latest epoch."""

    layer = ""

    def __call__(self, stats: EpochStats, config: CDConfig | DenoisingConfig | ConvCDConfig) -> None:
        if stats.layer != self.layer or stats.epoch == 1:
            self.layer = stats.layer
            self.epochs(f"training {stats.layer}", stats.epoch - 1, config.epochs)
        error = stats.held_out_error
        held_out = f"gap {stats.free_energy_gap:+.2f} nats" if math.isnan(error) else f"held-out {error:.2f}"
        self.bar.set_postfix_str(
            f"reconstruction error {stats.reconstruction_error:.2f}, {held_out}, dead {stats.dead}"
        )
        self.bar.update()


class LossBars(Bars):
    """A progress bar of backpropagation, with the statistics of its latest epoch."""

    started = False

    def __call__(self, stats: BackpropStats, config: BackpropConfig) -> None:
        if not self.started:
            self.started = True
            self.epochs("training", stats.epoch - 1, config.epochs)
        self.bar.set_postfix_str(f"loss {stats.loss:.4f} nats, test error {stats.held_out_error:.2f} %")
        self.bar.update()


def parse_indices(text: str) -> list[int]:
    """Read "0-35" or "3,17,40-49"; ValueError for anything else, also for a number twice or more than a million."""
    indices: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", part)
        found = range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)
        if not 0 < len(found) <= MOST_UNITS - len(indices):
            raise ValueError(f"units are written 0-35 or 3,17,40-49 or all; got {text!r}")
        indices += found
    if len(set(indices)) < len(indices):
        raise ValueError(f"every unit is drawn once, and {text!r} names some twice; name each once")
    return indices


def option(args: Sequence[str], name: str, default: str) -> str:
    """The value of option `name` in an unparsed command line, the last one given."""
    value = default
    for arg, following in zip(args, [*args[1:], default], strict=True):
        if arg == name:
            value = following
        elif arg.startswith(f"{name}="):
            value = arg.partition("=")[2]
    return value


def one_line(parse: Callable[[], Any]) -> Any:
    """Parse; tyro's refusal, a box of several lines, becomes a ValueError of one."""
    refusal = io.StringIO()
    try:
        with redirect_stderr(refusal), _wide_enough():
            return parse()
    except SystemExit as stop:
        if not stop.code:
            raise
        lines = [line.strip("│ ") for line in refusal.getvalue().splitlines() if line[:1] not in "╭╰"]
        told = " ".join(line for line in lines if line.strip("─- "))
        # Of a command's own options tyro says where it met them, under a name of its own.
        told = re.sub(
            r"^Value error |Error parsing \w+: |Error parsing __tyro-dummy-inner__\S*: |\s*For full helptext.*$",
            "",
            told,
        )
        raise ValueError(told) from None


@contextmanager
def _wide_enough() -> Iterator[None]:
    """A width that tyro can set its boxes in: in fewer than ten columns it does not end."""
    before, columns = os.environ.get("COLUMNS"), shutil.get_terminal_size().columns
    os.environ["COLUMNS"] = str(min(max(columns, NARROWEST), WIDEST))
    try:
        yield
    finally:
        del os.environ["COLUMNS"]
        if before is not None:
            os.environ["COLUMNS"] = before


def run_command(parse: Callable[[Sequence[str]], Command], args: Sequence[str]) -> int:
    """Parse `args` and run; of several ranks (`system.mpiexec`) all, where the command is `shared`, or else rank 0.

    Returns
    -------
    int
        0 when all is done, also if nobody reads the output any more; 2 after a user's mistake, or where the output
        cannot be written (one line on standard error); 128 + the number of the signal that stopped it: 130, 143.
    """
    with standard_streams() as out, stop_signals(), bounded_memory():
        try:
            ranks = Ranks()
        except RuntimeError as error:
            rank, size = started()
            return _refuse(f"rank {rank} of {size}: {error}" if rank else str(error))
        with ranks.quiet():
            try:
                return _run(parse, args, out, ranks) or _written(out)
            except SystemExit as done:  # --help, --version
                if done.code or _written(out) == 0:
                    raise
                return 2
            except Exception:  # of one rank alone: the others would wait for it
                if ranks.size == 1:
                    raise
                print(ranks.end(traceback.format_exc(), 1), file=sys.stderr)
                return 1


def _run(parse: Callable[[Sequence[str]], Command], args: Sequence[str], out: Stream, ranks: Ranks) -> int:
    try:
        with warnings.catch_warnings():
            warnings.showwarning = lambda message, *where, **how: ranks.warn(str(message), say)
            _check_given(args)
            command = parse(args)
            out.plain = True
            with ranks.working(command.device), sharing_processors(say, ranks.sharing):
                check_start(__version__, list(args))
                if command.writes:
                    check_shared(command.out)
                if command.shared or ranks.size == 1:
                    command.run()
                    return 0
            ranks.leave()
            if ranks.rank == 0:
                say("this command does not share its work: rank 0 does it, and the others wait")
                with sharing_processors(say, ranks.sharing):
                    command.run()
    except KeyboardInterrupt as stop:
        _close_bars()
        number = stop.args[0] if stop.args else signal.SIGINT
        word = "interrupted" if number == signal.SIGINT else "terminated"
        said = ranks.end(f"{word}; every file already written is whole", 128 + number)
        print(f"dbnvis: {said}", file=sys.stderr)
        return 128 + number
    except (ValueError, TypeError, KeyError, OSError, RuntimeError, ArithmeticError, MemoryError) as error:
        if "--debug" in args:
            raise
        message = error.args[0] if isinstance(error, KeyError) and error.args else error
        if isinstance(error, MemoryError):
            message = f"not enough memory: {message or 'too much was asked for at once'}; give smaller numbers"
        _close_bars()
        return _refuse(ranks.end(brief(str(message)), 2))
    return 0


def _close_bars() -> None:
    """Take away the bars of loops that an exception has left."""
    for bar in list(getattr(tqdm, "_instances", ())):
        bar.close()


def _check_given(args: Sequence[str]) -> None:
    for before, arg in zip(["the command", *args], args, strict=False):
        if not arg or re.fullmatch(r"--[\w.-]+=", arg):
            raise ValueError(f"the value of {arg[:-1] or before} is empty; give one, or leave the option out")


def _written(out: Stream) -> int:
    """0, or 2 where output could not be written, other than because nobody reads it."""
    out.flush()
    if out.failed is None or isinstance(out.failed, BrokenPipeError):
        return 0
    return _refuse(f"cannot write to standard output: {out.failed.strerror}; files are written as on success")


def _refuse(message: str) -> int:
    print(brief(f"dbnvis: {message}"), file=sys.stderr)
    return 2
