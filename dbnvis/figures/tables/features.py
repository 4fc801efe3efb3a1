"""What unsupervised features are worth: the same logistic regression on pixels, on ours and on scikit-learn's."""

from __future__ import annotations

import time
from typing import Any

from ... import results
from ...console import say
from ...doctor import machine
from ...runs.workspace import Workspace


def features_table(space: Workspace) -> None:
    """The table `features`: for each kind of features CPU seconds of training and the accuracy on the test images.

    Raises
    ------
    ValueError
        If the data set has no labels, or a table of other settings would be replaced.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.neural_network import BernoulliRBM
    from sklearn.preprocessing import FunctionTransformer

    from ...sklearn import DBNTransformer, RBMTransformer

    data, seed, classifier = space.data, space.seed, LogisticRegression(max_iter=500)
    train_labels, test_labels = data.labels
    train, test = (x.reshape(len(x), -1) for x in (data.train_images, data.test_images))
    features: dict[str, Any] = {"pixels": FunctionTransformer()}
    for n, rate in ((500, 0.01), (500, 0.1), (1024, 0.01), (1024, 0.1)):
        theirs = BernoulliRBM(n, learning_rate=rate, batch_size=100, n_iter=10, random_state=seed)
        features[f"BernoulliRBM, {n}, rate {rate}"] = theirs
    features |= {f"RBMTransformer, {n}": RBMTransformer(n, epochs=10, random_state=seed) for n in (500, 1024)}
    features["DBNTransformer, 1024-1024"] = DBNTransformer((1024, 1024), epochs=10, random_state=seed)
    settings = {name: x.get_params() for name, x in {**features, "classifier": classifier}.items()}
    facts = {**space.facts, "settings": settings}
    space.writer.check(space.writer.sheet("features"), **facts)
    rows = []
    for name, transformer in features.items():
        start = time.process_time()
        transformer.fit(train)
        row = {"features": name, "training, CPU s": round(time.process_time() - start, 1)}
        classifier.fit(transformer.transform(train), train_labels)
        rows.append({**row, "test accuracy": classifier.score(transformer.transform(test), test_labels)})
        say(f"{name}: test accuracy {rows[-1]['test accuracy']:.4f}")
    space.writer.table("features", rows, **facts, machine=machine(), versions=results.versions(space.xp.__name__))
