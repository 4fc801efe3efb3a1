"""What features are worth: the same logistic regression on pixels, on our features and on scikit-learn's RBM's."""

import sys
import time
from dataclasses import dataclass

from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import BernoulliRBM
from sklearn.preprocessing import FunctionTransformer

from dbnvis import results
from dbnvis.cli import Options, run_script
from dbnvis.doctor import machine
from dbnvis.sklearn import DBNTransformer, RBMTransformer


@dataclass(frozen=True)
class Table(Options):
    def run(self) -> None:
        data, rows, classifier = self.load(), [], LogisticRegression(max_iter=500)
        train_labels, test_labels = data.labels
        train, test = (x.reshape(len(x), -1) for x in (data.train_images, data.test_images))
        features = {"pixels": FunctionTransformer()}
        for n, rate in ((500, 0.01), (500, 0.1), (1024, 0.01), (1024, 0.1)):
            theirs = BernoulliRBM(n, learning_rate=rate, batch_size=100, n_iter=10, random_state=self.seed)
            features[f"BernoulliRBM, {n}, rate {rate}"] = theirs
        features |= {f"RBMTransformer, {n}": RBMTransformer(n, epochs=10, random_state=self.seed) for n in (500, 1024)}
        features["DBNTransformer, 1024-1024"] = DBNTransformer((1024, 1024), epochs=10, random_state=self.seed)
        settings = {name: x.get_params() for name, x in {**features, "classifier": classifier}.items()}
        manifest = {"dataset": data.name, "data_sha256": data.sha256, "seed": self.seed, "settings": settings}
        table = self.out / data.name / "tables" / "features.csv"
        if not self.overwrite:
            results.keep_others(table, manifest)
        for name, transformer in features.items():
            start = time.process_time()
            transformer.fit(train)
            rows.append({"features": name, "training, CPU s": round(time.process_time() - start, 1)})
            classifier.fit(transformer.transform(train), train_labels)
            rows[-1]["test accuracy"] = classifier.score(transformer.transform(test), test_labels)
            print(rows[-1], flush=True)
        manifest["machine"] = machine()
        written = results.save_artefact(
            table, lambda path: results.write_csv(path, rows), manifest=manifest, overwrite=self.overwrite
        )
        print(*written, sep="\n")


if __name__ == "__main__":
    sys.exit(run_script(__doc__, Table))
