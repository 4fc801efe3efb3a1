"""Commands that train and measure models."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import tyro

from ..backend import device_module
from ..backend.comm import check_same
from ..console import LossBars, progress
from ..evaluate.estimation import Estimation, likelihood
from ..train import CDConfig, DenoisingConfig
from ..train.config import HIDDEN, ConvNetConfig
from .options import ModelOptions, Options, load_study, train

if TYPE_CHECKING:
    from ..datasets import Dataset

#: What `--family` takes, and the field of `Train` with its settings.
FAMILIES = {"dbn": "cd", "sdae": "sdae", "convnet": "convnet"}


@dataclass(frozen=True)
class Train(Options):
    """Train a deep belief network, or a stack of denoising autoencoders, layer by layer, saving after every epoch.

    Or a convolutional classifier, by backpropagation.
    """

    family: Literal["dbn", "sdae", "convnet"] = "dbn"
    """dbn: restricted Boltzmann machines, which generate; sdae: autoencoders that learn to clean noisy input
    (Vincent et al. 2010), by the --sdae options, in a folder of their own. Erhan et al. (2009) compare the two.
    convnet: convolutional and dense layers that learn the classes, by the --convnet options, in a folder likewise.
    Settings of each: dbnvis train --family sdae --help."""
    hidden: tuple[int, ...] = HIDDEN
    """Hidden units of each layer, from the lowest."""
    examples: int | None = None
    """Learn from so many deformed copies of the training digits (up to 8,100,000 of MNIST; Loosli, Canu & Bottou 2007),
    each shown once to every layer in chunks of 50,000, instead of from the digits epoch by epoch."""
    resume: bool = False
    """Go on from an interrupted training, to the same bits; keep a finished model."""
    cd: tyro.conf.OmitArgPrefixes[CDConfig] = field(default_factory=CDConfig)
    sdae: DenoisingConfig = field(default_factory=DenoisingConfig)
    convnet: ConvNetConfig = field(default_factory=ConvNetConfig)

    shared: ClassVar[bool] = True

    def run(self) -> None:
        from ..figures.health import training_curves, training_health

        by_family: dict[str, Any] = {family: getattr(self, name) for family, name in FAMILIES.items()}
        config = by_family.pop(self.family)
        if any(other != type(other)() for other in by_family.values()):
            theirs = f"the --{self.family} options, such as --{self.family}.epochs"
            theirs = "those without --sdae or --convnet" if self.family == "dbn" else theirs
            raise ValueError(f"the settings of a training of --family {self.family} are {theirs}; got others")
        data = self.load()
        folder = self.out / (data.name if self.family == "dbn" else f"{data.name}-{self.family}")
        if isinstance(config, ConvNetConfig):
            print(*self._convnet(data, config, folder), sep="\n")
            return
        model = train(self, data, self.hidden, config, folder, self.resume, self.examples)
        study = load_study(self, str(model), data)
        writer = self.writer(folder.name)
        for entry, draw in (("training", training_curves), ("health", training_health)):
            draw(replace(study, writer=replace(writer, entry=entry)))
        print(model, *writer.written, sep="\n")

    def _convnet(self, data: Dataset, config: ConvNetConfig, folder: Path) -> tuple[Path, str]:
        from ..runs.classifiers import percent_wrong, train_convnet

        xp, bars = device_module(self.device), LossBars()
        if self.hidden != HIDDEN or self.examples is not None:
            raise ValueError("--hidden and --examples are for trainings layer by layer; leave them out for a convnet")
        with closing(bars):
            bars.start(f"training a convnet on {data.name}")
            kept: dict[str, Any] = {"folder": folder, "resume": self.resume, "overwrite": self.overwrite}
            model = train_convnet(data, config, seed=self.seed, xp=xp, on_epoch=bars, **kept)
        return model, f"test error {percent_wrong(model, data, xp=xp):.2f} %"


@dataclass(frozen=True)
class Evaluate(ModelOptions):
    """Estimate how probable a model finds images: log Z from below and above, log p or its bound, for every depth."""

    model: tyro.conf.Positional[str] = "pretrained"
    """A checkpoint (model.npz of a training), or pretrained: the model shipped with the package."""
    layers: tuple[str, ...] = ()
    """h1, h2, ... If not given, all."""
    how: tyro.conf.OmitArgPrefixes[Estimation] = field(default_factory=Estimation)

    shared: ClassVar[bool] = True

    def run(self) -> None:
        from .. import datasets, results
        from ..figures.naming import model_name, sheet_name
        from ..figures.opening import finished, same_data
        from ..runs.comparison import likelihood_facts

        saved, trained_on = finished(self.model, xp=device_module(self.device))
        if not trained_on and self.dataset == "auto":
            raise ValueError(f"{self.model} does not say which data it was trained on; give --dataset")
        own = saved.info.get("data_path", "") if trained_on not in datasets.DATASETS else ""
        data = replace(self, dataset=own or trained_on if self.dataset == "auto" else self.dataset).load()
        data, other = same_data(self.model, saved, data, other_data=self.other_data)
        layers = self.layers or None
        sha, name = results.model_hash(saved.model), model_name(self.model)
        check_same(f"the model {self.model}", sha, "give all the same file")
        facts = {"dataset": data.name, "data_sha256": data.sha256, **likelihood_facts(self.how)}
        facts |= {"model": self.model, "model_sha256": sha, "seed": self.seed, "layers": layers or "all"}
        facts |= {"images": other, "training_data_sha256": saved.info.get("data_sha256")} if other else {}
        asked = {**asdict(self.how), "layers": self.layers}
        settings = asked if asked != {**asdict(Estimation()), "layers": ()} else None
        facts["versions"] = results.versions(saved.model.xp.__name__)
        writer, table = self.writer(data.name), sheet_name("evaluation", f"{name}-{sha[:8]}", self.seed, settings)
        writer.check(writer.sheet(table), **facts)
        rows = likelihood(saved.model, data, self.how, layers=layers, seed=self.seed, progress=progress)
        for row in rows:
            print(*(f"{name:26} {value}" for name, value in row.items()), "", sep="\n")
        writer.table(table, rows, **facts)
        print(*writer.written, sep="\n")
