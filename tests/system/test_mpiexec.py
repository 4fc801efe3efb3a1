"""dbnvis.system.mpiexec: ranks that MPI starts begin alike, share the work, and end together, whatever happens."""

import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mpiexec import DBNVIS, of_ranks, rank_process, run
from mpiexec import started as started_ranks
from ranks import together

from dbnvis.backend.comm import Alone, using
from dbnvis.system import mpiexec
from dbnvis.system.mpiexec import Ranks, check_shared, first_before_others, started

HIDDEN = ["--hidden", "12", "8"]

#: One update, and an annealing, in float64: rank 0 prints what came out.
STEP = """
import json
import numpy as np
from mpi4py import MPI as mpi
from dbnvis.backend import comm
from dbnvis.evaluate.ais import ais
from dbnvis.models.rbm import RBM
from dbnvis.train import CDConfig, train_rbm

def work():
    rng, images = np.random.default_rng(0), np.random.default_rng(1).random((60, 30))
    rbm = RBM.random(30, 20, rng=rng, dtype="float64")
    list(train_rbm(rbm, images, CDConfig(epochs=1, batch_size=60), rng=rng))
    rbm.W[...] = np.random.default_rng(2).standard_normal((30, 20)) / 4
    return rbm.hbias.tolist(), ais(rbm, base_vbias=rbm.vbias, betas=np.linspace(0, 1, 50), n_chains=20, rng=rng).log_z

alone = work()
with comm.using(comm.MPI(mpi.COMM_WORLD)) as ranks:
    shared = work()
if ranks.rank == 0:
    print(json.dumps([alone, shared, ranks.size]))
"""


def arrays(path):
    with np.load(path) as file:
        return {name: file[name] for name in file.files if name != "header"}


def assert_same_bits(path, other):
    ours, theirs = arrays(path), arrays(other)
    assert list(ours) == list(theirs)
    for name, x in ours.items():
        np.testing.assert_array_equal(x, theirs[name], err_msg=name)


def wait_for(path, process, seconds=60):
    until = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < until and process.poll() is None, process.communicate()
        time.sleep(0.02)


def small_pictures(path, seed=0):
    """A data set of small pictures, in a file of this name."""
    rng = np.random.default_rng(seed)
    images, labels = rng.integers(0, 256, (300, 20, 20), dtype="uint8"), np.arange(300) % 3
    np.savez(path, train_images=images, train_labels=labels, test_images=images[:90], test_labels=labels[:90])
    return path


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    return small_pictures(tmp_path_factory.mktemp("data") / "small.npz")


@pytest.fixture(scope="module")
def train(pictures):
    return ["train", "--dataset", str(pictures), *HIDDEN, "--epochs"]


@pytest.fixture(scope="module")
def model(train, tmp_path_factory):
    """Trained without mpiexec."""
    folder = tmp_path_factory.mktemp("model")
    assert run(0, *train, "2", "--out", folder)[0] == 0
    return folder / "small/model.npz"


def ends_within_ten_seconds(process):
    """Its exit status."""
    began = time.monotonic()
    process.communicate(timeout=30)
    assert time.monotonic() - began < 10
    return process.returncode


@of_ranks
@pytest.mark.parametrize("n", [2, 3])
def test_a_step_and_an_annealing_are_those_of_one_rank(n):
    status, out, err = run(n, "-c", STEP, command=[sys.executable])
    assert status == 0, err
    (biases, log_z), (shared_biases, shared_log_z), size = json.loads(out)
    assert size == n
    np.testing.assert_allclose(shared_biases, biases, rtol=0, atol=1e-12)
    assert shared_log_z == pytest.approx(log_z, abs=1e-10)


@of_ranks
@pytest.mark.parametrize(("n", "method"), [(3, "am"), (2, "gibbs")])
def test_pictures_have_the_same_bits_as_without_mpiexec(n, method, model, tmp_path):
    command = ["visualize", "--method", method, "--layer", "h2", "--units", "0-6", "--model", model]
    for ranks in (0, n):
        status, out, err = run(ranks, *command, "--out", tmp_path / str(ranks))
        assert status == 0, err
        assert out.count(".png") == 1  # rank 0 alone prints
    (alone,), (shared,) = ((tmp_path / str(ranks)).rglob(f"{method}*.npz") for ranks in (0, n))
    assert_same_bits(alone, shared)


@of_ranks
def test_the_same_ranks_train_the_same_bits_and_each_command_shares(train, pictures, tmp_path):
    for name in ("one", "two"):
        status, _, err = run(2, *train, "2", "--out", tmp_path / name)
        assert status == 0, err
    model = tmp_path / "one/small/model.npz"
    assert_same_bits(model, tmp_path / "two/small/model.npz")
    for command in (
        ["evaluate", model, "--steps", "10", "20", "30", "--chains", "10"],
        ["compare", "h2:3", "--model", model],
        ["figure", "combination", "--model", model],
        ["train", "--family", "convnet", "--dataset", pictures, "--convnet.epochs", "1"],
        ["train", "--family", "sdae", "--dataset", pictures, *HIDDEN, "--sdae.epochs", "1"],
    ):
        status, out, err = run(2, *command, "--out", tmp_path / "more")
        assert status == 0, err
        written = [line for line in out.splitlines() if line.startswith(str(tmp_path))]
        assert written and len(written) == len(set(written)) and all(Path(line).exists() for line in written), out


