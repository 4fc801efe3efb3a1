"""A visualizer, a data set, a figure and a model are added to a copy of the package, as CONTRIBUTING says, and used."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import dbnvis

TESTS = Path(__file__).parents[1]

VISUALIZER = '''
"""The response-triggered average: training images, weighted by how much the unit responds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from ..backend import Array
from ..evaluate.scores import pre_activations
from ..images import images_of
from ..models.protocol import Model
from ..models.units import Unit, as_units
from .visualizer import UnitImages, check_applies, unit_images


@dataclass(frozen=True)
class TriggeredAverage:
    """Training images weighted by the unit's response above its mean, as of neurons (de Boer & Kuyper 1968)."""

    title: ClassVar[str] = "response-triggered average"
    symmetric: ClassVar[bool] = True
    roles: ClassVar[tuple[str, str]] = ("average", "average")

    most: int = 5000
    """Images at the most."""

    def why_not(self, model: Model, images: Array | None) -> str | None:
        return "TriggeredAverage needs training images" if images is None else None

    def __call__(
        self, model: Model, units: Sequence[Unit | str], *, rng: Any = None, images: Array | None = None
    ) -> UnitImages:
        layer, numbers = as_units(model, units)
        check_applies(self, model, images)
        images = images_of(model, images)[: self.most]
        response = pre_activations(model, layer, images, numbers)  # (N, U)
        weight = response - response.mean(axis=0)
        pictures = model.xp.stack([(w[:, None] * images.reshape(len(images), -1)).sum(axis=0) for w in weight.T])
        return unit_images(self, model, layer, numbers, pictures.reshape(len(numbers), 1, *model.input_shape))
'''

DATA = '''

def _stripes() -> tuple[np.ndarray, ...]:
    """Upright and lying stripes of 8 x 8."""
    rng = np.random.default_rng(0)
    images, labels = np.zeros((60, 8, 8), np.uint8), np.arange(60) % 2
    for image, label in zip(images, labels, strict=True):
        place = rng.integers(0, 8)
        image[(place, slice(None)) if label else (slice(None), place)] = 255
    return images[:40], labels[:40], images[40:], labels[40:]


DATASETS["stripes"] = Spec(about="stripes, 8 x 8", generate=_stripes)
'''

FIGURE = '''
"""The mean picture of a layer."""

from .. import plot
from .study import Study


def mean_picture(study: Study) -> None:
    """The mean of all units' optima, a panel per layer."""
    from ..visualize import ActivationMaximization

    method, means = ActivationMaximization(starts=1, max_steps=5), {}
    for layer in study.model.layer_names:
        means[layer] = study.pictures(method, study.units(layer)).images[:, 0].mean(axis=0, keepdims=True)
    panels = [study.panel(x, True, 1, layer) for layer, x in means.items()]
    figure = plot.sheet(panels, heading="means", caption="The mean optimum of every layer.", tile=1.0)
    study.save("mean_picture", figure, means)
'''

MODEL = '''
import numpy as np
from pathlib import Path
from dbnvis import VISUALIZERS
from dbnvis.evaluate.scores import Responses
from dbnvis.figures.side_by_side import compare
from dbnvis.figures.study import Study
from dbnvis.models.layers import Dense, Flatten, Network, Sigmoid
from dbnvis.models.protocol import Model
from dbnvis.results import Writer
from dbnvis.visualize import Unit


class TwoStripes:
    """One hidden layer that sees two stripes."""

    input_shape, input_range, input_norm, xp, dtype = (8, 8), (0.0, 1.0), 2.0, np, np.dtype("float32")
    layer_names = ("h1",)

    def __init__(self):
        W = np.zeros((8, 8, 2), np.float32)
        W[2, :, 0] = W[:, 5, 1] = 1
        self.dense = Dense(W.reshape(64, 2), np.zeros(2, np.float32))

    @property
    def network(self):
        return Network({"input": Flatten(self.input_shape), "h1.pre": self.dense, "h1": Sigmoid()})

    def layer_shape(self, layer):
        return {"h1": (2,)}[layer]


