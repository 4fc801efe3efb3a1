"""Ranks without MPI: threads of this process, which share work through the interface that MPI's processes do."""

import pickle
import threading
import warnings

import numpy as np

from dbnvis.backend.comm import Comm, using


class ThreadRanks(Comm):
    """Rank `rank` of as many as `barrier` waits for; `board` is one list for all."""

    def __init__(self, rank, barrier, board):
        self.rank, self.size, self.barrier, self.board = rank, barrier.parties, barrier, board

    def gather(self, value):
        self.board[self.rank] = pickle.dumps(value)  # as between processes, nothing is shared
        self.barrier.wait()
        values = [pickle.loads(each) for each in self.board]
        self.barrier.wait()
        return values

    def sum(self, x):
        x[...] = np.sum(self.gather(np.asarray(x)), axis=0)
        return x


def together(n, work):
    """What `work(rank)` returns on each of `n` ranks; an exception of one ends all."""
    barrier, board = threading.Barrier(n, timeout=60), [None] * n
    results, errors = [None] * n, []

    def one(rank):
        try:
            with using(ThreadRanks(rank, barrier, board)):
                results[rank] = work(rank)
        except BaseException as error:
            errors.append(error)
            barrier.abort()

    threads = [threading.Thread(target=one, args=(rank,)) for rank in range(n)]
    with warnings.catch_warnings():  # which the threads set and reset in any order
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    for error in errors:
        if not isinstance(error, threading.BrokenBarrierError):
            raise error
    if errors:
        raise errors[0]
    return results
