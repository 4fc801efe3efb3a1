"""A scikit-learn pipeline of two BernoulliRBMs as a deep belief network: a unit by every method, and its fantasies."""

import sys

import numpy as np
from sklearn.neural_network import BernoulliRBM
from sklearn.pipeline import make_pipeline

from dbnvis import checkpoint, cli, datasets
from dbnvis.interop import from_sklearn

data = datasets.load("digits")  # (N, 28, 28) in [0, 1]
images = data.train_images[:5000]
pipeline = make_pipeline(
    BernoulliRBM(100, learning_rate=0.05, batch_size=20, n_iter=10, random_state=0),
    BernoulliRBM(50, learning_rate=0.05, batch_size=20, n_iter=10, random_state=0),
).fit(images.reshape(len(images), -1))

norm = float(np.linalg.norm(images.reshape(len(images), -1), axis=1).mean())
dbn = from_sklearn(pipeline, (28, 28), input_norm=norm)
fantasies = dbn.sample(4, "h2", steps=200, rng=np.random.default_rng(0))
print("four fantasies, ink in each:", fantasies.mean(axis=(1, 2)).round(2))
learned_from = data.first(len(images))
info = {"dataset": data.name, "data_sha256": learned_from.sha256}
checkpoint.save("runs/examples/rbms.npz", dbn, config={}, seed=0, info=info)
sys.exit(cli.main(["compare", "h2:3", "--model", "runs/examples/rbms.npz"]))
