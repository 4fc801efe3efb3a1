"""The lines of dbnvis that stand beside each lesson of `dbnvis lessons`; a test runs them as they are."""

from __future__ import annotations

from textwrap import dedent

#: Python that does what the lesson shows, by the lesson's number.
SNIPPETS = {
    number: dedent(text).strip()
    for number, text in {
        1: """
            import numpy as np
            from dbnvis import RBM
            from dbnvis.evaluate.partition import log_partition

            rbm = RBM.random(3, 2, rng=np.random.default_rng(1), scale=2, dtype="float64")
            v = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], "float64")
            p = np.exp(-rbm.free_energy(v) - log_partition(rbm))
            print(p, p.sum())  # what it believes of the eight pictures; the sum is 1
        """,
        2: """
            import numpy as np
            from dbnvis import RBM
            from sklearn.datasets import load_digits

            rbm = RBM.random(64, 6, rng=np.random.default_rng(1), scale=0.3, dtype="float64")
            v = (load_digits().data[1] >= 8).astype("float64")  # one digit, pixels on or off
            p = rbm.mean_h_given_v(v)  # probability of each hidden unit
            print(np.abs(p - 1 / (1 + np.exp(-(rbm.hbias + v @ rbm.W)))).max())  # the formula says the same
        """,
        3: """
            import numpy as np
            from dbnvis import RBM, gibbs

            rng = np.random.default_rng(1)
            lines = [[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)]
            data = np.array([np.repeat(x, 3) for x in lines] + [np.tile(x, 3) for x in lines], "float64")
            rbm = RBM.random(9, 4, rng=rng, scale=0.1, dtype="float64")
            own = gibbs(rbm, data, 1, rng=rng)  # the machine's pictures, one step from the data
            data_minus_model = rbm.free_energy_grad(own)["W"] - rbm.free_energy_grad(data)["W"]
            rbm.W += 0.3 * data_minus_model
        """,
    }.items()
}
