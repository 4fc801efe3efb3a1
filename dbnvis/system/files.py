"""Whole files or none, and one process at a time."""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..backend.comm import current

#: What names of temporary files begin with; then follow a number of the machine, and the process.
TEMPORARY = ".dbnvis-"
DAY = 24 * 60 * 60  # seconds after which a temporary file of another machine counts as left behind


def check_folder(folder: Path, what: str) -> None:
    """ValueError unless files can be written into `folder`, or it can be made; `what` is to be written, in words."""
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not there.is_dir() or not os.access(there, os.W_OK):
        fault = "cannot be written" if there.is_dir() else "is not a folder"
        raise ValueError(f"cannot write to {what}: {there} {fault}; give another folder")


@contextmanager
def replacing(path: str | os.PathLike[str], *, every_rank: bool = False) -> Iterator[Path]:
    """Give a temporary file beside `path` that takes its place when the block ends well, and goes otherwise.

    The folder is made where missing; the temporary file keeps the suffix of `path`. Permissions are those of the file
    that is replaced; a new one's follow the process's umask. What killed processes left in the folder is removed. Of
    several ranks that work together, all of which come here, rank 0 writes; with `every_rank` each does.

    Raises
    ------
    OSError
        If the folder cannot be made or written.
    """
    path = Path(path)
    if current().rank and not every_rank:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder) / path.name
        return
    temporary = temporary_file(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep(path.parent)
        temporary.touch(exist_ok=False)
        yield temporary
        if path.is_file():
            shutil.copymode(path, temporary)
        temporary.replace(path)
    except OSError as error:
        if error.strerror is None:  # already said by a file within the block
            raise
        raise OSError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # of a folder that could not be made
            temporary.unlink(missing_ok=True)


@contextmanager
def alone(path: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other processes from `path`, a file that takes long to make, while the block runs.

    The lock is that of a hidden file beside `path`, which goes with the block; of a process that was killed, the lock
    is gone as well. Blocks within blocks of one thread are allowed.

    Raises
    ------
    BlockingIOError
        If another process is at work on `path`; says which, and since when.
    OSError
        If the folder cannot be written.
    """
    if current().rank:
        yield
        return
    import filelock

    path = Path(path)
    file = path.with_name(f".{path.name}.lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        holder = ""
        with suppress(OSError):  # before the attempt, which may empty the file
            holder = file.read_text()
        lock = filelock.FileLock(file, timeout=0, is_singleton=True)
        lock.acquire()
    except filelock.Timeout:
        raise BlockingIOError(
            f"another process{f' ({holder})' if holder else ''} is at work on {path}; "
            "wait until it is done, or give another folder (--out)"
        ) from None
    except OSError as error:
        raise OSError(f"cannot write to {path.parent}: {error.strerror or error}") from error
    outermost = lock.lock_counter == 1
    try:
        if outermost:
            file.write_text(f"pid {os.getpid()}, since {time.strftime('%Y-%m-%d %H:%M:%S')}")
        yield
    finally:
        if outermost:
            with suppress(OSError):  # where open files cannot be removed, it stays
                file.unlink(missing_ok=True)
        lock.release()


def temporary_file(path: Path) -> Path:
    """A new name beside `path`, by which `replacing` knows what killed processes have left."""
    return path.with_name(f"{TEMPORARY}{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{path.suffix}")


def _machine() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _sweep(folder: Path) -> None:
    """Remove temporary files of processes of this machine that no longer run, and those that are a day old."""
    for file in folder.glob(f"{TEMPORARY}*"):
        with suppress(OSError, ValueError):
            machine, pid, *_ = file.name.removeprefix(TEMPORARY).split("-")
            gone = machine == _machine() and not _runs(int(pid))
            if gone or time.time() - file.stat().st_mtime > DAY:
                file.unlink()


def _runs(pid: int) -> bool:
    """Whether there is a process of this number; True where one cannot ask."""
    if os.name == "nt":  # signal 0 would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # another user's
    return True
