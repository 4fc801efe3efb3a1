"""What the benchmarks time of dbnvis, each in a process of its own, and the floor under it: the matrix products alone.

Each function returns numbers; seconds of training are per 60,000 images and leave the first epoch out.
"""

from __future__ import annotations

import contextlib
import os
import resource
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

EPOCH = 60_000  # images
CHUNK = 50_000  # images of a stream that are held at a time
RATE = 0.05
#: Contrastive divergence as the others do it: no momentum, penalties, centring or chains.
PLAIN: dict[str, Any] = {
    "persistent": False,
    "centered": False,
    "binarize": "none",
    "momentum": 0.0,
    "final_momentum": 0.0,
    "sparsity_target": None,
    "weight_decay": 0.0,
    "l1_decay": 0.0,
}

#: Where the time of an update goes, and the functions of `dbnvis.train.cd` that take it.
PARTS = {
    "matrix products": ("matmul",),
    "momentum step of the weights": ("momentum_step",),
    "gradient, besides its product": ("cd_gradient",),
    "sigmoids and draws": ("logistic_mean", "logistic_mean_sample", "logistic_sample"),
    "reading the batch": ("take_rows", "next_batch"),
}


def training_images(n: int) -> Any:
    """The first `n` training images as rows, repeated where there are fewer."""
    import numpy as np

    from dbnvis import datasets

    images = datasets.load("auto", download=False, notify=str).train_images
    return np.resize(images.reshape(len(images), -1), (n, images[0].size))


def blas() -> str:
    """The kernels and threads of this process."""
    from threadpoolctl import threadpool_info

    found = [f"{i['internal_api']} {i.get('architecture', '')} x{i['num_threads']}" for i in threadpool_info()]
    if "torch" in sys.modules:
        found = [f"MKL of PyTorch x{sys.modules['torch'].get_num_threads()}"]
    return "; ".join(sorted({f for f in found if not f.startswith("openmp")}))


