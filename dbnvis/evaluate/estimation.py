"""How good the models are, in nats: two-sided estimates for every depth of a DBN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..backend import make_rng, move
from ..display import Rows
from ..models.dbn import DBN
from ..models.protocol import fully_connected
from ..models.rbm import GaussianRBM, gibbs
from ..models.tempering import base_rates
from ..progress import Progress, silent
from ..settings import check_settings
from .ais import AISEstimate, ais, reverse_ais, schedule, trusted, warn_if_apart
from .likelihood import Convention, binarized, log_probability_bound

if TYPE_CHECKING:
    from ..datasets import Dataset

SWEEPS = 1000  # of Gibbs sampling at the most, before reverse annealing starts


@dataclass(frozen=True)
class Estimation:
    """How likelihoods are estimated."""

    convention: Convention = "fixed"
    """How grey images are made binary: fixed, drawn once from a seed that never changes; fresh, drawn from --seed;
    threshold, cut at 0.5. Figures of different conventions cannot be compared."""
    steps: tuple[int, int, int] = (500, 4_000, 10_000)
    """Temperatures in [0, 0.5], [0.5, 0.9] and [0.9, 1] (Salakhutdinov & Murray 2008)."""
    chains: int = 100
    """Annealed in each direction."""
    samples: int = 10
    """Draws per image for the bound of layers above the first."""

    def __post_init__(self) -> None:
        check_settings(self, chains="[2, inf)", samples="[1, inf)")
        schedule(*self.steps)

    @property
    def sweeps(self) -> int:
        """Gibbs sweeps from training images to where reverse annealing starts: as many as its own, at most 1,000."""
        return min(SWEEPS, sum(self.steps))


def likelihood(
    model: DBN,
    data: Dataset,
    how: Estimation,
    *,
    layers: Sequence[str] | None = None,
    images: Sequence[Literal["test", "train"]] = ("test", "train"),
    seed: int = 0,
    progress: Progress = silent,
) -> Rows:
    """One row per depth of `model`: log Z of the RBM there, and log p of the DBN that ends there.

    Exact for the lowest RBM given log Z, a variational lower bound above it (with the log Z of reverse annealing;
    with that of forward annealing, which is too low, it need not be below). The train column is about the first as
    many training images as there are test images.

    Parameters
    ----------
    model : DBN
        Of binary units.
    data : Dataset
    how : Estimation
    layers : sequence of str, optional
        Depths asked for; default: all.
    images : sequence of str
        Whose log p is asked for.
    seed : int

    Raises
    ------
    TypeError
        If the model has no RBMs, or Gaussian units.
    ValueError
        If there are fewer training images than chains.
    KeyError
        If there is no such layer.

    Warns
    -----
    UntrustedEstimate
        If few chains carry an estimate, or the two estimates are more than 2 nats apart.
    """
    if not fully_connected(model):
        raise TypeError(f"{type(model).__name__} has no likelihood; give a DBN, such as model.npz of dbnvis train")
    if any(isinstance(rbm, GaussianRBM) for rbm in model.rbms):
        raise TypeError("likelihoods are written for binary units; this DBN has Gaussian ones")
    for layer in layers or ():
        model.depth(layer)
    if how.chains > len(data.train_images):
        raise ValueError(
            f"{how.chains} chains need as many training images, not {len(data.train_images)}, to start from"
        )
    xp, betas = model.xp, schedule(*how.steps)
    rng = make_rng(xp, seed, 4)
    n = len(data.test_images)
    flat = (move(x, xp).reshape(len(x), -1) for x in (data.train_images, data.test_images))
    train, test = (x.astype(model.dtype) for x in flat)
    pixels = {"test": binarized(test, how.convention, rng=rng), "train": binarized(train[:n], how.convention, rng=rng)}
    rows, below = Rows(), binarized(train, "fresh", rng=rng)
    for depth, (name, rbm) in enumerate(zip(model.layer_names, model.rbms, strict=True), start=1):
        if layers is None or name in layers:
            rng = make_rng(xp, seed, 4, depth)  # a layer's row depends on the seed alone, not on the other rows

            def bar(steps: Any, direction: str, name: str = name) -> Any:
                return progress(steps, f"{direction} annealing, {name}", len(steps))

            base = base_rates(below)
            start = gibbs(rbm, below[: how.chains], how.sweeps, rng=rng)
            settings = {"base_vbias": base, "betas": betas, "rng": rng}
            up = ais(rbm, n_chains=how.chains, progress=lambda x: bar(x, "forward"), **settings)
            down = reverse_ais(rbm, v=start, progress=lambda x: bar(x, "reverse"), **settings)
            warn_if_apart(up, down)
            part = DBN(model.rbms[:depth], model.input_shape)
            scores = {
                which: float(log_probability_bound(part, v, 0.0, samples=how.samples, rng=rng).mean())
                for which, v in pixels.items()
                if which in images
            }
            rows.append({"layer": name, "units": rbm.n_hidden, **_columns(up, down, scores)})
        if depth < len(model.rbms):
            below = rbm.sample_h_given_v(below, rng=make_rng(xp, seed, 5, depth))
    return rows


def _columns(up: AISEstimate, down: AISEstimate, scores: dict[str, float]) -> dict[str, Any]:
    """`scores` are mean log p(v) + log Z."""
    return {
        "log Z forward": round(up.log_z, 2),
        "forward band": f"{up.log_z_low:.2f} to {up.log_z_high:.2f}",
        "forward effective chains": round(up.effective_samples, 1),
        "log Z reverse": round(down.log_z, 2),
        "reverse band": f"{down.log_z_low:.2f} to {down.log_z_high:.2f}",
        "reverse effective chains": round(down.effective_samples, 1),
        "trusted": trusted(up, down),
        **{f"{which}, forward": round(score - up.log_z, 2) for which, score in scores.items()},
        **{f"{which}, reverse": round(score - down.log_z, 2) for which, score in scores.items()},
    }
