"""scripts/fuzz.py for a while: odd inputs of every kind give a result or one clear line."""

import subprocess
import sys
from pathlib import Path

import pytest

import dbnvis

SCRIPT = Path(dbnvis.__file__).parents[1] / "scripts" / "fuzz.py"


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_odd_inputs_give_a_result_or_one_clear_line(tmp_path, seed):
    command = [sys.executable, SCRIPT, "--seconds", "120", "--seed", str(seed), "--out", tmp_path]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr[-5000:]
    assert "mutated bytes" in run.stdout