def peak_memory() -> int:
    """MiB that this process has held at the most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def machine() -> dict[str, Any]:
    """For the manifest."""
    from importlib.metadata import PackageNotFoundError, version

    from dbnvis import datasets, doctor

    found = {}
    for package in ("numba", "torch", "rbms", "learnergy"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return {
        "dataset": datasets.load("auto", download=False, notify=str).name,
        "machine": doctor.machine(),
        "peers": found,
    }


def floor(hidden: int, batch: int, k: int, n: int) -> Callable[[], float]:
    """The matrix products of an epoch of CD-k and nothing else, 2k + 3 a batch; a call returns its seconds."""
    import numpy as np

    rng = np.random.default_rng(0)
    v0, v1 = rng.random((2, batch, 784), dtype=np.float32)
    W = rng.standard_normal((784, hidden), dtype=np.float32)
    h0, h1 = np.empty((2, batch, hidden), dtype=np.float32)
    gradient = np.empty_like(W)

    def epoch() -> float:
        start = time.perf_counter()
        for _ in range(n // batch):
            np.matmul(v0, W, out=h0)
            for _ in range(k):
                np.matmul(h0, W.T, out=v1)
                np.matmul(v1, W, out=h1)
            np.matmul(v0.T, h0, out=gradient)
            np.matmul(v1.T, h1, out=gradient)
        return (time.perf_counter() - start) * EPOCH / n

    return epoch


def watched_kernels() -> dict[str, float]:
    """Seconds that each of `PARTS` has taken in this process, counted from now on; none is counted within another."""
    from dbnvis.backend import kernels
    from dbnvis.train import cd

    spent: defaultdict[str, float] = defaultdict(float)

    def timed(function: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*args: Any, **settings: Any) -> Any:
            others, start = sum(spent.values()), time.perf_counter()
            result = function(*args, **settings)
            spent[name] += time.perf_counter() - start - (sum(spent.values()) - others)
            return result

        return call

    kernels.matmul = timed(kernels.matmul, "matrix products")  # that of the gradient
    for name, functions in PARTS.items():
        for function in functions:
            setattr(cd, function, timed(getattr(cd, function), name))
    return spent


def dbnvis(
    hidden: int = 500,
    batch: int = 100,
    k: int = 1,
    n: int = EPOCH,
    epochs: int = 3,
    recipe: bool = False,
    numba: bool = True,
    parts: bool = False,
) -> dict[str, Any]:
    """`train_rbm`, epochs of its floor between its epochs: seconds with and without the monitoring, and the floor's.

    With `parts`, also those of each of `PARTS` and of the rest, which together are those without the monitoring.
    """
    if not numba:
        os.environ["DBNVIS_NO_NUMBA"] = "1"
    from dbnvis.system.blas import use_best_kernels

    use_best_kernels()  # as the command line does
    import numpy as np

    from dbnvis import RBM, CDConfig, train_rbm

    config = CDConfig(epochs=epochs + 1, batch_size=batch, k=k, learning_rate=RATE, **({} if recipe else PLAIN))
    rbm = RBM.random(784, hidden, rng=np.random.default_rng(0))
    products = floor(hidden, batch, k, n)
    spent = watched_kernels() if parts else {}
    epochs_seconds = []
    start = time.perf_counter()
    for stats in train_rbm(rbm, training_images(n), config, rng=np.random.default_rng(1)):
        seconds = {"seconds": time.perf_counter() - start, "updates": stats.seconds, **spent}
        if parts:
            seconds["the rest"] = stats.seconds - sum(spent.values())
        epochs_seconds.append({**seconds, "floor": products() * n / EPOCH})
        spent.clear()
        start = time.perf_counter()
    medians = {name: statistics.median(x[name] for x in epochs_seconds[1:]) * EPOCH / n for name in epochs_seconds[-1]}
    return {**medians, "peak MiB": peak_memory(), "blas": blas()}


def deforming(n: int, threads: int) -> dict[str, Any]:
    """Seconds to make 60,000 images of the infinite set, of `n` made and forgotten."""
    from dbnvis import datasets
    from dbnvis.datasets.infinite import InfiniteDigits, Stream

    digits = InfiniteDigits(datasets.load("auto", download=False, notify=str))
    with Stream(digits, n, chunk=min(n, CHUNK), threads=threads) as made:
        start = time.perf_counter()
        for epoch in range(made.epochs):
            made.images(epoch)
        seconds = time.perf_counter() - start
    return {"seconds": seconds * EPOCH / (made.epochs * made.chunk), "peak MiB": peak_memory(), "blas": ""}


def stream(n: int, chunk: int = CHUNK, hidden: int = 500) -> dict[str, Any]:
    """CD-1 on `n` images of the infinite set, each seen once; also the seconds without waiting for images."""
    from dbnvis.system.blas import use_best_kernels

    use_best_kernels()
    import numpy as np

    from dbnvis import RBM, CDConfig, datasets, train_rbm
    from dbnvis.datasets.infinite import InfiniteDigits, Stream

    waits: list[float] = []

    def images(epoch: int) -> Any:
        start = time.perf_counter()
        chunk = source.images(epoch)
        waits.append(time.perf_counter() - start)
        return chunk

    rbm = RBM.random(784, hidden, rng=np.random.default_rng(0))
    digits = InfiniteDigits(datasets.load("auto", download=False, notify=str))
    with Stream(digits, n, chunk=chunk) as source:
        config = CDConfig(epochs=source.epochs, learning_rate=RATE, **PLAIN)
        start = time.perf_counter()
        training = sum(s.seconds for s in train_rbm(rbm, images, config, rng=np.random.default_rng(1)))
        seconds = time.perf_counter() - start
    products, per_epoch = floor(hidden, config.batch_size, 1, 10_000), EPOCH / (source.epochs * chunk)
    return {
        "seconds": seconds * per_epoch,
        "updates": (training - sum(waits[1:])) * per_epoch,  # the first was before the first epoch
        "waiting": sum(waits) * per_epoch,
        "floor": statistics.median(products() for _ in range(3)),
        "peak MiB": peak_memory(),
        "blas": blas(),
    }


# --- visualizers, on the model that ships with the package


def shipped_model() -> tuple[Any, int]:
    """The shipped network, and the seed that every visualizer draws from."""
    import numpy as np

    from dbnvis import checkpoint
    from dbnvis.backend import child_seeds, make_rng

    return checkpoint.load("pretrained", xp=np).model, child_seeds(make_rng(np, 0), 1)[0]


def visualizer(method: str, units: int) -> dict[str, Any]:
    """A method of dbnvis on the first `units` of h3, repeated for a second; what its optima reach, if it has any."""
    from dbnvis.system.blas import use_best_kernels

    use_best_kernels()
    import numpy as np

    from dbnvis import VISUALIZERS, Unit
    from dbnvis.backend import make_rng

    model, _ = shipped_model()
    draw = VISUALIZERS[method]()
    images = training_images(EPOCH).reshape(-1, 28, 28) if method in ("top-images", "gibbs") else None
    seconds: list[float] = []
    while sum(seconds) < 1:
        start = time.perf_counter()
        pictures = draw(model, [Unit("h3", i) for i in range(units)], rng=make_rng(np, 0), images=images)
        seconds.append(time.perf_counter() - start)
    optima = pictures.extras["trace"][:, 0, -1].tolist() if "trace" in pictures.extras else []
    return {"seconds": statistics.median(seconds) / units, "optima": optima, "blas": blas()}


def ascent(model: str, layer: str, units: int = 0, seed: int = 0) -> dict[str, Any]:
    """Activation maximization of the first `units` of a layer of a shipped model, of maps at their centre, all if 0:
    gradients for each start and the best optima. Starts follow from `seed`."""
    from dbnvis.system.blas import use_best_kernels

    use_best_kernels()
    import numpy as np

    from dbnvis import ActivationMaximization, checkpoint
    from dbnvis.backend import make_rng
    from dbnvis.models.layers import Network
    from dbnvis.models.units import central_units, unit_at

    net, forward, rows = checkpoint.load(model, xp=np).model, Network.forward, 0

    def counted(self: Any, x: Any) -> tuple[Any, Any]:
        value, pullback = forward(self, x)

        def counting(grad: Any) -> Any:
            nonlocal rows
            rows += len(grad)
            return pullback(grad)

        return value, counting

    Network.forward = counted  # type: ignore[method-assign]
    numbers = central_units(net.layer_shape(layer))[: units or None]
    chosen = [unit_at(net, layer, number) for number in numbers]
    start = time.perf_counter()
    pictures = ActivationMaximization()(net, chosen, rng=make_rng(np, seed))
    seconds = (time.perf_counter() - start) / len(chosen)
    gradients = rows / pictures.scores.size
    return {"seconds": seconds, "gradients": gradients, "optima": pictures.scores[:, 0].tolist(), "blas": blas()}


def regularized(recipe: str, steps: int | None = None) -> dict[str, Any]:
    """A recipe of regularized optimization on all classes of the shipped convnet, nine starts of each."""
    from dbnvis.system.blas import use_best_kernels

    use_best_kernels()
    from dataclasses import replace

    import numpy as np

    from dbnvis import Unit, checkpoint
    from dbnvis.visualize import RECIPES

    model, draw = checkpoint.load("convnet", xp=np).model, replace(RECIPES[recipe], starts=9)
    draw = replace(draw, steps=steps or draw.steps)
    replace(draw, steps=3)(model, ["output:0"], rng=np.random.default_rng(0))
    start = time.perf_counter()
    found = draw(model, [Unit("output", c) for c in range(10)], rng=np.random.default_rng(0))
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "highest": float(found.extras["trace"].max(axis=2).mean()),
        "peak MiB": peak_memory(),
        "blas": blas(),
    }


# --- drawing


def sheet(tiles: int, crossed: int = 0) -> dict[str, Any]:
    """The first sheet of a process: first-layer filters of the shipped network, each with a number and a score; some
    crossed out, so that there is a colour. Seconds until it is saved, those of saving alone, and bytes."""
    import io

    import numpy as np

    from dbnvis import plot
    from dbnvis.backend import make_rng

    def save(figure: Any) -> int:
        file = io.BytesIO()
        plot.save(figure, file)
        return len(file.getvalue())

    def drawn(panel: plot.Panel) -> Any:
        words = {"heading": "Filters", "caption": "One tile for each unit.", "key": "Above a tile its number."}
        return plot.grid([[panel]], tile=0.42, **words)

    filters = shipped_model()[0].rbms[0].W.T.reshape(-1, 28, 28)[:tiles].copy()
    save(drawn(plot.Panel(filters[:2], True, 2)))  # imports, fonts
    filters[:crossed] = np.nan
    scores = zip(make_rng(np, 0).normal(10, 8, tiles), make_rng(np, 1).integers(0, 101, tiles), strict=True)
    labels, captions = [str(i) for i in range(tiles)], [f"{score:.1f} {percent}%" for score, percent in scores]
    start = time.perf_counter()
    figure = drawn(plot.Panel(filters, True, 20, labels=labels, captions=captions))
    middle = time.perf_counter()
    size = save(figure)
    end = time.perf_counter()
    return {"seconds": end - start, "saving": end - middle, "bytes": size, "blas": blas()}


# --- backpropagation


def labelled_images(n: int) -> tuple[Any, Any]:
    """The first `n` training images and their labels."""
    from dbnvis import datasets

    data = datasets.load("auto", download=False, notify=str)
    return data.train_images[:n], data.labels[0][:n]


def convnet(batch: int = 100, n: int = EPOCH, epochs: int = 2, recipe: bool = False) -> dict[str, Any]:
    """An epoch of the default ConvNet under Adam: the updates alone, or with the recipe's shifts and dropout."""
    from dbnvis.system.blas import use_best_kernels

    use_best_kernels()
    import numpy as np

    from dbnvis.models.convnet import ConvNet
    from dbnvis.train.backprop import ConvNetConfig, train_backprop

    images, labels = labelled_images(n)
    plain: dict[str, Any] = {"dropout": 0.0, "shift": 0, "weight_decay": 0.0, "centered_gradients": False}
    plain = {} if recipe else plain
    config = ConvNetConfig(epochs=epochs + 1, batch_size=batch, **plain)
    model = ConvNet.random(rng=np.random.default_rng(0))
    found = [stats.seconds for stats in train_backprop(model, images, labels, config, rng=np.random.default_rng(1))]
    seconds = statistics.median(found[1:]) * EPOCH / len(images)
    return {"seconds": seconds, "peak MiB": peak_memory(), "blas": blas()}
