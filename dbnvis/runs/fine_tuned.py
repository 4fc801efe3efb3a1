"""Runs of fine-tuned networks: pretrained layer by layer, then trained by backpropagation."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from .. import checkpoint, results
from ..backend import Array, make_rng, move
from ..datasets.infinite import InfiniteDigits, Stream
from ..models.dbn import DBN
from ..models.mlp import MLP, autoencoder, classifier
from ..models.rbm import RBM
from ..train import CDConfig
from ..train.backprop import BackpropStats, train_backprop
from ..train.config import BackpropConfig
from .run import Run
from .stacks import train
from .tuning import Tuning
from .workspace import Workspace

#: Hidden layers (Hinton, Osindero, Teh 2006; Hinton & Salakhutdinov 2006).
CLASSIFIER_HIDDEN = (500, 500, 2000)
AUTOENCODER_HIDDEN = (1000, 500, 250)
#: Pretraining of the classifier: the default recipe.
GENERATIVE = CDConfig(epochs=30)
#: Pretraining of the autoencoder: dense codes, pixels as probabilities (Hinton & Salakhutdinov's code, centered).
RECONSTRUCTING = CDConfig(
    epochs=20,
    learning_rate=0.1,
    final_momentum=0.9,
    persistent=False,
    binarize="none",
    reconstruction="mean",
    weight_decay=2e-4,
    l1_decay=0.0,
    sparsity_target=None,
)
#: Fine-tuning, settled on the last 10,000 training images, left out for that. Adam errs as little as plain descent
#: but blows up the weights of pixels that are rarely on, and with them noise in the pictures of units.
DISCRIMINATIVE = BackpropConfig(epochs=50, optimizer="sgd", learning_rate=0.5, dropout=0.25, input_dropout=0.2)
RECONSTRUCTIVE = BackpropConfig("pixels", epochs=80, batch_size=250)


@dataclass
class FineTuning(Workspace):
    """A workspace in which networks are pretrained and fine-tuned.

    Parameters
    ----------
    classifier_hidden, autoencoder_hidden : tuple of int
    classifier_pretraining, autoencoder_pretraining : CDConfig
        Of every RBM.
    classifier_tuning, autoencoder_tuning : BackpropConfig
    folder : str
        Of the networks, in `models`.
    """

    classifier_hidden: tuple[int, ...] = CLASSIFIER_HIDDEN
    autoencoder_hidden: tuple[int, ...] = AUTOENCODER_HIDDEN
    classifier_pretraining: CDConfig = GENERATIVE
    autoencoder_pretraining: CDConfig = RECONSTRUCTING
    classifier_tuning: BackpropConfig = DISCRIMINATIVE
    autoencoder_tuning: BackpropConfig = RECONSTRUCTIVE
    folder: str = ""

    @property
    def models(self) -> Path:
        """Folder of the networks."""
        return self.writer.root / "models" / self.folder

    def seeded(self, number: int) -> FineTuning:
        """The same trainings by another seed, `number` after this one, in a folder of their own; 0: these."""
        return replace(self, seed=self.seed + number, folder=f"seed-{self.seed + number}") if number else self

    def images(self, part: str) -> tuple[Array, Array | None]:
        """Images and labels, if any, of the "train" or "test" part, on the device."""
        images, labels = (getattr(self.data, f"{part}_{what}") for what in ("images", "labels"))
        return move(images, self.xp), None if labels is None else move(labels, self.xp)

    def classifier_dbn(self) -> DBN:
        return self._pretrained("classifier", self.classifier_hidden, self.classifier_pretraining)

    def classifier(self, start: Literal["pretrained", "random"] = "pretrained", deformed: bool = False) -> MLP:
        """The classifier, fine-tuned from the pretrained network or from random weights (Glorot & Bengio 2010).

        If `deformed`, the first epoch reads the training images, every later one a deformation of each that no other
        reads (Loosli, Canu & Bottou 2007); no more of them, and as many updates.
        """
        rng, classes = make_rng(self.xp, self.seed, 11), self.data.n_classes
        if start == "pretrained":
            dbn = self.classifier_dbn()
        else:
            sizes = pairwise((self.data.train_images[0].size, *self.classifier_hidden))
            rbms = [RBM.random(n, m, rng=rng, scale=4 * math.sqrt(2 / (n + m))) for n, m in sizes]
            dbn = DBN(rbms, self.data.input_shape, input_norm=self.classifier_dbn().input_norm)
        model = classifier(dbn, classes, rng=rng)
        if not deformed:
            return self._tuned(f"classifier-{start}", model, dbn, self.classifier_tuning)
        digits, n = InfiniteDigits(self.data), len(self.data.train_images)
        with Stream(digits, self.classifier_tuning.epochs * n, chunk=n) as stream:
            return self._tuned(f"classifier-{start}-deformed", model, dbn, self.classifier_tuning, stream)

    def autoencoder(self, n_code: int) -> MLP:
        """The autoencoder with `n_code` linear code units, fine-tuned."""
        dbn = self._pretrained("autoencoder", self.autoencoder_hidden, self.autoencoder_pretraining)
        model = autoencoder(dbn, n_code, self.images("train")[0])
        return self._tuned(f"autoencoder-{n_code}", model, dbn, self.autoencoder_tuning)

    def _pretrained(self, name: str, hidden: tuple[int, ...], config: CDConfig) -> DBN:
        folder = self.models / f"{name}-dbn"
        path = train(
            self.data,
            hidden,
            config,
            folder=folder,
            seed=self.seed,
            xp=self.xp,
            resume=True,
            overwrite=self.writer.overwrite,
            on_epoch=self.on_epoch,
        )
        return checkpoint.load(path, xp=self.xp).model

    def _tuned(self, name: str, model: MLP, dbn: DBN, config: BackpropConfig, stream: Stream | None = None) -> MLP:
        """`model`, unrolled from `dbn`, fine-tuned: the finished one where it is kept, or from the last epoch kept.

        Of a `stream` every epoch reads a chunk, as many deformed images as there are training images, in their order.
        """
        final, part = (self.models / f"{name}{suffix}.npz" for suffix in ("", ".training"))
        settings = {**asdict(config), "dbn_sha256": results.model_hash(dbn)}
        facts = {"dataset": self.data.name, "data_sha256": stream.sha256 if stream else self.data.sha256}
        asked = {"model": MLP.__name__, **settings, "seed": self.seed, **facts}
        facts |= self.data.remembered
        run = Run(final, part, asked, resume=True, overwrite=self.writer.overwrite)
        with run.opened(xp=self.xp) as saved:
            if saved is not None and run.finished:
                return saved.model
            tuning = Tuning(run, model, settings, self.seed, facts)
            if saved is not None:
                tuning.resume(saved)
                model = saved.model
            (images, labels), (test_images, test_labels) = self.images("train"), self.images("test")
            epochs = train_backprop(
                model,
                (lambda epoch: move(stream.images(epoch), self.xp)) if stream else images,
                labels if config.loss == "softmax" else images,
                config,
                rng=make_rng(self.xp, self.seed, 13),
                held_out=(test_images, test_labels if config.loss == "softmax" else test_images),
                state=tuning.state,
            )
            tuning.train(self.progress(epochs, f"fine-tuning {name}", config.epochs - tuning.state.epoch))
            return model

    def history(self, name: str) -> list[BackpropStats]:
        """Every epoch of the finished network `name`."""
        saved = checkpoint.load(self.models / f"{name}.npz", xp=self.xp)
        return [BackpropStats(**stats) for stats in saved.info["tuning"]]

    def shown(self, models: dict[str, Any], **settings: Any) -> dict[str, Any]:
        """What a manifest says of an artefact that shows `models`, and of how they were trained."""
        hashes = {name: results.model_hash(model) for name, model in models.items()}
        return {
            **self.facts,
            "settings": settings,
            "models_sha256": hashes,
            "versions": results.versions(self.xp.__name__),
        }
