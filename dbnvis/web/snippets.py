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
            print(p, p.sum())  # probabilities of the eight pictures; the sum is 1
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
            own = gibbs(rbm, data, 1, rng=rng)  # the model's pictures, one step from the data
            data_minus_model = rbm.free_energy_grad(own)["W"] - rbm.free_energy_grad(data)["W"]
            rbm.W += 0.3 * data_minus_model
        """,
        4: """
            import numpy as np
            from dbnvis import RBM, CDConfig, train_rbm
            from sklearn.datasets import load_digits

            digits = (load_digits().data / 16).astype("float32")
            rbm = RBM.random(64, 32, rng=np.random.default_rng(1), scale=0.1)
            config = CDConfig(epochs=40, batch_size=20, persistent=False, sparsity_target=None)
            train, held_out = digits[:1500], digits[1500:]
            for epoch in train_rbm(rbm, train, config, rng=np.random.default_rng(2)):
                error = np.mean((held_out - rbm.mean_v_given_h(rbm.mean_h_given_v(held_out))) ** 2)
                print(epoch.epoch, error)
            filters = rbm.W.T.reshape(32, 8, 8)
        """,
        5: """
            import numpy as np
            from dbnvis import RBM, CDConfig, train_rbm
            from dbnvis.evaluate.partition import log_partition

            lines = [[k >> 3 & 1, k >> 2 & 1, k >> 1 & 1, k & 1] for k in range(16)]
            data = np.array([np.repeat(x, 4) for x in lines] + [np.tile(x, 4) for x in lines], "float64")
            rbm = RBM.random(16, 8, rng=np.random.default_rng(1), scale=0.1, dtype="float64")
            plain = {"momentum": 0, "final_momentum": 0, "weight_decay": 0, "l1_decay": 0, "sparsity_target": None}
            config = CDConfig(3000, learning_rate=0.5, schedule="constant", persistent=False, centered=False, **plain)
            for epoch in train_rbm(rbm, data, config, rng=np.random.default_rng(2), set_biases=False):
                log_p = -rbm.free_energy(data).mean() - log_partition(rbm)
                if epoch.epoch % 600 == 0:
                    print(epoch.epoch, epoch.reconstruction_error, log_p)
        """,
        6: """
            import numpy as np
            from dbnvis import RBM, CDConfig, train_rbm
            from dbnvis.evaluate.partition import log_partition

            lines = [[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)]
            data = np.array(4 * [np.repeat(x, 3) for x in lines] + 4 * [np.tile(x, 3) for x in lines], "float64")
            entropy = 12 / 16 * np.log(16) + 4 / 16 * np.log(8)  # of the data: two pictures come twice
            plain = {"momentum": 0, "final_momentum": 0, "weight_decay": 0, "l1_decay": 0, "sparsity_target": None}
            kl = {}
            for persistent in (False, True):
                rbm = RBM.random(9, 6, rng=np.random.default_rng(1), scale=0.1, dtype="float64")
                config = CDConfig(1600, learning_rate=0.5, persistent=persistent, centered=False, **plain)
                list(train_rbm(rbm, data, config, rng=np.random.default_rng(2), set_biases=False))
                kl[persistent] = rbm.free_energy(data).mean() + log_partition(rbm) - entropy
        """,
        7: """
            import numpy as np
            from dbnvis import RBM, gibbs

            mode = np.array([1.0, 1, 1, 1, -1, -1, -1, -1])
            rbm = RBM(2.2 * np.stack([mode, -mode, mode, -mode], axis=1), np.zeros(8), np.zeros(4))
            v, rng, near = (mode[None] + 1) / 2, np.random.default_rng(1), []
            for sweep in range(1000):
                v = gibbs(rbm, v, 1, rng=rng)
                near.append(v[0] @ mode > 0)
            print(np.mean(near))  # share of the sweeps near the first mode; one half if the chain had mixed
        """,
        8: """
            import numpy as np
            from dbnvis import RBM, clamp, gibbs

            rng = np.random.default_rng(1)
            rbm = RBM.random(9, 6, rng=rng, scale=1, dtype="float64")
            held = clamp(rbm, 0)  # the model given that its first hidden unit is 1
            v = np.array([[k >> i & 1 for i in range(9)] for k in range(512)], "float64")
            p = np.exp(-held.free_energy(v)) / np.exp(-held.free_energy(v)).sum()
            chains = gibbs(held, held.random_v((5000, 9), rng=rng), 100, rng=rng)
            print(np.abs(chains.mean(axis=0) - p @ v).max())  # the chains' mean is the exact one
        """,
    }.items()
}
