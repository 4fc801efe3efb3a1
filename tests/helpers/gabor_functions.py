"""Gabor functions written out."""

import numpy as np

SHAPE = (12, 12)


def gabor(row, column, orientation, frequency, phase, across, along, amplitude=1.0, shape=SHAPE):
    """A Gabor function whose stripes run at `orientation`, counter-clockwise from the horizontal, as one sees them."""
    y, x = np.indices(shape)
    x, y = x - column, row - y  # y upwards
    along_stripes = x * np.cos(orientation) + y * np.sin(orientation)
    # Across them, downwards where they are not vertical.
    across_stripes = x * np.sin(orientation) - y * np.cos(orientation)
    envelope = np.exp(-(across_stripes**2) / (2 * across**2) - along_stripes**2 / (2 * along**2))
    return amplitude * envelope * np.cos(2 * np.pi * frequency * across_stripes + phase)


def planted(n, seed=0):
    """Parameters of `n` functions that show at least half a period and lie well inside, and the functions."""
    rng = np.random.default_rng(seed)
    ranges = {
        "row": (3, 8),
        "column": (3, 8),
        "orientation": (0, np.pi),
        "frequency": (0.15, 0.35),
        "phase": (-np.pi, np.pi),
        "across": (1.2, 2.5),
        "along": (1.2, 3),
        "amplitude": (0.1, 10),
    }
    parameters = {name: rng.uniform(*limits, n) for name, limits in ranges.items()}
    functions = [gabor(**dict(zip(parameters, row, strict=True))) for row in zip(*parameters.values(), strict=True)]
    return parameters, np.array(functions)
