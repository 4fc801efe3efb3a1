"""Commands that draw units of a model."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import tyro

from ..console import during, parse_indices, progress, say
from ..views.occlusion import Occlusion
from ..visualize import METHODS, VISUALIZERS, EvidenceSampling, Unit, as_units
from .options import ModelOptions, load_study

if TYPE_CHECKING:
    from ..datasets import Dataset
    from ..figures.study import Study
    from ..models.protocol import Model

SEVERAL = "several"  # the folder of sheets of models of several data sets


@dataclass(frozen=True)
class SheetOptions(ModelOptions):
    """Options of commands that draw one sheet."""

    model: str = "pretrained"
    """A checkpoint (model.npz of a training), or a model shipped with the package: pretrained (a deep belief network),
    convnet."""
    unwhiten: bool = False
    """Of a network that looks at whitened photographs, such as patches: map pictures back to the photographs'
    luminance, through the inverse of the whitening filter."""

    def study(self, model: str = "", data: Dataset | None = None) -> Study:
        """The study of `model`, by default the option's, whose sheets go to the folder of its data set."""
        study = load_study(self, model or self.model, data)
        bars = partial(progress, least=1)
        return replace(study, writer=self.sheets(study.dataset), unwhiten=self.unwhiten, progress=bars)


@dataclass(frozen=True)
class Visualize(SheetOptions):
    """Draw units of one layer by one method, on one sheet."""

    method: str = "am"
    """am, gibbs, combination, top-images, connections, invariance, evidence, regularized, or a recipe of the latter:
    plain, digits-1 to 4, yosinski-1 to 4, simonyan; settings of each: --method gibbs --help."""
    layer: str = ""
    """h1, h2, ... If not given, the top layer."""
    units: str = ""
    """Units, such as 0-35 or 3,17,40-49; all: every unit. If not given, the first 36."""
    settings: Any = field(default_factory=VISUALIZERS["am"])

    shared: ClassVar[bool] = True

    def run(self) -> None:
        from ..figures import diagnosis, sheets
        from ..figures.generative import evidence_samples
        from ..figures.naming import shortened

        study = self.study()
        layer = self.layer or study.model.layer_names[-1]
        as_units(study.model, [Unit(layer, 0)])
        if self.units in ("", "all"):
            units = study.units(layer, 36 if self.units == "" else None)
        else:
            indices, size = parse_indices(self.units), study.model.layer_shape(layer)[0]
            beyond = [i for i in indices if i >= size]
            units = [Unit(layer, i) for i in beyond[:1] or indices]
        as_units(study.model, units)
        study.check_method(study.with_prior(self.settings))
        what = f"{self.method}_{layer}_{shortened(self.units or 'first')}"
        default = METHODS[self.method] if self.method in METHODS else type(self.settings)()
        name = study.sheet_name(what, asdict(self.settings) if self.settings != default else None)
        study.check(name)
        if isinstance(self.settings, EvidenceSampling):
            evidence_samples.sheet(study, self.settings, {layer: units}, f"units of {layer}", name)
            print(*study.writer.written, sep="\n")
            return
        settings = self.settings if self.settings != type(self.settings)() else study.fitted(self.settings)
        if len(units) <= sheets.MOST_ROWS:
            settings = diagnosis.diagnosed(study, settings)
        sheets.sheet(study, settings, study.pictures(settings, units), name)
        print(*study.writer.written, sep="\n")