@of_ranks
def test_all_that_reproduce_draws_of_a_model_is_the_same_without_mpiexec(pictures, tmp_path):
    """Figures, tables, arrays and the report, to the byte; manifests tell how long it took."""
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    status, _, err = run(0, "reproduce", "--quick", "--dataset", pictures, "--out", alone)
    assert status == 0, err
    (shared / "small-quick").mkdir(parents=True)
    shutil.copy(alone / "small-quick/model.npz", shared / "small-quick")
    status, _, err = run(2, "reproduce", "--quick", "--resume", "--dataset", pictures, "--out", shared)
    assert status == 0, err
    files = sorted(path.relative_to(alone) for path in alone.rglob("*.*") if path.is_file())
    assert files == sorted(path.relative_to(shared) for path in shared.rglob("*.*") if path.is_file())
    assert len(files) > 60
    for file in files:
        if file.suffix == ".npz":
            assert_same_bits(alone / file, shared / file)
        elif file.suffix != ".json":
            assert (alone / file).read_bytes() == (shared / file).read_bytes(), file


@of_ranks
@pytest.mark.parametrize("bound", [False, True])
def test_processors_are_divided_only_among_ranks_that_may_use_the_same(bound):
    """As Slurm binds its tasks, each rank has processors of its own."""
    processors = sorted(os.sched_getaffinity(0))
    if bound and len(processors) < 2:
        pytest.skip("one processor cannot be divided")
    code = (
        "import os, sys; from dbnvis.system.mpiexec import Ranks, started\n"
        f"if {bound}: os.sched_setaffinity(0, {{{processors}[started()[0]]}})\n"
        "assert Ranks().sharing == int(sys.argv[1])"  # printed, the numbers of two ranks would run into each other
    )
    status, out, err = run(2, "-c", code, "1" if bound else "2", command=[sys.executable])
    assert status == 0, (out, err)


@of_ranks
@pytest.mark.parametrize("killed", [0, 1])
def test_after_a_kill_the_training_goes_on_to_the_same_bits(killed, train, tmp_path):
    whole, broken, few = tmp_path / "whole", tmp_path / "broken", [*train, "80"]
    assert run(2, *few, "--out", whole)[0] == 0
    with started_ranks((2, [*DBNVIS, *few, "--out", str(broken)])) as process:
        wait_for(broken / "small/training.npz", process)
        os.kill(rank_process(process, killed), signal.SIGKILL)
        assert ends_within_ten_seconds(process) != 0
    assert not (broken / "small/model.npz").exists()
    status, _, err = run(2, *few, "--resume", "--out", broken)
    assert status == 0, err
    assert_same_bits(whole / "small/model.npz", broken / "small/model.npz")


@of_ranks
def test_ctrl_c_ends_all(train, tmp_path):
    with started_ranks((2, [*DBNVIS, *train, "100000", "--out", str(tmp_path)])) as process:
        wait_for(tmp_path / "small/training.npz", process)
        process.send_signal(signal.SIGINT)
        assert ends_within_ten_seconds(process) != 0


@of_ranks
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((["--seed", "0"], ["--seed", "1"]), "the ranks differ in command line: rank 0 has --seed 0, rank 1 --seed 1"),
        (([], ["--epoch", "3"]), "rank 1 of 2: Unrecognized options"),
    ],
)
def test_ranks_that_are_told_otherwise_are_named(options, said, train, tmp_path):
    command = [*DBNVIS, *train, "2", "--out", str(tmp_path)]
    with started_ranks(*((1, [*command, *more]) for more in options)) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode != 0 and said in err, (process.returncode, err)  # mpiexec joins those of all ranks
    assert not (tmp_path / "small").exists()


@of_ranks
def test_other_data_on_a_rank_are_named(tmp_path):
    folders = []
    for i in range(2):
        folders.append(tmp_path / f"data{i}")
        folders[i].mkdir()
        small_pictures(folders[i] / "mine.npz", seed=i)
    words = ["-c", "import os, sys; os.chdir(sys.argv.pop(1)); from dbnvis.__main__ import main; sys.exit(main())"]
    train = ["train", "--dataset", "mine.npz", *HIDDEN, "--epochs", "1", "--out", str(tmp_path / "out")]
    with started_ranks(*((1, [sys.executable, *words, str(folder), *train]) for folder in folders)) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2 and "the ranks differ in the data: rank 0 has" in err, err


