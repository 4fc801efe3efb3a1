"""What the pictures are worth, per layer: do optima beat images, do samples excite their unit, do methods agree."""

import sys

from sklearn.neural_network import MLPClassifier

from dbnvis.cli import figure_script
from dbnvis.figures import acceptance as tables
from dbnvis.figures.study import Study


def draw(study: Study, _: object) -> None:
    data = study.data_at_hand()
    classifier = MLPClassifier((256,), batch_size=200, max_iter=8, random_state=0)
    classifier.fit(data.train_images.reshape(len(data.train_images), -1), data.labels[0])
    study.out = study.out.parent / "tables"
    tables.acceptance(study, data, classifier)


if __name__ == "__main__":
    sys.exit(figure_script(__doc__, draw))
