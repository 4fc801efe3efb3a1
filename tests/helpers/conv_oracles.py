"""Brute force: every state of a small convolutional RBM, one after the other. Shares no code with dbnvis.

Machines are NumPy arrays W (K, C, kh, kw), b (C,), c (K,) in float64 with a side of blocks; visible states are rows
(C, H, W) flattened, hidden states rows (K, rows, columns) flattened.
"""

import itertools

import numpy as np
from oracles import states


def machine(K, C, side, seed=0, scale=1.0):
    """Random parameters W, b, c, none of them zero or symmetric."""
    rng = np.random.default_rng(seed)
    W = scale * rng.normal(size=(K, C, side, side))
    return W, rng.normal(size=C), rng.normal(size=K)


def energy(v, h, W, b, c):
    """E(v, h) of one allowed state, v (C, H, W) and h (K, rows, columns), by loops."""
    total = -sum(b[ch] * v[ch].sum() for ch in range(len(b)))
    _, C, kh, kw = W.shape
    for k, i, j in itertools.product(*map(range, h.shape)):
        if h[k, i, j]:
            total -= c[k]
            for ch, r, s in itertools.product(range(C), range(kh), range(kw)):
                total -= W[k, ch, r, s] * v[ch, i + r, j + s]
    return total


def blocks(shape, pool):
    """Lists of places (row, column), one for each block of maps of `shape`."""
    rows, columns = shape
    corners = itertools.product(range(0, rows, pool), range(0, columns, pool))
    return [
        [(i, j) for i in range(r, min(r + pool, rows)) for j in range(s, min(s + pool, columns))] for r, s in corners
    ]


def hidden_states(shape, pool):
    """All allowed states (S, K, rows, columns) of `shape` (K, rows, columns)."""
    one = []
    for choice in itertools.product(*([None, *places] for places in blocks(shape[1:], pool))):
        h = np.zeros(shape[1:])
        for place in filter(None, choice):
            h[place] = 1
        one.append(h)
    return np.array([np.stack(groups) for groups in itertools.product(one, repeat=shape[0])])


def pooled(h, pool):
    """Pooling units (S, K, R, C) of states (S, K, rows, columns)."""
    rows, columns = (-(-n // pool) for n in h.shape[2:])
    sums = [h[:, :, [i for i, _ in places], [j for _, j in places]].max(axis=2) for places in blocks(h.shape[2:], pool)]
    return np.stack(sums, axis=2).reshape(*h.shape[:2], rows, columns)


def matrix(W, shape):
    """The filters on an image of `shape` (C, H, W) as a matrix (K * rows * columns, C * H * W), entry by entry."""
    (K, _, kh, kw), (_, H, width) = W.shape, shape
    rows, columns = H - kh + 1, width - kw + 1
    T = np.zeros((K, rows, columns, *shape))
    for k, i, j in itertools.product(range(K), range(rows), range(columns)):
        T[k, i, j, :, i : i + kh, j : j + kw] = W[k]
    return T.reshape(K * rows * columns, -1)


def log_joint(parameters, shape, pool):
    """-E(v, h) of all pairs (2**V, S); all visible states (2**V, V), all allowed hidden ones (S, K, rows, columns)."""
    W, b, c = parameters
    T = matrix(W, shape)
    hidden = shape[1] - W.shape[2] + 1, shape[2] - W.shape[3] + 1
    v, h = states(T.shape[1]), hidden_states((len(c), *hidden), pool)
    flat = h.reshape(len(h), -1)
    on_v, on_h = np.repeat(b, shape[1] * shape[2]), np.repeat(c, hidden[0] * hidden[1])
    return (v @ on_v)[:, None] + flat @ on_h + v @ T.T @ flat.T, v, h


def joint(parameters, shape, pool):
    """p(v, h) and the states, as in `log_joint`."""
    log_p, v, h = log_joint(parameters, shape, pool)
    p = np.exp(log_p - log_p.max())
    return p / p.sum(), v, h


def pixels_given_pool(parameters, shape, pool, states_of_pool):
    """E[v | pooling units] of rows `states_of_pool` (S, K * R * C), by all states of h with v summed out: (S, V)."""
    W, b, c = parameters
    h = hidden_states((len(c), shape[1] - W.shape[2] + 1, shape[2] - W.shape[3] + 1), pool)
    pre = h.reshape(len(h), -1) @ matrix(W, shape) + np.repeat(b, shape[1] * shape[2])
    log_p = h.sum(axis=(2, 3)) @ c + np.logaddexp(0, pre).sum(axis=1)
    p, of_h = np.exp(log_p - log_p.max()), pooled(h, pool).reshape(len(h), -1)
    weights = np.array([p * (of_h == state).all(axis=1) for state in states_of_pool])
    return weights / weights.sum(axis=1, keepdims=True) @ (1 / (1 + np.exp(-pre)))
