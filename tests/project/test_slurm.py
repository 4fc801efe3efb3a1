"""The Slurm example, as far as it runs without Slurm: its syntax, its options, and its command with another `srun`."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from mpiexec import MPIEXEC, of_ranks

import dbnvis.cli
from dbnvis import checkpoint

SCRIPT = Path(__file__).parents[2] / "scripts" / "examples" / "slurm.sbatch"
BASH = shutil.which("bash")
SMALL = ["--dataset", "digits", "--hidden", "8", "--epochs", "2", "--device", "cpu"]

pytestmark = pytest.mark.skipif(BASH is None, reason="no bash")


def run(folder, *args, srun):
    """Run the script where `srun` is a shell script of these lines; its exit status, output and errors."""
    (folder / "bin").mkdir(exist_ok=True)
    stub = folder / "bin" / "srun"
    stub.write_text(f"#!/bin/bash\n{srun}\n")
    stub.chmod(0o755)
    (folder / "dbnvis").write_text(f'#!/bin/bash\nexec "{sys.executable}" -m dbnvis "$@"\n')
    (folder / "dbnvis").chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), os.environ["PATH"]])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
    environment |= {
        "PATH": path,
        "DBNVIS": str(folder / "dbnvis"),
        "OUT": str(folder / "out"),
        "SLURM_CPUS_PER_TASK": "1",
    }
    done = subprocess.run(
        [BASH, SCRIPT, *args], env=environment, cwd=folder, capture_output=True, text=True, timeout=300
    )
    return done.returncode, done.stdout, done.stderr


def test_bash_reads_it():
    done = subprocess.run([BASH, "-n", SCRIPT], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_slurm_finds_its_settings_before_the_first_command():
    """Slurm reads lines of #SBATCH until the first that is neither a comment nor empty."""
    lines = SCRIPT.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    settings = [line.split() for line in lines if line.startswith("#SBATCH")]
    assert [line for line in lines[first:] if line.startswith("#SBATCH")] == []
    assert all(len(words) == 2 and re.fullmatch(r"--[a-z-]+(=[\w%@:.-]+)?", words[1]) for words in settings)
    assert {"--nodes=4", "--ntasks-per-node=1", "--requeue"} <= {words[1] for words in settings}


def test_its_command_parses_and_takes_more_options(tmp_path):
    """srun gets options of its own, then a command line of dbnvis; what is given to the script comes last."""
    code, out, err = run(tmp_path, *SMALL, srun='printf "%s\\n" "$OPENBLAS_NUM_THREADS" "$@"')
    assert code == 0, err
    threads, *words = out.splitlines()
    start = words.index(str(tmp_path / "dbnvis"))
    assert threads == "1" and all(word.startswith("--") for word in words[:start]) and "--mpi=pmi2" in words[:start]
    command = dbnvis.cli._parse(words[start + 1 :])
    assert command.resume and command.dataset == "digits" and tuple(command.hidden) == (8,)
    assert command.out == tmp_path / "out"
    alone = dbnvis.cli._parse(words[start + 1 : -len(SMALL)])
    assert alone.dataset == "mnist" and tuple(alone.hidden) == (2000, 2000, 2000)


@of_ranks
def test_two_ranks_train_and_a_second_start_keeps_the_model(tmp_path):
    """With mpiexec in the place of srun; started again, as Slurm may, it keeps what is finished."""
    srun = f'while [[ "$1" == --* ]]; do shift; done\nexec "{MPIEXEC}" -n 2 "$@"'
    code, _, err = run(tmp_path, *SMALL, srun=srun)
    assert code == 0, err
    (path,) = (tmp_path / "out").rglob("model.npz")
    first = path.read_bytes()
    assert checkpoint.load(path, xp=np).model.layer_shape("h1") == (8,)
    code, _, err = run(tmp_path, *SMALL, srun=srun)
    assert code == 0, err
    assert path.read_bytes() == first


@of_ranks
def test_if_a_rank_fails_the_job_fails(tmp_path):
    srun = f'while [[ "$1" == --* ]]; do shift; done\nexec "{MPIEXEC}" -n 2 "$@"'
    code, _, err = run(tmp_path, *SMALL, "--batch-size", "1", srun=srun)
    assert code == 2 and "2 ranks cannot share batches of 1" in err
