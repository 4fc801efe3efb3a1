"""Standard streams and signals of a process that works on when nobody reads, and stops in order when it is told to."""

from __future__ import annotations

import io
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import Any

#: Characters that act on a terminal instead of being shown, other than tab and newline.
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def visible(text: str) -> str:
    """`text` with its control characters as escapes, such as \\x1b."""
    return CONTROLS.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


class Stream:
    """Standard output or error that work outlives: what cannot be written any more is dropped, and `failed` says why.

    Characters that the console does not have are written as escapes; if `plain`, control characters too.
    """

    def __init__(self, stream: Any) -> None:
        self.stream, self.plain = stream, False
        self.failed: OSError | None = None
        self.errors = getattr(stream, "errors", None)
        self._reconfigure("backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        self._try(self.stream.write, visible(text) if self.plain else text)
        return len(text)

    def flush(self) -> None:
        self._try(self.stream.flush)

    def restore(self) -> None:
        """Leave the stream as it was."""
        self._reconfigure(self.errors)

    def _reconfigure(self, errors: str | None) -> None:
        if isinstance(self.stream, io.TextIOWrapper) and not self.stream.closed:
            self.stream.reconfigure(errors=errors)

    def _try(self, do: Callable[..., Any], *args: str) -> None:
        try:
            do(*args)
        except OSError as error:
            self.failed = self.failed or error
            with suppress(OSError, ValueError):  # what is still buffered must not fail when Python ends
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self.stream.fileno())
                os.close(nowhere)


@contextmanager
def standard_streams() -> Iterator[Stream]:
    """Output and errors by `Stream`; gives the output."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed from the start: the next file opened would take its number
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115
    out: Any = Stream(sys.stdout)
    err: Any = Stream(sys.stderr)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            yield out
        finally:
            for stream in (out, err):
                stream.flush()
                stream.restore()


@contextmanager
def stop_signals() -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal raise KeyboardInterrupt, with the signal; a second one ends the process."""
    numbers = {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
    before = {number: signal.getsignal(number) for number in numbers}
    mine = [number for number, handler in before.items() if handler not in (signal.SIG_IGN, None)]

    def stop(number: int, frame: Any) -> None:
        for each in mine:
            signal.signal(each, signal.SIG_DFL)
        raise KeyboardInterrupt(number)

    if threading.current_thread() is not threading.main_thread():
        mine = []
    for number in mine:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in mine:
            signal.signal(number, before[number])
