"""What the pictures are worth, per layer: do optima beat images, do samples excite their unit, do methods agree."""

import sys

from sklearn.neural_network import MLPClassifier

from dbnvis.cli import figure_script
from dbnvis.report import Study, tables
from dbnvis.report.views import held_out


def draw(study: Study, _: object) -> None:
    held_out(study)  # says what is missing
    assert study.data is not None
    data = study.data
    classifier = MLPClassifier((256,), batch_size=200, max_iter=8, random_state=0)
    classifier.fit(data.train_images.reshape(len(data.train_images), -1), data.train_labels)
    study.out = study.out.parent / "tables"
    tables.acceptance(study, data, classifier)


if __name__ == "__main__":
    sys.exit(figure_script(__doc__, draw))
