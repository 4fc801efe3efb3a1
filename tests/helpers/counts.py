"""Arrays on the host, and how likely counts of states are."""

import numpy as np
from scipy import stats


def host(x):
    """Copy of an array of any library in NumPy."""
    return x.get() if hasattr(x, "get") else np.array(x)


def chi_squared_p(counts, probabilities):
    """p-value of observed `counts` given cell `probabilities`; cells that expect fewer than 5 are pooled."""
    counts, expected = np.asarray(counts, float), np.asarray(probabilities, float) * np.sum(counts)
    rare = expected < 5
    if rare.any():
        counts, expected = (np.append(x[~rare], x[rare].sum()) for x in (counts, expected))
        if expected[-1] < 5:
            counts, expected = (np.append(x[:-2], x[-2:].sum()) for x in (counts, expected))
    return stats.chisquare(counts, expected * (counts.sum() / expected.sum())).pvalue


def state_counts(rows):
    """How often each binary state occurs among `rows` (N, n), in the order of `oracles.states`."""
    rows = host(rows)
    assert set(np.unique(rows)) <= {0, 1}
    powers = 2 ** np.arange(rows.shape[1])[::-1]
    return np.bincount((rows @ powers).astype(int), minlength=2 ** rows.shape[1])
