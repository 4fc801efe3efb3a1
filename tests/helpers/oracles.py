"""Brute force: every state of a small RBM, one after the other. Shares no code with dbnvis.

Machines are NumPy arrays W (V, H), b (V,), c (H,) in float64; states are rows, counting in binary, first unit
the most significant.
"""

import itertools

import numpy as np


def machine(n_visible, n_hidden, seed=0, scale=1.0):
    """Random parameters W, b, c, none of them zero or symmetric."""
    rng = np.random.default_rng(seed)
    W = scale * rng.normal(size=(n_visible, n_hidden))
    return W, rng.normal(size=n_visible), rng.normal(size=n_hidden)


def states(n):
    """All binary states of n units, (2**n, n)."""
    return np.array(list(itertools.product([0.0, 1.0], repeat=n)))


def energy(v, h, W, b, c):
    """E(v, h) of one state, by loops."""
    total = 0.0
    for i in range(len(v)):
        total -= b[i] * v[i]
        for j in range(len(h)):
            total -= v[i] * W[i, j] * h[j]
    for j in range(len(h)):
        total -= c[j] * h[j]
    return total


def gaussian_energy(v, h, W, b, c, variance=1.0):
    """E(v, h) of one state with real v, by loops."""
    total = 0.0
    for i in range(len(v)):
        total += (v[i] - b[i]) ** 2 / (2 * variance)
        for j in range(len(h)):
            total -= v[i] * W[i, j] * h[j]
    for j in range(len(h)):
        total -= c[j] * h[j]
    return total


def log_joint(W, b, c):
    """-E(v, h) of all pairs of states, (2**V, 2**H)."""
    v, h = states(len(b)), states(len(c))
    return (v @ b)[:, None] + (h @ c)[None, :] + np.einsum("si,ij,tj->st", v, W, h, optimize=True)


def log_z(W, b, c):
    return np.log(np.exp(log_joint(W, b, c)).sum())


def joint(W, b, c):
    """p(v, h), (2**V, 2**H)."""
    return np.exp(log_joint(W, b, c) - log_z(W, b, c))


def p_v(W, b, c):
    return joint(W, b, c).sum(axis=1)


def p_h(W, b, c):
    return joint(W, b, c).sum(axis=0)


def p_h_given_v(W, b, c):
    """Row v: the distribution over the states of h, (2**V, 2**H)."""
    p = joint(W, b, c)
    return p / p.sum(axis=1, keepdims=True)


def p_v_given_h(W, b, c):
    """Row h: the distribution over the states of v, (2**H, 2**V)."""
    p = joint(W, b, c).T
    return p / p.sum(axis=1, keepdims=True)


def mean_h_given_v(W, b, c):
    """E[h | v] of all states of v, (2**V, H)."""
    return p_h_given_v(W, b, c) @ states(len(c))


def mean_v_given_h(W, b, c):
    """E[v | h] of all states of h, (2**H, V)."""
    return p_v_given_h(W, b, c) @ states(len(b))


def mean_v(W, b, c):
    return p_v(W, b, c) @ states(len(b))


def p_v_given_unit_on(W, b, c, unit):
    """p(v | h_unit = 1), (2**V,)."""
    p = joint(W, b, c)[:, states(len(c))[:, unit] == 1].sum(axis=1)
    return p / p.sum()


def gibbs_kernel(W, b, c):
    """Probability of going from v (row) to v' (column) in one sweep v -> h -> v'."""
    return p_h_given_v(W, b, c) @ p_v_given_h(W, b, c)


def log_likelihood(W, b, c, data):
    """Mean log p(v) of binary rows `data`, in nats."""
    powers = 2 ** np.arange(data.shape[1])[::-1]
    return np.log(p_v(W, b, c))[(data @ powers).astype(int)].mean()


def statistics(p, W, b, c):
    """E[v h'], E[v], E[h] with v ~ p over all states and h ~ p(h | v)."""
    v, h = states(len(b)), mean_h_given_v(W, b, c)
    return np.einsum("s,si,sj->ij", p, v, h), p @ v, p @ h


def empirical(data):
    """Distribution over all states that binary rows `data` have."""
    powers = 2 ** np.arange(data.shape[1])[::-1]
    return np.bincount((data @ powers).astype(int), minlength=2 ** data.shape[1]) / len(data)


def likelihood_gradient(W, b, c, data):
    """Gradient of the mean log-likelihood of `data` by W, b, c."""
    data_side, model_side = statistics(empirical(data), W, b, c), statistics(p_v(W, b, c), W, b, c)
    return tuple(x - y for x, y in zip(data_side, model_side, strict=True))


def numerical_gradient(function, x, step=1e-6):
    """Central differences of a scalar function of an array, in float64."""
    gradient = np.zeros_like(x)
    for index in np.ndindex(*x.shape):
        up, down = x.copy(), x.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (function(up) - function(down)) / (2 * step)
    return gradient
