"""Commands that train and measure models."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

import tyro

from .. import report, results
from ..backend import device_module
from ..console import progress
from ..report.health import training_curves, training_health
from ..report.likelihood import Estimation, likelihood, save_likelihood
from ..report.session import HIDDEN
from ..train import CDConfig, DenoisingConfig
from .options import Options, load_study, train


@dataclass(frozen=True)
class Train(Options):
    """Train a deep belief network, or a stack of denoising autoencoders, layer by layer, saving after every epoch."""

    family: Literal["dbn", "sdae"] = "dbn"
    """dbn: restricted Boltzmann machines, which generate; sdae: autoencoders that learn to clean noisy input
    (Vincent et al. 2010), by the --sdae options, in a folder of their own. Erhan et al. (2009) compare the two."""
    hidden: tuple[int, ...] = HIDDEN
    """Hidden units of each layer, from the lowest."""
    resume: bool = False
    """Go on from an interrupted training, to the same bits; keep a finished model."""
    cd: tyro.conf.OmitArgPrefixes[CDConfig] = field(default_factory=CDConfig)
    sdae: DenoisingConfig = field(default_factory=DenoisingConfig)

    def run(self) -> None:
        config, other = (self.cd, self.sdae) if self.family == "dbn" else (self.sdae, self.cd)
        if other != type(other)():
            theirs = "those without --sdae" if self.family == "dbn" else "the --sdae options, such as --sdae.epochs"
            raise ValueError(f"the settings of a training of --family {self.family} are {theirs}; got others")
        data = self.load()
        folder = self.out / (data.name if self.family == "dbn" else f"{data.name}-{self.family}")
        model = train(self, data, self.hidden, config, folder, self.resume)
        study, history = load_study(self, str(model), data)
        study.out = folder / "figures"
        training_curves(study, history)
        training_health(study, history, data.test_images)
        print(model, *study.written, sep="\n")


@dataclass(frozen=True)
class Evaluate(Options):
    """Estimate how probable a model finds images: log Z from below and above, log p or its bound, for every depth."""

    model: tyro.conf.Positional[str] = "pretrained"
    """A checkpoint (model.npz of a training), or pretrained: the model shipped with the package."""
    layers: tuple[str, ...] = ()
    """h1, h2, ...; all if absent."""
    how: tyro.conf.OmitArgPrefixes[Estimation] = field(default_factory=Estimation)

    def run(self) -> None:
        saved, trained_on = report.finished(self.model, xp=device_module(self.device))
        data = replace(self, dataset=trained_on if self.dataset == "auto" else self.dataset).load()
        report.same_data(self.model, saved, data)
        layers = self.layers or None
        rows = likelihood(saved.model, data, self.how, layers=layers, seed=self.seed, progress=progress)
        for row in rows:
            print(*(f"{name:26} {value}" for name, value in row.items()), "", sep="\n")
        sha = results.model_hash(saved.model)
        facts = {"model": self.model, "model_sha256": sha, "seed": self.seed, "layers": layers or "all"}
        table = self.out / data.name / "tables" / f"evaluation_{sha[:8]}.csv"
        versions = results.versions(saved.model.xp.__name__)
        print(*save_likelihood(table, rows, data, self.how, **facts, versions=versions), sep="\n")