@of_ranks
def test_more_ranks_than_images_in_a_batch_is_said_once(train, tmp_path):
    status, _, err = run(3, *train, "2", "--batch-size", "2", "--out", tmp_path)
    assert status == 2 and err.count("3 ranks cannot share batches of 2 images") == 1


@of_ranks
def test_other_commands_are_rank_0s():
    status, out, err = run(2, "doctor")
    assert status == 0 and out.count("packages") == 1 and "does not share its work" in err


@of_ranks
def test_help_is_printed_once():
    status, out, _ = run(2, "--help")
    assert status == 0 and out.count("usage") == 1


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("raise ModuleNotFoundError('No module named mpi4py', name='mpi4py')", "mpi4py is not installed"),
        ("raise RuntimeError('cannot load MPI library')", "MPI is broken (cannot load MPI library)"),
        (
            "class W:\n def Get_size(self): return 1\nclass MPI: COMM_WORLD = W()",
            "MPI joins 1: mpiexec is of another MPI",
        ),
    ],
)
@pytest.mark.parametrize("rank", [0, 1])
def test_a_missing_or_broken_mpi_is_said(module, said, rank, tmp_path):
    (tmp_path / "mpi4py.py").write_text(module)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    for size, number in (("PMI_SIZE", "PMI_RANK"), ("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK")):
        status, _, err = run(0, "train", "--out", tmp_path, PYTHONPATH=path, **{size: "2", number: str(rank)})
        assert status == 2 and said in err and "dbnvis[mpi]" in err and ("rank 1 of 2" in err) == (rank == 1), err


@pytest.mark.parametrize(
    ("rank", "shared", "said"),
    [
        (0, True, "dbnvis: warning: careful"),
        (0, False, "dbnvis: warning: careful"),
        (1, True, ""),  # rank 0 says it, too
        (1, False, "dbnvis: rank 1: warning: careful"),
    ],
)
def test_a_warning_of_all_is_said_once_and_one_of_a_single_rank_with_its_number(rank, shared, said, capfd):
    ranks = Ranks()
    ranks.rank = rank

    comm = Alone()
    comm.size = 2 if shared else 1
    with using(comm):
        ranks.warn("careful", print)
    out, err = capfd.readouterr()
    assert (out + err).strip() == said


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({}, (0, 1)),
        ({"PMI_SIZE": "4", "PMI_RANK": "3"}, (3, 4)),
        ({"OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_RANK": "1"}, (1, 2)),
        ({"SLURM_NTASKS": "8"}, (0, 1)),  # a batch script without srun
        ({"SLURM_NTASKS": "8", "PMIX_RANK": "5"}, (5, 8)),
        ({"PMI_SIZE": "many", "PMI_RANK": "3"}, (0, 1)),
    ],
)
def test_what_launchers_set(variables, expected, monkeypatch):
    for name in ("PMI_SIZE", "PMI_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "SLURM_NTASKS", "PMIX_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert started() == expected


def test_a_rank_that_ends_all_lets_mpiexec_pass_on_what_it_said(monkeypatch):
    """mpiexec throws away what it has not passed on when a rank aborts."""
    done, now = [], [0.0]

    def sleep(seconds):
        now[0] += seconds

    ends = SimpleNamespace(Ibarrier=lambda: SimpleNamespace(Test=lambda: False))  # the others never end
    world = SimpleNamespace(Abort=lambda status: done.append((now[0], status)) or sys.exit(status))
    ranks = Ranks.__new__(Ranks)
    ranks.rank, ranks.size, ranks.world, ranks._ends = 1, 2, world, ends
    said = SimpleNamespace(write=lambda text: done.append((now[0], text)), flush=lambda: None)
    monkeypatch.setattr(mpiexec.time, "sleep", sleep)
    monkeypatch.setattr(mpiexec.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(sys, "__stderr__", said)
    with pytest.raises(SystemExit):
        ranks.end("no such unit", 2)
    (first, message), *_, (last, status) = done
    assert message == "dbnvis: rank 1 of 2: no such unit" and status == 2
    assert mpiexec.PATIENCE < first < mpiexec.PATIENCE + 0.1 and last - first >= 0.3


def test_a_folder_that_a_rank_does_not_see_is_named(tmp_path, monkeypatch):
    together(2, lambda rank: check_shared(tmp_path / "new"))
    assert not list(tmp_path.iterdir())
    looked = []
    monkeypatch.setattr(Path, "exists", lambda path: looked.append(path) or len(looked) == 1)
    with pytest.raises(ValueError, match=r"rank [01] does not see the files that rank 0 writes to .*; give as --out"):
        together(2, lambda rank: check_shared(tmp_path))


def test_rank_0_goes_first_even_if_it_fails():
    seen = []

    def work(rank):
        with first_before_others():
            seen.append(rank)

    together(3, work)
    assert seen[0] == 0 and sorted(seen) == [0, 1, 2]

    def failing(rank):
        with first_before_others():
            raise OSError("no network")

    with pytest.raises(OSError, match="no network"):
        together(2, failing)
