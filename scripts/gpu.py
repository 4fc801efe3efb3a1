"""What the GPU benchmark times, each in a process of its own: CD-1 784-500 here and in PyTorch, and the floor of both.

Each function returns numbers; seconds of training are per 60,000 images and leave the first epochs out. Images are on
the device before the clock starts; it stops when the device has done its work.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

from ours import EPOCH, PLAIN, RATE, training_images
from timing import middle, ratio

HIDDEN = 500


def kernels(function: Callable[[], Any], steps: int) -> float:
    """Kernels that the device runs per step of `function`, as PyTorch's profiler counts them; NaN without PyTorch."""
    try:
        import torch
        from torch.profiler import ProfilerActivity, profile
    except ImportError:
        return float("nan")
    torch.cuda.init()
    with profile(activities=[ProfilerActivity.CUDA]) as seen:
        function()
        torch.cuda.synchronize()
    on_device = [event for event in seen.events() if event.device_type == torch.autograd.DeviceType.CUDA]
    return sum(not event.name.startswith(("Memcpy", "Memset")) for event in on_device) / steps


def dbnvis(
    batch: int, steps: int = 10, recipe: bool = False, tf32: bool = False, n: int = EPOCH, epochs: int = 5
) -> dict[str, Any]:
    """`train_rbm` with graphs of so many steps (0: none): seconds with and without the monitoring; kernels per step."""
    if tf32:
        os.environ["CUPY_TF32"] = "1"
    import cupy

    from dbnvis import RBM, CDConfig, train_rbm
    from dbnvis.backend import graphs, make_rng

    graphs.STEPS = steps
    images = cupy.asarray(training_images(n))
    config = CDConfig(epochs=epochs + 3, batch_size=batch, learning_rate=RATE, **({} if recipe else PLAIN))
    rbm = RBM.random(784, HIDDEN, rng=make_rng(cupy, 0))
    training = train_rbm(rbm, images, config, rng=make_rng(cupy, 1))
    whole, updates = [], []
    for _ in range(epochs + 2):
        start = time.perf_counter()
        stats = next(training)
        whole.append((time.perf_counter() - start) * EPOCH / n)
        updates.append(stats.seconds * EPOCH / n)
    seconds = {"seconds": statistics.median(updates[2:]), "with monitoring": statistics.median(whole[2:])}
    return {**seconds, "kernels": kernels(lambda: next(training, None), n // batch)}


def products(batch: int, steps: int = 10, tf32: bool = False, n: int = EPOCH, epochs: int = 5) -> dict[str, Any]:
    """The four matrix products of every step and nothing else, recorded as the steps are."""
    if tf32:
        os.environ["CUPY_TF32"] = "1"
    import cupy

    from dbnvis.backend import graphs, make_rng, matmul, recorded, synchronize

    graphs.STEPS = steps
    rng = make_rng(cupy, 0)
    v, h = rng.random((2 * batch, 784), dtype="float32"), rng.random((2 * batch, HIDDEN), dtype="float32")
    W, out = rng.standard_normal((784, HIDDEN), dtype="float32"), cupy.empty((784, HIDDEN), dtype="float32")

    def step() -> None:
        matmul(v[:batch], W, out=h[:batch])
        matmul(h[:batch], W.T, out=v[batch:])
        matmul(v[batch:], W, out=h[batch:])
        matmul(v.T, h, out=out)

    repeat, seconds = recorded(cupy, step), []
    for _ in range(epochs + 2):
        synchronize(cupy)
        start = time.perf_counter()
        repeat(n // batch)
        synchronize(cupy)
        seconds.append((time.perf_counter() - start) * EPOCH / n)
    return {"seconds": statistics.median(seconds[2:]), "kernels": kernels(lambda: repeat(steps or 1), steps or 1)}


def pytorch(batch: int, how: str = "eager", tf32: bool = False, n: int = EPOCH, epochs: int = 5) -> dict[str, Any]:
    """CD-1 as one writes it in PyTorch; `how`: eager, compiled, or graph (the eager step, captured in a CUDA graph)."""
    import torch

    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = tf32
    images = torch.from_numpy(training_images(n)).cuda()
    W = torch.randn(784, HIDDEN, device="cuda") * 0.01
    vbias, hbias = torch.zeros(784, device="cuda"), torch.zeros(HIDDEN, device="cuda")

    def update(rows: Any) -> None:
        v0 = images[rows]
        p0 = torch.sigmoid(v0 @ W + hbias)
        v1 = torch.bernoulli(torch.sigmoid(torch.bernoulli(p0) @ W.T + vbias))
        p1 = torch.sigmoid(v1 @ W + hbias)
        W.add_(v0.T @ p0 - v1.T @ p1, alpha=RATE / batch)
        vbias.add_((v0 - v1).mean(0), alpha=RATE)
        hbias.add_((p0 - p1).mean(0), alpha=RATE)

    step: Callable[[Any], Any] = update
    if how == "compiled":
        step = torch.compile(update)
    elif how == "graph":
        chosen, graph = torch.arange(batch, device="cuda"), torch.cuda.CUDAGraph()
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):  # PyTorch's recipe: warm up on a stream apart
            for _ in range(3):
                update(chosen)
        torch.cuda.current_stream().wait_stream(aside)
        with torch.cuda.graph(graph):
            update(chosen)

        def step(rows: Any) -> None:
            chosen.copy_(rows)
            graph.replay()

    def epoch() -> None:
        for rows in torch.randperm(n, device="cuda")[: n // batch * batch].split(batch):
            step(rows)
        torch.cuda.synchronize()

    seconds = []
    with torch.no_grad():
        for _ in range(epochs + 2):
            start = time.perf_counter()
            epoch()
            seconds.append((time.perf_counter() - start) * EPOCH / n)
        counted = kernels(epoch, n // batch)
    return {"seconds": statistics.median(seconds[2:]), "kernels": counted}


def pictures(method: str, units: int = 250, device: str = "gpu") -> dict[str, Any]:
    """A method on the first `units` of h3 of the shipped network, with its defaults; the first run is not counted."""
    from dbnvis import VISUALIZERS, Unit, checkpoint
    from dbnvis.backend import device_module, make_rng

    xp = device_module(device)
    model, draw = checkpoint.load("pretrained", xp=xp).model, VISUALIZERS[method]()
    images = xp.asarray(training_images(EPOCH).reshape(-1, 28, 28)) if method == "gibbs" else None
    seconds = []
    for _ in range(4):
        start = time.perf_counter()
        draw(model, [Unit("h3", i) for i in range(units)], rng=make_rng(xp, 0), images=images)  # ends on the host
        seconds.append(time.perf_counter() - start)
    return {"seconds": statistics.median(seconds[1:]), "kernels": float("nan")}


def reproduce(quick: bool = False, device: str = "gpu", dataset: str = "auto") -> dict[str, Any]:
    """`dbnvis reproduce`, all of it, into a folder that is forgotten; seconds of each stage as well."""
    from contextlib import redirect_stdout

    from dbnvis.system.blas import use_best_kernels

    use_best_kernels()  # as the command line does
    from dbnvis.cli import main
    from dbnvis.commands import reproduce as command

    clock = command.Clock()
    command.Clock = lambda: clock  # type: ignore[assignment, misc]  # so that it can be read afterwards
    with tempfile.TemporaryDirectory() as out, redirect_stdout(sys.stderr):
        options = ["--device", device, "--dataset", dataset, "--out", out, *(["--quick"] if quick else [])]
        status = main(["reproduce", *options])
    if status:
        raise RuntimeError(f"dbnvis reproduce ended with status {status}")
    return {"seconds": sum(clock.stages.values()), "kernels": float("nan"), "stages": clock.stages}


def table(
    batches: Sequence[int], names: Sequence[str], others: Sequence[str], found: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[tuple[str, Any]]]:
    """Rows of what was found as "name batch", and their bars; the first name is the floor. Last come the `others`."""
    rows, panels = [], []
    for batch in batches:
        floor, eager = found[f"{names[0]} {batch}"], found.get(f"PyTorch {batch}")
        present = {name: found[f"{name} {batch}"] for name in names if f"{name} {batch}" in found}
        rows += [_row(name, batch, said, floor=floor, eager=eager) for name, said in present.items()]
        panels.append((f"batch {batch}", {name: (*middle(said), middle(floor)[0]) for name, said in present.items()}))
    return [*rows, *(_row(f"dbnvis {name}", None, found[name]) for name in others)], panels


def stages(device: Sequence[dict[str, Any]], cpu: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of `reproduce` and its stages on the device, with how many times as long the CPU takes."""

    def of(stage: str, found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**said, "seconds": said["stages"][stage]} for said in found]

    parts = [_row(f"reproduce: {name}", None, of(name, device), cpu=of(name, cpu)) for name in device[0]["stages"]]
    return [_row("dbnvis reproduce", None, device, cpu=cpu), *parts]


def _row(name: str, batch: Any, said: Any, floor: Any = None, eager: Any = None, cpu: Any = None) -> dict[str, Any]:
    return {
        "what": name,
        "batch": batch,
        **dict(zip(("seconds", "least", "greatest"), middle(said), strict=True)),
        "times floor": floor and ratio(said, floor),
        "PyTorch takes times": eager and ratio(eager, said),
        "CPU takes times": cpu and ratio(cpu, said),
        "kernels per step": said[0]["kernels"],
    }
