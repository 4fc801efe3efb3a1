"""The mean of a model's parameters over the last updates of its training, which is better than the last ones.

Near the end a noisy gradient moves the parameters about a good place; their mean is nearer to it than any of them.

References
----------
Polyak, Juditsky (1992), "Acceleration of stochastic approximation by averaging", SIAM Journal on Control and
Optimization 30(4).
Swersky, Chen, Marlin, de Freitas (2010), "A tutorial on stochastic approximation algorithms for training restricted
Boltzmann machines and deep belief nets": of persistent contrastive divergence.
"""

from __future__ import annotations

from ..backend import Array, array_module


class Average:
    """The mean of parameters over every update of the last epochs, which takes their place at the end.

    Parameters
    ----------
    params : dict of array
        That training changes in place.
    arrays : dict of array
        Gets the means, as "<name>.average", so that they survive a stop between epochs.
    share : float
        Of the epochs, those that are averaged: the last ones, at least one; 0: none.
    epochs : int
        In all.
    """

    def __init__(self, params: dict[str, Array], arrays: dict[str, Array], share: float, epochs: int):
        self.params, self.arrays, self.epochs = params, arrays, epochs
        self.first = epochs - max(1, round(share * epochs)) if share else epochs
        # An epoch's sum on its own: a running mean of float32 over all updates would soon take in nothing more.
        self.sums = {name: array_module(x).zeros_like(x) for name, x in params.items()} if share else {}

    def add(self) -> None:
        """Take in the parameters as they are after an update."""
        for name, total in self.sums.items():
            total += self.params[name]

    def end_epoch(self, epoch: int, n_updates: int) -> None:
        """Take in epoch `epoch` (from 0) of `n_updates` updates; after the last the parameters become their mean."""
        if epoch < self.first:
            return
        for name, total in self.sums.items():
            total /= n_updates
            if epoch == self.first:
                self.arrays[f"{name}.average"] = total.copy()
            else:
                mean = self.arrays[f"{name}.average"]
                mean += (total - mean) / (epoch - self.first + 1)
            total[...] = 0
            if epoch + 1 == self.epochs:
                self.params[name][...] = self.arrays[f"{name}.average"]
