"""dbnvis.system.blas: a command starts itself again where faster kernels are safe, once, and nothing else ever does."""

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from dbnvis import __main__ as entry
from dbnvis import cli
from dbnvis.commands import scripted
from dbnvis.system import blas

FLAGS = {"fpu", "avx2", *blas.AVX512}


class Restarted(Exception):
    """What execve does to this process: nothing after it runs."""


@pytest.fixture
def started(monkeypatch, tmp_path):
    """A process started as `python -X utf8 /…/dbnvis compare "h3:17 "`, on AVX-512, whose OpenBLAS took Haswell."""
    script = str(tmp_path / "dbnvis")
    calls = []

    def execve(*call):
        calls.append(call)
        raise Restarted

    monkeypatch.setattr(blas, "cpu_flags", lambda: FLAGS)
    monkeypatch.setattr(blas, "openblas_kernels", lambda: ["Haswell"])
    monkeypatch.setattr(blas.os, "execve", execve)
    monkeypatch.setitem(sys.modules, "__main__", SimpleNamespace(__file__=script))
    monkeypatch.setattr(sys, "argv", [script, "compare", "h3:17 "])
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-X", "utf8", script, "compare", "h3:17 "])
    for name in (blas.CORE_TYPE, blas.KEEP, blas.REPLACED):
        monkeypatch.delenv(name, raising=False)
    return calls


def test_slow_kernels_restart_the_command_with_the_best(started):
    with pytest.raises(Restarted):
        blas.use_best_kernels()
    ((path, argv, environment),) = started
    assert path == sys.executable
    assert argv == [sys.executable, *sys.orig_argv[1:]]
    added = {blas.CORE_TYPE: "SkylakeX", blas.REPLACED: "Haswell"}
    assert environment == {**os.environ, **added}


def test_the_restarted_command_goes_on(started, monkeypatch):
    """Even where the setting did not help, as with an OpenBLAS built for one processor."""
    with pytest.raises(Restarted):
        blas.use_best_kernels()
    for name, value in started.pop()[2].items():
        monkeypatch.setenv(name, value)
    blas.use_best_kernels()
    assert not started


@pytest.mark.parametrize("missing", [*sorted(blas.AVX512), "all"])
def test_a_processor_that_lacks_an_instruction_set_is_left_alone(started, monkeypatch, missing):
    flags = FLAGS - {missing} if missing != "all" else set()
    monkeypatch.setattr(blas, "cpu_flags", lambda: flags)
    blas.use_best_kernels()
    assert not started


@pytest.mark.parametrize("kernels", [["SkylakeX"], ["Cooperlake"], ["SAPPHIRERAPIDS"], [], ["unknown"], [""]])
def test_kernels_that_cannot_be_bettered_or_told_are_left_alone(started, monkeypatch, kernels):
    monkeypatch.setattr(blas, "openblas_kernels", lambda: kernels)
    blas.use_best_kernels()
    assert not started


