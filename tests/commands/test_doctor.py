"""dbnvis.doctor: who chose the kernels, and the advice that follows."""

import sys
from importlib import metadata
from pathlib import Path

import pytest

from dbnvis import doctor
from dbnvis.system import blas

FLAGS = {"avx2", *blas.AVX512}


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in (blas.CORE_TYPE, blas.KEEP, blas.REPLACED):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("environment", "why", "advice"),
    [
        ({}, "OpenBLAS's own choice", "set OPENBLAS_CORETYPE=SkylakeX before Python starts"),
        (
            {"OPENBLAS_CORETYPE": "Haswell"},
            "Haswell, set by OPENBLAS_CORETYPE in the environment; dbnvis keeps it",
            "unset OPENBLAS_CORETYPE, and",
        ),
        ({"DBNVIS_KEEP_BLAS": "1"}, "OpenBLAS's own choice, kept by DBNVIS_KEEP_BLAS", "unset DBNVIS_KEEP_BLAS, and"),
        (
            {"OPENBLAS_CORETYPE": "SkylakeX", "DBNVIS_REPLACED_BLAS": "Zen"},
            "SkylakeX, chosen by dbnvis where OpenBLAS took Zen; DBNVIS_KEEP_BLAS=1 keeps what OpenBLAS takes",
            "it was built without them",
        ),
    ],
)
def test_it_says_who_chose_the_kernels_and_how_to_get_better_ones(monkeypatch, environment, why, advice):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert blas.why_these() == why
    assert f"kernels  {why}" in doctor.machine()
    said = doctor.kernel_advice("Haswell", FLAGS)
    assert "uses its Haswell kernels although this processor has AVX-512" in said
    assert advice in said


@pytest.mark.parametrize(
    ("kernels", "flags"), [("SkylakeX", FLAGS), ("Cooperlake", FLAGS), ("Haswell", {"avx2"}), ("neoversen1", set())]
)
def test_no_advice_where_the_kernels_are_the_best(kernels, flags):
    assert doctor.kernel_advice(kernels, flags) is None


@pytest.mark.parametrize(
    ("all_threads", "one", "advised"), [(200.0, 110.0, False), (110.0, 112.0, False), (3, 60, True)]
)
def test_one_thread_is_advised_where_it_is_faster_than_all(all_threads, one, advised):
    said = doctor.thread_advice(all_threads, one)
    assert (said is not None) == advised
    if said:
        assert "60 GFLOP/s" in said and "OPENBLAS_NUM_THREADS=1" in said


def test_measuring_one_thread_leaves_the_threads_as_they_were():
    from threadpoolctl import threadpool_info

    before = threadpool_info()
    doctor.machine()
    assert [info["num_threads"] for info in threadpool_info()] == [info["num_threads"] for info in before]


@pytest.mark.parametrize(
    ("version", "mpiexec", "said"),
    [
        ("4.1.2", "/there/mpiexec", "mpi4py 4.1.2, the mpiexec of the system"),
        ("4.1.2", f"{Path(sys.executable).parent}/mpiexec", "mpi4py 4.1.2, the mpiexec beside this Python"),
        ("4.1.2", None, "mpi4py 4.1.2, but no mpiexec: pip install 'dbnvis[mpi]'"),
        (None, "/there/mpiexec", "none: pip install 'dbnvis[mpi]'"),
    ],
)
def test_it_says_what_starts_several_processes_or_how_to_get_it(monkeypatch, version, mpiexec, said):
    real = metadata.version

    def installed(name):
        if name != "mpi4py":
            return real(name)
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", installed)
    monkeypatch.setattr(doctor, "find_mpiexec", lambda: mpiexec)
    assert doctor.mpi().startswith(said)
    assert any(line.startswith(f"MPI      {said}") for line in doctor.machine())
    assert not any(str(Path(sys.executable).parent) in line for line in doctor.machine())