@dataclass(frozen=True)
class Compare(SheetOptions):
    """Draw units by every method, a sheet for each, with scores and settings; of several models on the same sheet."""

    units: tyro.conf.Positional[tuple[str, ...]] = ()
    """Units, written LAYER:INDEX; of a convnet also conv2:5@3,4 (a channel at a position) or conv2:5@mean. If
    not given, unit 17 of the top hidden layer, h3:17 of pretrained, or its unit 0 if it has no more than 17."""
    models: tuple[str, ...] = ()
    """Several models in the place of --model, each with its own data. A unit is drawn of those that have it."""

    shared: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.models and self.model != type(self).model:
            raise ValueError("--model names one model and --models several; give one of the two")
        for name in self.models:
            if re.fullmatch(r"\w+:\d+(@.*)?", name) and not Path(name).exists():
                raise ValueError(f"{name} is a unit and no model; units come before --models")

    def run(self) -> None:
        from ..figures import several_models, side_by_side

        names = self.models or (self.model,)
        asked = [Unit.parse(unit) for unit in self.units]
        data = self.load() if self.dataset != "auto" and len(names) > 1 else None
        studies = [self.study(name, data) for name in names]
        several_models.check_different(studies, names)
        units = asked or [_default_unit(studies[0].model)]
        having, left_out = several_models.owners(studies, names, units)
        for line in left_out:
            say(line)
        say(f"comparing {', '.join(map(str, units))} of {', '.join(names)} by every method")
        if len(names) == len(units) == 1:
            side_by_side.compare(studies[0], units[0], studies[0].sheet_name)
            writers = [studies[0].writer]
        else:
            folders = list(dict.fromkeys(study.dataset for study in studies))
            writer = self.sheets(folders[0] if len(folders) == 1 else SEVERAL)
            if len(folders) > 1:
                say(f"each model with its own data: {', '.join(map(_with_data, names, studies))}")
            several_models.compare_all(studies, units, having, writer)
            writers = [*(study.writer for study in studies), writer]
        for study in studies:
            if study.images is None:
                say(f"no {study.dataset} at hand: methods that need training images were left out (dbnvis data)")
        print(*(path for writer in writers for path in writer.written), sep="\n")


def _with_data(name: str, study: Study) -> str:
    return f"{name} {study.dataset} ({' x '.join(map(str, study.model.input_shape))})"


def _default_unit(model: Model) -> Unit:
    top = ([layer for layer in model.layer_names if layer != "output"] or model.layer_names)[-1]
    return Unit(top, 17 if model.layer_shape(top)[0] > 17 else 0)


@dataclass(frozen=True)
class Explain(ModelOptions):
    """Draw one image through all views, on one sheet: activations, occlusion, gradient views, nearest units."""

    image: tyro.conf.Positional[str] = "test:0"
    """Any image file, of any size and mode; or test:17, a test image of the data set."""
    model: str = "convnet"
    """A checkpoint (model.npz of a training), or convnet: the convolutional network shipped with the package."""
    unit: tuple[str, ...] = ()
    """Units to show beside the two likeliest classes, written conv2:5 (where the channel responds most),
    conv2:5@3,4 or output:3. If not given, the strongest channel of each layer."""
    patch: int = Occlusion.patch
    """Side in pixels of the square that covers the image."""
    stride: int = Occlusion.stride
    """Pixels between two places of the square."""
    invert: bool = False
    """Exchange black and white of an image file: dark ink on light paper becomes light on dark, as in MNIST."""
    center: bool = False
    """Crop the drawing of an image file and centre it as MNIST's digits are: a small digit on a large page."""

    def run(self) -> None:
        from ..datasets.pictures import light_ground, read_picture
        from ..figures.convnets.explaining import OCCLUSION, explain, read_test_image
        from ..figures.naming import shortened
        from ..results import array_hash

        occlusion = replace(OCCLUSION, patch=self.patch, stride=self.stride)
        study = load_study(self, self.model)
        number = re.fullmatch(r"test:(\d+)", self.image)
        if number is not None:
            if self.invert or self.center:
                raise ValueError("--invert and --center are for image files; test images are as the network knows them")
            image, steps = read_test_image(study, int(number[1]))
            name = f"test{number[1]}"
        else:
            shape, within = study.model.input_shape, study.model.input_range
            image, steps = read_picture(self.image, shape, within, invert=self.invert, center=self.center)
            if light_ground(image, within) and not self.invert:
                say("the picture's ground is light: --invert, if the network knows light ink on dark, as in MNIST")
            name = f"{shortened(Path(self.image).stem)}-{array_hash(image)[:6]}"
        study = replace(study, writer=self.sheets(study.dataset))
        settings = {"unit": self.unit, **asdict(occlusion)}
        name = study.sheet_name(f"explain_{name}", settings if settings != {"unit": (), **asdict(OCCLUSION)} else None)
        study.check(name)
        with during(f"explaining {self.image} to {self.model}"):
            explain(study, image, steps, name, [Unit.parse(unit) for unit in self.unit], occlusion)
        print(*study.writer.written, sep="\n")