@pytest.mark.parametrize(
    ("name", "value"), [("OPENBLAS_CORETYPE", "Haswell"), ("OPENBLAS_CORETYPE", "SkylakeX"), ("DBNVIS_KEEP_BLAS", "1")]
)
def test_what_the_user_has_set_stands(started, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(blas, "openblas_kernels", lambda: pytest.fail("NumPy was loaded for nothing"))
    blas.use_best_kernels()
    assert not started


def test_an_empty_setting_is_none(started, monkeypatch):
    monkeypatch.setenv(blas.CORE_TYPE, "")
    with pytest.raises(Restarted):
        blas.use_best_kernels()


@pytest.mark.parametrize("main", [SimpleNamespace(), SimpleNamespace(__file__="/usr/bin/pytest")])
def test_a_process_started_for_something_else_is_left_alone(started, monkeypatch, main):
    """An interpreter or notebook has no file; a test's file is not the command's."""
    monkeypatch.setitem(sys.modules, "__main__", main)
    blas.use_best_kernels()
    assert not started


def test_a_script_named_by_a_relative_path_restarts(started, monkeypatch):
    script = Path(sys.argv[0])
    monkeypatch.chdir(script.parent)
    monkeypatch.setattr(sys, "argv", [script.name])
    with pytest.raises(Restarted):
        blas.use_best_kernels()


def test_the_command_and_the_scripts_restart_before_anything_else(started, monkeypatch):
    for module in (cli, scripted):
        monkeypatch.setattr(module, "run_command", lambda *_: pytest.fail("ran first"))
    for start in (entry.main, lambda: scripted.figures_script("draws", {})):
        with pytest.raises(Restarted):
            start()


@pytest.mark.parametrize("asked", ["-h", "--help", "--version"])
def test_help_is_not_worth_a_restart(started, monkeypatch, asked):
    monkeypatch.setattr(sys, "argv", [sys.argv[0], "train", asked])
    monkeypatch.setattr(blas, "openblas_kernels", lambda: pytest.fail("NumPy was loaded for nothing"))
    with pytest.raises(SystemExit, match="0") if asked != "--version" else nullcontext():
        entry.main()


def test_main_with_arguments_and_imports_never_restart(started, monkeypatch, capsys):
    assert cli.main(["data"]) == 0
    assert not started
    code = "import os, sys; os.execve = None; import dbnvis, dbnvis.cli, dbnvis.__main__; print('numpy' in sys.modules)"
    environment = {k: v for k, v in os.environ.items() if k != blas.CORE_TYPE}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, stdout=subprocess.DEVNULL)


def test_python_m_dbnvis_is_the_command():
    run = subprocess.run([sys.executable, "-m", "dbnvis", "trian"], capture_output=True, text=True)
    assert run.returncode == 2
    assert run.stderr.startswith("dbnvis: no command 'trian'")


@pytest.mark.skipif(not blas.cpu_flags() >= blas.AVX512, reason="the processor has no AVX-512")
def test_a_real_restart_keeps_the_command_line_and_changes_the_kernels(tmp_path):
    """A script whose OpenBLAS is made to look old."""
    script = tmp_path / "script.py"
    script.write_text(
        "import os, sys\n"
        "from dbnvis.system import blas\n"
        "taken = blas.openblas_kernels\n"
        "if blas.REPLACED not in os.environ:\n"
        "    blas.openblas_kernels = lambda: ['Barcelona']\n"
        "blas.use_best_kernels()\n"
        "print(sys.argv[1:], sys.flags.optimize, *taken(), blas.why_these(), sep='|')\n"
    )
    environment = {k: v for k, v in os.environ.items() if k not in (blas.CORE_TYPE, blas.KEEP, blas.REPLACED)}
    args = ["a b", "", "--x=\n", "*"]
    run = subprocess.run(
        [sys.executable, "-O", "script.py", *args], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    said, optimize, *kernels, why = run.stdout.rstrip("\n").split("|")
    assert (said, optimize) == (str(args), "1")
    assert "SkylakeX" in kernels or not kernels  # none: NumPy has another BLAS
    assert why.startswith("SkylakeX, chosen by dbnvis where OpenBLAS took Barcelona; DBNVIS_KEEP_BLAS=1")


def test_flags_are_read_as_linux_writes_them(monkeypatch):
    text = "processor\t: 0\nflags\t\t: fpu avx512f avx512cd\nbugs\t\t: spectre\n\nprocessor\t: 1\nflags\t\t: other\n"
    monkeypatch.setattr(Path, "read_text", lambda self: text)
    assert blas.cpu_flags() == {"fpu", "avx512f", "avx512cd"}
    monkeypatch.setattr(Path, "read_text", lambda self: "processor\t: 0\nFeatures\t: asimd\n")
    assert blas.cpu_flags() == set()

    def missing(self):
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    assert blas.cpu_flags() == set()
