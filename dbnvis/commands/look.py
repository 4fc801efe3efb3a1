"""Commands that draw units of a model."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import tyro

from ..console import during, parse_indices, progress, say
from ..datasets.pictures import light_ground, read_picture
from ..figures import diagnosis, sheets, side_by_side
from ..figures.convnets.explaining import OCCLUSION, explain, read_test_image
from ..figures.generative import evidence_samples
from ..figures.naming import shortened
from ..figures.study import Study
from ..models.protocol import Model
from ..results import array_hash
from ..visualize import METHODS, VISUALIZERS, EvidenceSampling, Unit, as_units
from .options import ModelOptions, load_study


@dataclass(frozen=True)
class SheetOptions(ModelOptions):
    """Options of commands that draw one sheet."""

    model: str = "pretrained"
    """A checkpoint (model.npz of a training), or a model shipped with the package: pretrained (a deep belief network),
    convnet."""
    unwhiten: bool = False
    """Of a network that looks at whitened photographs, such as patches: map pictures back to the photographs'
    luminance, through the inverse of the whitening filter."""

    def study(self) -> Study:
        """The model's study, whose sheets go to the folder of its data set."""
        study = load_study(self, self.model)
        writer, bars = self.writer(study.dataset, "sheets", "sheets"), partial(progress, least=1)
        return replace(study, writer=writer, unwhiten=self.unwhiten, progress=bars)


@dataclass(frozen=True)
class Visualize(SheetOptions):
    """Draw units of one layer by one method, on one sheet."""

    method: str = "am"
    """am, gibbs, combination, top-images, connections, invariance, evidence, regularized, or a recipe of the latter:
    plain, digits-1 to 4, yosinski-1 to 4, simonyan; settings of each: --method gibbs --help."""
    layer: str = ""
    """h1, h2, ...; the top layer if absent."""
    units: str = ""
    """Units, such as 0-35 or 3,17,40-49; all: every unit; the first 36 if absent."""
    settings: Any = field(default_factory=VISUALIZERS["am"])

    def run(self) -> None:
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
    """Draw one unit by every method, on one sheet, with scores and settings."""

    unit: tyro.conf.Positional[str] = ""
    """The unit, written LAYER:INDEX; of a convnet also conv2:5@3,4 (a channel at a position) or conv2:5@mean. If
    absent, unit 17 of the top hidden layer, h3:17 of pretrained, or its unit 0 if it has no more than 17."""

    def run(self) -> None:
        study = self.study()
        unit = Unit.parse(self.unit) if self.unit else _default_unit(study.model)
        as_units(study.model, [unit])
        say(f"comparing {unit} of {self.model} by every method")
        side_by_side.compare(study, unit, study.sheet_name)
        if study.images is None:
            say(f"no {study.dataset} at hand: methods that need training images were left out (dbnvis data)")
        print(*study.writer.written, sep="\n")


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
    conv2:5@3,4 or output:3; the strongest channel of each layer if absent."""
    patch: int = OCCLUSION.patch
    """Side in pixels of the square that covers the image."""
    stride: int = OCCLUSION.stride
    """Pixels between two places of the square."""
    invert: bool = False
    """Exchange black and white of an image file: dark ink on light paper becomes light on dark, as in MNIST."""
    center: bool = False
    """Crop the drawing of an image file and centre it as MNIST's digits are: a small digit on a large page."""

    def run(self) -> None:
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
        study = replace(study, writer=self.writer(study.dataset, "sheets", "sheets"))
        settings = {"unit": self.unit, **asdict(occlusion)}
        name = study.sheet_name(f"explain_{name}", settings if settings != {"unit": (), **asdict(OCCLUSION)} else None)
        study.check(name)
        with during(f"explaining {self.image} to {self.model}"):
            explain(study, image, steps, name, [Unit.parse(unit) for unit in self.unit], occlusion)
        print(*study.writer.written, sep="\n")
