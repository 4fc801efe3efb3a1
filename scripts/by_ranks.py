"""What `bench_scale.py` times, each by as many ranks as were started: seconds until the slowest is done.

Each function returns numbers on rank 0, and nothing on the others.
"""

from __future__ import annotations

import functools
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def shared(work: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """`work` on all ranks of this command, with the kernels that commands use."""

    @functools.wraps(work)
    def by_all(**settings: Any) -> dict[str, Any]:
        from dbnvis.system.blas import use_best_kernels

        use_best_kernels()
        from dbnvis.backend.comm import current
        from dbnvis.system.mpiexec import Ranks

        ranks = Ranks()
        with ranks.working("cpu"):
            said = work(**settings)
            slowest = max(current().gather(said["seconds"]))
        return {**said, "seconds": slowest} if ranks.rank == 0 else {}

    return by_all


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds of `work`, which all ranks begin together, and what it returned."""
    from dbnvis.backend.comm import current

    current().gather(None)
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


@shared
def training(
    batch: int, visible: int = 784, hidden: int = 500, updates: int = 600, epochs: int = 3, one_of: int = 0
) -> dict[str, Any]:
    """Seconds of an update by the default recipe, without monitoring; the first epoch is left out.

    `one_of` ranks: alone, this process does what one of so many would, but for the sums.
    """
    import numpy as np
    from ours import blas

    from dbnvis import RBM, CDConfig, train_rbm
    from dbnvis.backend.comm import Comm, current, using

    class OneOf(Comm):
        """The first of `size` ranks, whose others are not there."""

        rank, size = 0, one_of

        def sum(self, x: Any) -> Any:
            return x

        def gather(self, value: Any) -> list[Any]:
            return [value] * self.size

    images = np.random.default_rng(0).random((updates * batch, visible), dtype=np.float32)
    rbm = RBM.random(visible, hidden, rng=np.random.default_rng(0))
    config = CDConfig(epochs=epochs + 1, batch_size=batch)
    with using(OneOf() if one_of else current()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = [stats.seconds for stats in train_rbm(rbm, images, config, rng=np.random.default_rng(1))]
    return {"seconds": statistics.median(seconds[1:]) / updates, "blas": blas()}


@shared
def pictures(method: str, layer: str = "h3", units: int | None = None) -> dict[str, Any]:
    """Pictures of the first `units` of a layer of the shipped network; default: of all."""
    from ours import EPOCH, blas, shipped_model, training_images

    from dbnvis import VISUALIZERS
    from dbnvis.evaluate.scores import Responses
    from dbnvis.figures.study import Study
    from dbnvis.results import Writer

    model, _ = shipped_model()
    images = training_images(EPOCH).reshape(-1, *model.input_shape)
    study = Study(model, "mnist", Responses.of(model, images[:100]), Writer(Path("runs")), images=images)
    study.pictures(VISUALIZERS[method](), study.units("h1", 2))  # what is made once: compiled, looked up
    return {
        "seconds": timed(lambda: study.pictures(VISUALIZERS[method](), study.units(layer, units)))[0],
        "blas": blas(),
    }


@shared
def likelihood(steps: tuple[int, int, int] = (50, 400, 1_000), chains: int = 100) -> dict[str, Any]:
    """log Z of the first layer of the shipped network, by annealed importance sampling with so many temperatures."""
    import numpy as np
    from ours import blas, shipped_model

    from dbnvis.evaluate.ais import ais, schedule

    rbm = shipped_model()[0].rbms[0]

    def estimate(*steps: int) -> float:
        rng = np.random.default_rng(0)
        return ais(rbm, base_vbias=rbm.vbias, betas=schedule(*steps), n_chains=chains, rng=rng).log_z

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimate(1, 1, 1)
        seconds, log_z = timed(lambda: estimate(*steps))
    return {"seconds": seconds, "log Z": log_z, "blas": blas()}


@shared
def summing(n_bytes: int, seconds: float = 0.5) -> dict[str, Any]:
    """A sum over the ranks of an array of so many bytes, one after the other for so many `seconds`."""
    import numpy as np

    from dbnvis.backend.comm import current

    x = np.zeros(n_bytes // 4, np.float32)
    return {"seconds": _each(lambda: current().sum(x), seconds)}


@shared
def adding(n_bytes: int, seconds: float = 0.5) -> dict[str, Any]:
    """An array of so many bytes added to another, within a process."""
    import numpy as np

    x, y = np.zeros((2, n_bytes // 4), np.float32)
    return {"seconds": _each(lambda: np.add(x, y, out=x), seconds)}


def _each(work: Callable[[], Any], seconds: float, blocks: int = 9) -> float:
    """Seconds of `work`: the median of blocks, in which it is done again and again."""
    from dbnvis.backend.comm import current

    def block(times: int) -> float:
        return timed(lambda: [work() for _ in range(times)])[0] / times

    times = max(1, min(1_000, int(seconds / blocks / max(current().gather(block(3))))))
    return statistics.median(block(times) for _ in range(blocks))