model, images = TwoStripes(), np.random.default_rng(0).random((20, 8, 8), dtype=np.float32)
assert isinstance(model, Model)
study = Study(model, "stripes", Responses.of(model, images), Writer(Path("mine")), images=images)
compare(study, Unit("h1", 1))
arrays = np.load("mine/compare_h1_1.npz")
best = arrays["ActivationMaximization.images"][0, 0]
assert (np.abs(best[:, 5]).min() > 10 * np.abs(np.delete(best, 5, axis=1)).max()), best
print(sorted({name.partition(".")[0] for name in arrays}))
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """The folder of a copy of the package with one of each more."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(Path(dbnvis.__file__).parent, folder / "dbnvis", ignore=shutil.ignore_patterns("__pycache__"))

    def write(path, text):
        (folder / "dbnvis" / path).write_text(text.lstrip())

    def add_line(path, after, line):
        file = folder / "dbnvis" / path
        text = file.read_text()
        assert text.count(after) == 1, after
        file.write_text(text.replace(after, f"{after}{line}\n"))

    write("visualize/triggered_average.py", VISUALIZER)
    add_line("visualize/__init__.py", '    "am": ActivationMaximization,\n', '    "triggered": TriggeredAverage,')
    add_line(
        "visualize/__init__.py",
        "from .clamped_gibbs import ClampedGibbs\n",
        "from .triggered_average import TriggeredAverage",
    )
    with (folder / "dbnvis" / "datasets" / "__init__.py").open("a") as file:
        file.write(DATA)
    write("figures/mean_picture.py", FIGURE)
    entry = '    "mean_picture": Figure("the mean optimum of every layer", mean_picture),'
    add_line("catalogue.py", "FIGURES: dict[str, Figure] = {\n", entry)
    imported = "from .figures.mean_picture import mean_picture"
    add_line("catalogue.py", "from .figures.generative.evidence_samples import evidence_samples\n", imported)
    return folder


@pytest.fixture(scope="module")
def run(package):
    """Runs Python in the copy's folder; what it prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DBNVIS")}
    environment |= {"PYTHONPATH": str(package), "OPENBLAS_NUM_THREADS": "1"}

    def python(*args):
        done = subprocess.run(
            [sys.executable, *map(str, args)], cwd=package, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return python


@pytest.fixture(scope="module")
def model(run, package):
    """A network trained on the new data set by the command line."""
    run("-m", "dbnvis", "train", "--dataset", "stripes", "--hidden", 8, 6, "--epochs", 2, "--batch-size", 10)
    return package / "runs" / "stripes" / "model.npz"


def test_the_new_data_set_is_listed(run):
    assert "stripes, 8 x 8" in run("-m", "dbnvis", "data")


def test_the_new_method_is_on_the_command_line_and_on_the_sheets(run, model):
    assert "--most" in run("-m", "dbnvis", "visualize", "--method", "triggered", "--help")
    line = ("--method", "triggered", "--most", "30", "--units", "0-3", "--model", model, "--dataset", "stripes")
    assert "triggered_h2_0-3" in run("-m", "dbnvis", "visualize", *line)
    (sheet,) = [x for x in run("-m", "dbnvis", "compare", "h1:2", "--model", model).split() if x.endswith(".npz")]
    code = f"import numpy; print({{name.partition('.')[0] for name in numpy.load({sheet!r})}})"
    assert "TriggeredAverage" in run("-c", code)


def test_the_new_method_is_in_the_contract_tests(run):
    contract = TESTS / "visualize" / "test_visualizers_contract.py"
    said = run(
        "-m", "pytest", "-q", "-n0", "-c", TESTS.parent / "setup.cfg", contract, "-k", "triggered and not pretend"
    )
    assert int(said.split(" passed")[0].split()[-1]) >= 8


def test_the_new_figure_is_listed_and_drawn(run, model):
    assert "mean_picture" in run("-m", "dbnvis", "figure", "--list")
    assert "mean_picture.png" in run("-m", "dbnvis", "figure", "mean_picture", "--model", model)


def test_a_class_that_satisfies_the_protocol_goes_through_every_method_that_applies(run, package):
    (package / "mine.py").write_text(MODEL)
    shown = run("mine.py")
    assert "ActivationMaximization" in shown and "TriggeredAverage" in shown and "ClampedGibbs" not in shown


def test_the_copy_keeps_the_rules_of_the_house(run):
    """One more of each breaks no rule: not of ranks, names or the number of files in a room."""
    rules = TESTS / "project" / "test_architecture.py"
    said = run("-m", "pytest", "-q", "-n0", "-c", TESTS.parent / "setup.cfg", rules, "-k", "not heavy")
    assert " failed" not in said and int(said.split(" passed")[0].split()[-1]) > 100
