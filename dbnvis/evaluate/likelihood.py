"""How probable a model finds images, in nats per image.

Binary units need binary images, and there are three ways to make them of grey ones, which are three different
tasks: figures of one cannot be compared with those of another. `binarized` names them.

References
----------
Hinton, Osindero, Teh (2006), "A fast learning algorithm for deep belief nets": the variational bound.
Salakhutdinov, Murray (2008), "On the quantitative analysis of deep belief networks".
"""

from __future__ import annotations

from typing import Any, Literal

from ..backend import Array, array_module, bernoulli, check_rng, fixed_uniform, move
from ..images import UNBOUNDED, check_images
from ..models.dbn import DBN
from ..models.rbm import RBM, GaussianRBM
from ..numerics import sigmoid, softplus
from ..settings import check_value

FIXED_SEED = 2008  # of the fixed binarized set
BATCH = 2000  # images at once

#: fixed: each pixel drawn once with its intensity as probability, from a seed that never changes; fresh: drawn
#: from the generator at hand; threshold: cut at 0.5.
Convention = Literal["fixed", "fresh", "threshold"]


def binarized(images: Array, convention: Convention, *, rng: Any) -> Array:
    """Images in [0, 1] as binary ones, `convention` saying how; `rng` is used by "fresh" only.

    Raises
    ------
    ValueError
        If the images are not in [0, 1] or the convention is none of the three.
    """
    check_value("convention", convention, Convention)
    images = check_images(images)
    if convention == "threshold":
        return (images >= 0.5).astype(images.dtype)
    if convention == "fresh":
        return bernoulli(images, rng=rng)
    # The same numbers whatever the device and the type of the images.
    noise = move(fixed_uniform(FIXED_SEED, images.shape), array_module(images))
    return (noise < images.astype("float32")).astype(images.dtype)


def visible_states(rbm: RBM, v: Any, name: str = "v") -> Array:
    """`v` (N, V) as states of the visible units of `rbm`, of 0 and 1 if they are binary.

    Raises
    ------
    ValueError
        If they are others: grey pixels have no probability under binary units.
    """
    within, xp = (0.0, 1.0) if rbm.binary else UNBOUNDED, array_module(rbm.W)
    remedy = "see `binarized`" if rbm.binary else ""
    how = {"within": within, "dtype": rbm.W.dtype, "xp": xp, "remedy": remedy}
    v = check_images(v, shape=(rbm.n_visible,), name=name, **how).astype(rbm.W.dtype, copy=False)
    grey = (v != 0) & (v != 1)
    if rbm.binary and bool(grey.any()):
        raise ValueError(
            f"{name}: binary units need pixels of 0 and 1, found {float(v[grey][0]):g}; make them binary (`binarized`)"
        )
    return v


def log_probability(rbm: RBM, v: Array, log_z: float) -> Array:
    """log p(v) = -F(v) - log Z of each row of v (N, V): (N,), in float64.

    A density for Gaussian units; binary ones need pixels of 0 and 1 (`visible_states`).

    Raises
    ------
    ValueError
        If v are no states of the visible units, or log Z is not finite.
    """
    check_value("log_z", log_z, float)
    v, xp = visible_states(rbm, v), array_module(rbm.W)
    parts = [-rbm.free_energy(v[i : i + BATCH]).astype("float64") for i in range(0, len(v), BATCH)]
    return xp.concatenate(parts) - log_z


def log_probability_bound(dbn: DBN, v: Array, log_z: float, *, samples: int = 10, rng: Any) -> Array:
    """Variational lower bound of log p(v) of a DBN for each row of v (N, V): (N,), in float64.

    log p(v) >= E_q[log p(v | h1) + ... + log p(h_(L-1))] + H(q), the expectation over q(h1 | v) q(h2 | h1) ...,
    the upward pass, by `samples` draws per image; the top RBM has -F(h_(L-1)) - log Z. For a single RBM the bound
    is log p(v) itself.

    Parameters
    ----------
    dbn : DBN
        Of binary units.
    v : array (N, V)
        Binary images.
    log_z : float
        log partition function of the top RBM.
    samples : int
    rng : numpy or cupy Generator

    Raises
    ------
    TypeError
        If an RBM has Gaussian units.
    ValueError
        If `samples` is less than 1, v are no states of the visible units, or log Z is not finite.
    """
    if any(isinstance(rbm, GaussianRBM) for rbm in dbn.rbms):
        raise TypeError("the bound is written for binary units; this DBN has Gaussian ones")
    check_value("samples", samples, int, "[1, inf)")
    check_value("log_z", log_z, float)
    check_rng(rng)
    v, xp = visible_states(dbn.rbms[0], v), dbn.xp
    *lower, top = dbn.rbms
    if not lower:
        return log_probability(top, v, log_z)
    parts = []
    for i in range(0, len(v), BATCH):
        batch, total = v[i : i + BATCH], 0.0
        first = _upward(lower[0], batch)  # the same for all draws
        for _ in range(samples):
            x = batch
            for rbm in lower:
                q, entropy = first if x is batch else _upward(rbm, x)
                h = bernoulli(q, rng=rng)
                down = rbm.input_to_v(h)
                given = (x * down - softplus(down)).sum(axis=1, dtype="float64")  # log p(x | h)
                total, x = total + given + entropy, h
            total = total - top.free_energy(x).astype("float64")
        parts.append(total / samples)
    return xp.concatenate(parts) - log_z


def _upward(rbm: RBM, x: Array) -> tuple[Array, Array]:
    """q(h | x) (N, H) and its entropy (N,)."""
    pre = rbm.input_to_h(x)
    q = sigmoid(pre)
    return q, (softplus(pre) - pre * q).sum(axis=1, dtype="float64")
