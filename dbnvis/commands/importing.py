"""The command that makes a model of a file of weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import tyro

from .one_file import check_file
from .options import Options

#: What a description beside the file may say, by the option that says the same.
DESCRIBED = ("layers", "input_shape", "input_range", "order")


@dataclass(frozen=True)
class Import(Options):
    """Make a model of weights that another program has learned, for --model of the other commands.

    dbnvis import net.npz --input-shape 28 28 --layers "conv1 relu maxpool flatten fc1 relu fc2 softmax" -o model.npz

    In Python, dbnvis.interop has from_torch and from_sklearn, which need no description.
    """

    writes: ClassVar[bool] = False

    file: tyro.conf.Positional[Path] = Path()
    """Arrays by name: .npz, .mat or .safetensors. Never a pickle (.pt, .pkl): the refusal says what to do instead."""
    dataset: str = "auto"
    """The data set that the network was trained on, if dbnvis knows it: --model FILE then opens it, too."""
    layers: str = ""
    """Words from the input upwards: names of layers, and between them relu, sigmoid, tanh, identity, softmax, maxpool,
    avgpool, flatten. Settings follow a colon: conv1:stride=2,padding=1 (dilation, groups), maxpool:size=3,stride=2,
    bn1:eps=0.001, h1:weight=vishid,bias=hidrecbiases. The arrays of fc1 are fc1.weight and fc1.bias, fc1_W and fc1_b,
    or fc1 alone, whose last row may be the bias."""
    input_shape: tuple[int, ...] = ()
    """Of one image: rows and columns, before them the channels of a colour image; one number of no picture."""
    input_range: tuple[float, float] = (0.0, 1.0)
    """Lowest and highest pixel that the network was trained on."""
    order: Literal["auto", "in-out", "out-in"] = "auto"
    """Rows of weights are inputs (in-out) or units (out-in, as in PyTorch); auto tells by shape."""
    architecture: Path | None = None
    """A JSON file that says the same: {"layers": "fc1 relu fc2 softmax", "input_shape": [28, 28]}."""
    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("model.npz")
    """The model's file."""

    def run(self) -> None:
        from .. import checkpoint
        from ..figures.opening import same_data
        from ..interop import from_state
        from ..interop.foreign_files import read_arrays
        from ..results import file_hash

        if self.file == Path():
            raise ValueError("no file is named; give one of weights: dbnvis import net.npz --layers ...")
        check_file(self.out, "model.npz")
        if self.out.exists() and not self.overwrite:
            raise ValueError(f"{self.out} is there already; --overwrite replaces it, or give another --out")
        arrays = read_arrays(self.file)
        said = self._described()
        if not said["layers"]:
            found = ", ".join(f"{name} {tuple(x.shape)}" for name, x in arrays.items())
            raise ValueError(f"--layers is missing: the words of the layers, from the input upwards; arrays: {found}")
        if not said["input_shape"]:
            raise ValueError("--input-shape is missing: rows and columns of an image, such as 28 28")
        model = from_state(arrays, **said)
        info: dict[str, Any] = {"imported": {"file": self.file.name, "sha256": file_hash(self.file), **said}}
        if self.dataset != "auto":
            data = self.load()
            same_data(self.file, checkpoint.Checkpoint(model, {}, 0), data)
            model.input_norm = data.mean_norm
            info |= {"dataset": data.name, "data_sha256": data.sha256}
        checkpoint.save(self.out, model, config={}, seed=0, info=info)
        units = "-".join(str(model.layer_shape(name)[0]) for name in model.layer_names)
        print(f"{self.out}  {type(model).__name__} of {', '.join(model.layer_names)}: {units} units")

    def _described(self) -> dict[str, Any]:
        """The options, and what the JSON file says in the place of those that were not given."""
        said = {name: getattr(self, name) for name in DESCRIBED}
        if self.architecture is None:
            return said
        try:
            read = json.loads(self.architecture.read_text())
        except (ValueError, RecursionError):
            read = None
        if not isinstance(read, dict) or not set(read) <= set(DESCRIBED):
            raise ValueError(f"{self.architecture} must be a JSON table of {', '.join(DESCRIBED)}")
        default = Import()
        given = {name for name in DESCRIBED if said[name] != getattr(default, name)}
        return said | {name: value for name, value in read.items() if name not in given}
