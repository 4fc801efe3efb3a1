"""Processes: what commands do when their output is closed, full or has no reader, and when they are told to stop."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from dbnvis.console import LONGEST, brief, run_command
from dbnvis.system.streams import visible

#: A command that says it works, works (by `WORK`), and leaves a file when it is done.
COMMAND = """
import sys, time
from pathlib import Path
from dbnvis.console import progress, run_command, say
class Command:
    device, writes, shared = "cpu", False, False
    def run(self):
        for _ in progress(range(3), "working", 3):
            print("x" * 10_000, flush=True)
            say("said")
        {work}
        Path("done").write_text("done")
sys.exit(run_command(lambda args: Command(), []))
"""


def command(work=""):
    return [sys.executable, "-c", COMMAND.format(work=work)]


def shell(script, folder, **variables):
    """Run `script`, in which "$@" is the command; (status, standard output and error of the shell)."""
    variables = {**os.environ, **variables}
    run = ["bash", "-o", "pipefail", "-c", script, "bash", *command()]
    done = subprocess.run(run, cwd=folder, capture_output=True, text=True, timeout=60, env=variables)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "script",
    [
        '"$@" | head -c 10',
        '"$@" >&-',
        '"$@" 2>&-',
        '"$@" >&- 2>&- <&-',
        '"$@" 2> >(head -c 1)',
        '"$@" 2>/dev/full',
        '"$@" 2>&1 | head -c 1',
        'PYTHONUNBUFFERED=1 "$@" | true',
    ],
)
def test_work_is_finished_where_nobody_reads_or_streams_are_closed(tmp_path, script):
    status, _, err = shell(script, tmp_path)
    assert (status, (tmp_path / "done").exists()) == (0, True)
    assert "Error" not in err and "Exception" not in err


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_said_when_the_work_is_done(tmp_path, unbuffered):
    status, _, err = shell('"$@" >/dev/full', tmp_path, PYTHONUNBUFFERED=unbuffered)
    assert (status, (tmp_path / "done").exists()) == (2, True)
    assert "dbnvis: cannot write to standard output: No space left on device" in err.splitlines()[-1]


def test_training_goes_on_to_its_end_without_a_reader(tmp_path):
    train = "-m dbnvis train --dataset digits --hidden 5 --epochs 1 --device cpu --out"
    script = f"{sys.executable} {train} out 2>&- | head -c 10"
    run = subprocess.run(["bash", "-o", "pipefail", "-c", script], cwd=tmp_path, capture_output=True, timeout=120)
    assert run.returncode == 0 and (tmp_path / "out" / "digits" / "model.npz").exists()
    assert (tmp_path / "out" / "digits" / "figures" / "health_h1.png").exists()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_console_of_any_encoding_shows_every_name(tmp_path, encoding):
    code = (
        "import sys; from dbnvis.console import run_command, say\n"
        "class C:\n    device, writes, shared = 'cpu', False, False\n"
        "    def run(self): print('\\u2022 \\udcff \\x1b[2J'); say('\\u2022 \\udcff \\x1b[2J')\n"
        "sys.exit(run_command(lambda args: C(), []))"
    )
    variables = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=variables, timeout=60)
    bullet = "•".encode(encoding, "backslashreplace")
    assert (done.returncode, done.stdout) == (0, bullet + b" \\udcff \\x1b[2J\n")
    assert done.stderr == done.stdout


def stopped(folder, *signals, work="time.sleep(60)", before=None):
    """Send `signals` to a command at work: its status and what it said."""
    run = subprocess.Popen(command(work), cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=before)
    run.stdout.read(30_000)  # it is at work
    time.sleep(0.2)
    for number in signals:
        run.send_signal(number)
        time.sleep(0.2)
    _, err = run.communicate(timeout=60)
    return run.returncode, err.decode().replace("\r", "\n").splitlines()


@pytest.mark.parametrize(
    ("number", "word"),
    [(signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated"), (signal.SIGHUP, "terminated")],
)
def test_a_signal_ends_a_command_in_order(tmp_path, number, word):
    status, said = stopped(tmp_path, number)
    assert status == 128 + number
    assert said[-1] == f"dbnvis: {word}; every file already written is whole"
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_second_signal_ends_a_command_that_does_not_stop(tmp_path, number):
    stubborn = "\n        try: time.sleep(60)\n        finally: time.sleep(60)"
    status, said = stopped(tmp_path, number, number, work=stubborn)
    assert status == -number and not any("Traceback" in line for line in said)


def test_a_signal_that_was_ignored_from_the_start_stays_ignored(tmp_path):
    status, _ = stopped(
        tmp_path, signal.SIGHUP, work="time.sleep(1)", before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    assert status == 0 and (tmp_path / "done").exists()


class Nothing:
    device, writes, shared = "cpu", False, False

    def run(self):
        pass


def test_signal_handlers_are_as_before_and_other_threads_set_none():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before, statuses = [signal.getsignal(n) for n in numbers], []
    thread = threading.Thread(target=lambda: statuses.append(run_command(lambda args: Nothing(), [])))
    thread.start()
    thread.join()
    assert [*statuses, run_command(lambda args: Nothing(), [])] == [0, 0]
    assert [signal.getsignal(n) for n in numbers] == before


@pytest.mark.parametrize(
    "error", [MemoryError(), MemoryError("Unable to allocate 2 TiB"), KeyError("no x"), OSError("y")]
)
def test_every_mistake_has_a_message(capsys, error):
    def parse(args):
        raise error

    assert run_command(parse, []) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("dbnvis: ") and len(line) > len("dbnvis: ")
    assert ("not enough memory" in line) == isinstance(error, MemoryError)


def test_messages_are_short_and_keep_the_advice():
    names = ", ".join(f"layer{i}" for i in range(1000))
    line = brief(f"no layer 'x'; the model has {names}; give --layer layer0")
    assert len(line) == LONGEST and line.startswith("no layer 'x'; the model has layer0")
    assert line.endswith("; give --layer layer0") and " ... " in line
    assert brief("a\n  b\tc") == "a b c"


def test_control_characters_are_shown():
    for code in [*range(32), *range(0x7F, 0xA0), 0x202E, 0x2066, 0x2028]:
        assert visible(chr(code)).isprintable() or chr(code) in "\t\n"
    assert visible("ü • 中 x") == "ü • 中 x"
