"""The trainers of others as their users run them, and one ascent in PyTorch, each in a process of its own.

Every trainer sees the same images, float32 in [0, 1] where it takes them, in batches of 100, at one rate, and samples
hidden and visible units. Each function returns numbers; seconds of training are per 60,000 images.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from typing import Any

from ours import EPOCH, RATE, blas, labelled_images, peak_memory, shipped_model, training_images


def scikit_learn(dtype: str, n: int = EPOCH, epochs: int = 2) -> dict[str, Any]:
    """`BernoulliRBM.fit`: it has persistent chains only, and no look at an epoch, so two lengths are compared."""
    from sklearn.neural_network import BernoulliRBM

    images = training_images(n).astype(dtype)

    def fit(n_iter: int, n: int) -> float:
        start = time.perf_counter()
        BernoulliRBM(500, learning_rate=RATE, batch_size=100, n_iter=n_iter, random_state=0).fit(images[:n])
        return time.perf_counter() - start

    fit(1, 1000)
    return {"seconds": (fit(1 + epochs, n) - fit(1, n)) / epochs * EPOCH / n, "blas": blas()}


def pytorch(n: int = EPOCH, epochs: int = 3) -> dict[str, Any]:
    """CD-1 as one writes it in PyTorch."""
    import torch

    torch.manual_seed(0)
    images = torch.from_numpy(training_images(n))
    W, vbias, hbias = torch.randn(784, 500) * 0.01, torch.zeros(784), torch.zeros(500)
    seconds = []
    with torch.no_grad():
        for _ in range(epochs + 1):
            start = time.perf_counter()
            for rows in torch.randperm(n).split(100):
                v0 = images[rows]
                p0 = torch.sigmoid(v0 @ W + hbias)
                v1 = torch.bernoulli(torch.sigmoid(torch.bernoulli(p0) @ W.T + vbias))
                p1 = torch.sigmoid(v1 @ W + hbias)
                W += RATE / len(rows) * (v0.T @ p0 - v1.T @ p1)
                vbias += RATE * (v0 - v1).mean(0)
                hbias += RATE * (p0 - p1).mean(0)
            seconds.append(time.perf_counter() - start)
    return {"seconds": statistics.median(seconds[1:]) * EPOCH / n, "blas": blas()}


def rbms(n: int = EPOCH, epochs: int = 1) -> dict[str, Any]:
    """`rbms.training.pcd.train`, asked for plain CD-1; it takes a random batch at every update."""
    import numpy as np
    import torch
    from rbms.dataset.dataset_class import RBMDataset
    from rbms.training.pcd import train

    images = training_images(n)
    data = RBMDataset(images, np.zeros(n), np.ones(n), np.arange(n), "digits", is_binary=True, device="cpu")
    asked = {"num_hiddens": 500, "batch_size": 100, "num_chains": 100, "gibbs_steps": 1, "learning_rate": RATE}
    plain = {"training_type": "cd", "no_center": True, "L1": 0.0, "L2": 0.0, "beta": 1.0, "log": False}
    rest = {"device": "cpu", "dtype": torch.float32, "seed": 0, "overwrite": True, "restore": False, "train_size": 1.0}

    def updates(number: int) -> float:
        with tempfile.TemporaryDirectory() as folder:
            where = {"filename": os.path.join(folder, "RBM.h5"), "num_updates": number + 1, "test_size": None}
            start = time.perf_counter()
            train(data, data, "BBRBM", asked | plain | rest | where, torch.float32, np.array([number + 1]))
            return time.perf_counter() - start

    updates(20)
    return {"seconds": updates(epochs * n // 100) / epochs * EPOCH / n, "blas": blas()}


def learnergy(n: int = EPOCH, epochs: int = 1) -> dict[str, Any]:
    """`learnergy.models.bernoulli.RBM.fit`, which also measures pseudo-likelihood and error on every batch."""
    import torch
    from learnergy.models.bernoulli import RBM

    torch.manual_seed(0)
    data = torch.utils.data.TensorDataset(torch.from_numpy(training_images(n)), torch.zeros(n))
    model = RBM(n_visible=784, n_hidden=500, steps=1, learning_rate=RATE)
    model.fit(data, batch_size=100, epochs=epochs + 1)
    return {"seconds": statistics.median(model.history["time"][1:]) * EPOCH / n, "blas": blas()}


def pytorch_ascent(units: int, together: bool, steps: int = 200, tolerance: float = 2e-4) -> dict[str, Any]:
    """The same ascent from the same starts by PyTorch's autograd, unit by unit; nine starts `together` or in turn."""
    import torch

    from dbnvis.visualize.gradient_ascent import LESS, LONG_STEPS, MORE, PATIENCE, WINDOW
    from dbnvis.visualize.visualizer import unit_rngs

    model, seed = shipped_model()
    norm = model.input_norm
    *below, (W, bias) = [(torch.from_numpy(rbm.W), torch.from_numpy(rbm.hbias)) for rbm in model.rbms]
    noise = [g.random((9, 784), dtype=model.dtype) for g in unit_rngs(model, "h3", range(units), seed=seed)]

    def project(x: Any) -> Any:
        return x * (norm / x.norm(dim=1, keepdim=True))

    def value_and_grad(x: Any, unit: int) -> tuple[Any, Any]:
        h = x = x.detach().requires_grad_(True)
        for weights, hbias in below:
            h = torch.sigmoid(h @ weights + hbias)
        value = h @ W[:, unit] + bias[unit]
        return value.detach(), torch.autograd.grad(value.sum(), x)[0]

    def slope(x: Any, grad: Any) -> Any:
        return grad - (grad * x).sum(1, keepdim=True) / norm**2 * x

    def climb(x: Any, unit: int) -> float:
        x = project(x)
        value, grad = value_and_grad(x, unit)
        step, trace = torch.ones(len(x)), [value]
        for _ in range(LONG_STEPS):
            proposal = project(x + (step * norm / grad.norm(dim=1))[:, None] * grad)
            new_value, new_grad = value_and_grad(proposal, unit)
            better = new_value > value
            x, grad = torch.where(better[:, None], proposal, x), torch.where(better[:, None], new_grad, grad)
            value, step = torch.where(better, new_value, value), torch.where(better, step * 1.5, step * 0.5)
            trace.append(value)
        uphill, top, last = slope(x, grad), value, value[:, None].repeat(1, WINDOW)
        step, climbing = step.clamp(max=1) * norm / grad.norm(dim=1), torch.ones(len(x), dtype=torch.bool)
        for i in range(LONG_STEPS + 1, steps + 1):
            proposal = project(x + step[:, None] * uphill)
            new_value, new_grad = value_and_grad(proposal, unit)
            new_uphill = slope(proposal, new_grad)
            s, y = proposal - x, uphill - new_uphill
            bend, size = (s * y).sum(1), new_uphill.norm(dim=1)
            spectral = torch.where(bend > 0, (s * s).sum(1) / torch.where(bend > 0, bend, 1), MORE * step)
            taken = new_value >= last.min(dim=1).values
            step = torch.where(taken, torch.minimum(spectral, 3 * norm / torch.where(size > 0, size, 1)), LESS * step)
            x, uphill = torch.where(taken[:, None], proposal, x), torch.where(taken[:, None], new_uphill, uphill)
            last[:, i % WINDOW] = torch.where(taken, new_value, last[:, i % WINDOW])
            top = torch.where(climbing, torch.maximum(top, new_value), top)
            trace.append(top)
            climbing &= top - trace[i - PATIENCE] > tolerance * top.abs()
            if not climbing.any():
                break
        return float(top.max())

    batches = [torch.from_numpy(x).split(9 if together else 1) for x in noise]
    climb(batches[0][0], 0)
    start = time.perf_counter()
    optima = [max(climb(x, unit) for x in starts) for unit, starts in enumerate(batches)]
    return {"seconds": (time.perf_counter() - start) / units, "optima": optima, "blas": blas()}


