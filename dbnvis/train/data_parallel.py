"""Data-parallel training: every rank takes a part of each batch, and the parts' gradients are added up.

All ranks hold all parameters and images and draw the same random numbers, of which each uses those of its rows. So the
model is the one that a process alone trains, but for the order in which sums are added.

References
----------
Dean, Corrado, Monga et al. (2012), "Large scale distributed deep networks"; here all updates are synchronous.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, TypeVar

from ..backend import Array, array_module, move, to_numpy
from ..backend.comm import check_same, current, on_first

T = TypeVar("T")


class Share:
    """This rank's part of every batch.

    Parameters
    ----------
    batch_size : int
        B, rows of a batch.
    params : dict of array
        What is trained.

    Attributes
    ----------
    rows : slice
        Of a batch's B rows, those of this rank.
    n : int
        How many.
    gradients : dict of array
        An array for the gradient of each parameter, all in one buffer, which `add_up` sends.

    Raises
    ------
    ValueError
        If there are more ranks than rows.
    """

    def __init__(self, batch_size: int, params: dict[str, Array]):
        self.ranks, self.batch_size = current(), batch_size
        if self.ranks.size > batch_size:
            raise ValueError(
                f"{self.ranks.size} ranks cannot share batches of {batch_size} images; start as many ranks at the "
                "most, or take larger batches (--batch-size), if there are as many images"
            )
        self.rows = self.ranks.own(batch_size)
        self.n = self.rows.stop - self.rows.start
        first = next(iter(params.values()))
        self._buffer = array_module(first).empty(sum(x.size for x in params.values()), dtype=first.dtype)
        self.gradients, start = {}, 0
        for name, x in params.items():
            self.gradients[name] = self._buffer[start : start + x.size].reshape(x.shape)
            start += x.size

    def part(self, x: Array, axis: int = 0) -> Array:
        """Of `x`, whose `axis` runs over the rows of a batch, those of this rank."""
        return x[:, self.rows] if axis else x[self.rows]

    def draws(self, rng: Any, axis: int = 0) -> Any:
        """`rng` as it draws for this rank's rows, which `axis` of what is drawn runs over."""
        return self.ranks.draws(rng, self.batch_size, axis=axis)

    def add_up(self, gradients: dict[str, Array]) -> dict[str, Array]:
        """The sums over all ranks of the gradients of some parameters."""
        if self.ranks.size == 1:
            return gradients
        for name, x in gradients.items():
            if x is not self.gradients[name]:
                self.gradients[name][...] = x
        summed = {name: self.gradients[name] for name in gradients}
        for buffer in [self._buffer] if len(summed) == len(self.gradients) else summed.values():
            self.ranks.sum(buffer)
        return summed

    def mean(self, x: Array) -> Array:
        """An array whose rows have the mean of the batch's: of this rank's rows `x` (n, H), alone themselves."""
        return x if self.ranks.size == 1 else self.ranks.sum(x.sum(axis=0, keepdims=True) / self.batch_size)

    def gather_rows(self, x: Array, axis: int = 0) -> None:
        """Replace, in `x` of a whole batch, the rows of other ranks by theirs."""
        if self.ranks.size > 1:
            parts, xp = self.ranks.gather(to_numpy(self.part(x, axis))), array_module(x)
            x[...] = xp.concatenate([move(part, xp) for part in parts], axis=axis)


def check_start(params: dict[str, Array], images: Array, seeds: list[int]) -> None:
    """ValueError if the ranks would not train the same model from the same images and random numbers."""
    if current().size > 1:
        remedy = "start all with the same files, options and version"
        for what, value in (("training images", _hash(images)), ("starting weights", _hash(*params.values()))):
            check_same(what, value, remedy)
        check_same("random numbers", seeds, remedy)


def watched(params: dict[str, Array], monitor: Callable[[], T]) -> T:
    """What `monitor` says on rank 0 at the end of an epoch, or the exception that it raises, on all ranks.

    Raises
    ------
    RuntimeError
        If the ranks no longer have the same parameters.
    """
    statistics = on_first(monitor)
    if current().size > 1:
        try:
            check_same("weights after an epoch", _hash(*params.values()), "their processors or libraries differ")
        except ValueError as error:
            raise RuntimeError(str(error)) from None
    return statistics


def _hash(*arrays: Array) -> str:
    digest = hashlib.sha256()
    for x in arrays:
        digest.update(to_numpy(x).tobytes())
    return digest.hexdigest()[:16]
