"""A data set of bars on which networks train in milliseconds, and short trainings on it."""

from dataclasses import replace

import numpy as np

from dbnvis import CDConfig, DenoisingConfig
from dbnvis.datasets import Dataset
from dbnvis.results import array_hash
from dbnvis.runs import stacks

HIDDEN = (14, 10, 9)

DENOISING = DenoisingConfig(epochs=3, batch_size=20)
CONFIG = CDConfig(epochs=3, batch_size=20, momentum_epochs=1)


def tiny(name="tiny", seed=0):
    """Bars, horizontal and vertical: 120 training and 60 test images of 6 x 6."""
    rng = np.random.default_rng(seed)
    images = np.zeros((180, 6, 6), dtype="float32")
    labels = rng.integers(0, 12, 180)
    for image, label in zip(images, labels, strict=True):
        image[(label, slice(None)) if label < 6 else (slice(None), label - 6)] = 1
    images = np.clip(images * rng.uniform(0.6, 1, images.shape) + 0.05, 0, 1).astype("float32")
    return Dataset(name, images[:120], labels[:120], images[120:], labels[120:], sha256=array_hash(images, labels))


def train(folder, *, data=None, hidden=HIDDEN, config=CONFIG, seed=0, **keywords):
    return stacks.train(data or tiny(), hidden, config, folder=folder, seed=seed, xp=np, **keywords)


def real_valued():
    """The bars around zero."""
    data = tiny()
    images = (2 * x - 1 for x in (data.train_images, data.test_images))
    train_images, test_images = images
    return replace(data, train_images=train_images, test_images=test_images, input_range=(-1.0, 1.0))


def arrays_of(path):
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


class Stop:
    """Presses Ctrl-C after an epoch."""

    def __init__(self, layer, epoch):
        self.at = (layer, epoch)

    def __call__(self, stats, config):
        if (stats.layer, stats.epoch) == self.at:
            raise KeyboardInterrupt