def pytorch_convnet(batch: int = 100, n: int = EPOCH, epochs: int = 2) -> dict[str, Any]:
    """An epoch of the same convolutional network under the same Adam, batches indexed from one tensor."""
    import torch
    from torch import nn

    images, labels = (torch.from_numpy(x) for x in labelled_images(n))
    torch.manual_seed(0)
    below = [nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2)]
    net = nn.Sequential(*below, nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(net.parameters(), 2e-3)

    def epoch() -> float:
        start = time.perf_counter()
        for rows in torch.randperm(len(images))[: len(images) // batch * batch].split(batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(images[rows][:, None]), labels[rows]).backward()
            optimizer.step()
        return (time.perf_counter() - start) * EPOCH / len(images)

    found = [epoch() for _ in range(epochs + 1)]
    return {"seconds": statistics.median(found[1:]), "peak MiB": peak_memory(), "blas": blas()}


def pytorch_regularized(recipe: str, steps: int | None = None, images: int = 4) -> dict[str, Any]:
    """The same recipe as one writes it for one image, in turn for `images` of the 90: PyTorch's gradient, SciPy's blur.

    The seconds are those of 90 images.
    """
    import numpy as np
    import torch
    from scipy.ndimage import gaussian_filter
    from torch import nn

    from dbnvis import checkpoint
    from dbnvis.visualize import RECIPES

    draw, params = RECIPES[recipe], checkpoint.load("convnet", xp=np).model.network.params()
    below = [nn.Conv2d(1, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5), nn.ReLU(), nn.MaxPool2d(2)]
    net = nn.Sequential(*below, nn.Flatten(), nn.Linear(512, 128), nn.ReLU(), nn.Linear(128, 10)).requires_grad_(False)
    for parameter, x in zip(net.parameters(), params.values(), strict=True):
        parameter.copy_(torch.from_numpy(x.T.copy() if x.ndim == 2 else x))
    rng, rate = np.random.default_rng(0), draw.rate / draw.pixels**2

    def climb(unit: int, steps: int) -> float:
        x, highest = rng.standard_normal((28, 28), dtype="float32") * np.float32(draw.noise / draw.pixels), -np.inf
        for i in range(steps):
            x = np.clip(x, 0, 1)
            move = rng.integers(-draw.jitter, draw.jitter + 1, 2)
            moved = torch.from_numpy(np.roll(x, move, (0, 1))[None, None]).requires_grad_(True)
            score = net(moved)[0, unit]
            (gradient,) = torch.autograd.grad(score, moved)
            g = np.roll(gradient[0, 0].numpy(), -move, (0, 1))
            if float(score) > highest:
                highest, best = float(score), x  # noqa: F841 (the picture)
            norm = np.sqrt((g * g).sum())
            x = x + g * (draw.length / norm if draw.length else min(rate, draw.gain / norm**2) if draw.gain else rate)
            x *= 1 - draw.decay
            if draw.blur_width and i % draw.blur_every == 0:
                x = gaussian_filter(x, draw.blur_width)
            if draw.norm_percentile:
                x = np.where(np.abs(x) < np.percentile(np.abs(x), draw.norm_percentile), 0, x)
            if draw.contribution_percentile:
                share = np.abs(g * x)
                x = np.where(share < np.percentile(share, draw.contribution_percentile), 0, x)
        return highest

    climb(0, 5)
    start = time.perf_counter()
    found = [climb(10 * i // images, steps or draw.steps) for i in range(images)]
    seconds = (time.perf_counter() - start) * 90 / images
    return {"seconds": seconds, "highest": statistics.fmean(found), "peak MiB": peak_memory(), "blas": blas()}
