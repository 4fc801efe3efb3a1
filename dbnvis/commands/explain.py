"""The command that explains an image."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import tyro

from ..console import during, say
from ..datasets.pictures import light_ground, read_picture
from ..report.explain import OCCLUSION, explain, read_test_image
from ..report.study import shortened
from ..results import array_hash
from ..visualize import Unit
from .options import ModelOptions, load_study


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
        study, _ = load_study(self, self.model)
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
        study.out = self.out / study.dataset / "sheets"
        settings = {"unit": self.unit, **asdict(occlusion)}
        name = study.sheet_name(f"explain_{name}", settings if settings != {"unit": (), **asdict(OCCLUSION)} else None)
        study.check(name)
        with during(f"explaining {self.image} to {self.model}"):
            explain(study, image, steps, name, [Unit.parse(unit) for unit in self.unit], occlusion)
        print(*study.written, sep="\n")
