"""A model under study: its pictures, and where its figures go."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .. import checkpoint, datasets, plot, results
from ..backend import Array, make_rng
from ..backend.comm import current, over_ranks
from ..datasets import Dataset
from ..datasets.whitening import unwhiten
from ..display import Rows
from ..evaluate.scores import Responses, input_norm
from ..models.protocol import Model, fully_connected
from ..models.units import unit_parts
from ..plot import Panel
from ..progress import Progress, silent
from ..results import Writer
from ..runs.snapshots import Snapshots
from ..train import EpochStats
from ..train.backprop import BackpropStats
from ..visualize import FilterCombination, NotApplicable, StrongestConnections, Unit, UnitImages
from ..visualize.filter_combination import combined_inputs
from ..visualize.tidy import compared, percentiles, picture_rows, together
from .naming import rounded_down, sheet_name
from .picture_cache import PictureCache, Source


@dataclass
class Study:
    """Everything that figures of a model need.

    Parameters
    ----------
    model : Model
    dataset : str
        Name of the data set the model was trained on; in every heading and manifest.
    responses : Responses
        What the data set's test images do to every unit.
    writer : Writer
        Where figures and tables go.
    seed : int
    images : array (N, *input_shape), optional
        Training images, on the model's device, for the methods that need some.
    provenance : dict
        What the manifests say of the model and the data.
    progress : callable
    snapshots : Snapshots
        What training left behind.
    unwhiten : bool
        Draw pictures of units that look at whitened photographs as the photographs' luminance, through the inverse of
        the whitening filter. Scores, and the arrays beside a figure, remain those of the whitened pictures.
    data : Dataset, optional
        The data set, with test images and labels, for the views of images.
    other : str
        What headings say of the images where `data` are others than the model was trained on.
    name : str
        The model's name; with its hash in headings, in manifests and in names of sheets.
    history : list of EpochStats
        Of the model's training, layer by layer.
    tuning : list of BackpropStats
        Of its training by backpropagation.
    cache : PictureCache, optional
        Where pictures of units are kept for the figures that show them again; default: none is kept.

    Raises
    ------
    ValueError
        If the images are to be unwhitened and the data set is none of whitened ones.
    """

    model: Model
    dataset: str
    responses: Responses
    writer: Writer
    seed: int = 0
    images: Array | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    progress: Progress = silent
    snapshots: Snapshots = field(default_factory=Snapshots)
    unwhiten: bool = False
    data: Dataset | None = None
    other: str = ""
    name: str = ""
    history: list[EpochStats] = field(default_factory=list)
    tuning: list[BackpropStats] = field(default_factory=list)
    cache: PictureCache | None = None

    def __post_init__(self) -> None:
        if self.unwhiten and not self.whitened:
            raise ValueError(
                f"the images of {self.dataset} are not whitened, so there is no way back to luminance; "
                "leave unwhiten out: pictures show pixels as they are"
            )

    def data_at_hand(self) -> Dataset:
        """The data set; ValueError, which says how to get it, where there is none."""
        if self.data is None:
            raise ValueError(
                f"this needs {self.dataset} test images and none are at hand; {datasets.advice(self.dataset)}"
            )
        return self.data

    def pictures(self, method: Any, units: Sequence[Unit]) -> UnitImages:
        """Run `method` on units of one layer, some at a time behind a progress bar; see `with_prior`.

        Every unit has random numbers of its own, so neither the grouping nor the other units matter, and those that
        the `cache` has are not drawn again.

        Raises
        ------
        ValueError
            If the model's images are none that can be drawn.
        """
        plot.check_picture(self.model.input_shape)
        method = self.with_prior(method)
        if self.cache is None or getattr(method, "prior", None) is not None:
            return self._drawn(method, units)
        source = Source(self.model, self.images, self.seed)
        return self.cache.pictures(source, method, units, lambda missing: self._drawn(method, missing))

    def _drawn(self, method: Any, units: Sequence[Unit]) -> UnitImages:
        """Pictures of `units`, of which several ranks share the parts."""
        together = method.together(self.model) if hasattr(method, "together") else 1  # drawn, asked for or not
        parts = unit_parts(units, current().size, together)
        title = f"{method.title}, {units[0].layer}"
        return UnitImages.join(
            over_ranks(
                lambda part: method(self.model, part, rng=make_rng(self.model.xp, self.seed), images=self.images),
                parts,
                lambda parts: self.progress(parts, title, len(parts)),
            )
        )

    def applicable(self, methods: Iterable[Any]) -> list[Any]:
        """Those of `methods` that this model and the images at hand allow, fitted."""
        return [method for method in map(self.fitted, methods) if method.why_not(self.model, self.images) is None]

    def fitted(self, method: Any) -> Any:
        """`method` with the `k` that the narrowest combined layer of a small model allows, and with a prior."""
        if isinstance(method, (FilterCombination, StrongestConnections)) and method.k is not None:
            return replace(method, k=min(method.k, *combined_inputs(self.model)))
        return self.with_prior(method)

    def with_prior(self, method: Any) -> Any:
        """`method` with the shipped DBN as its `prior`, if it takes one and the model, of the same data, is none."""
        if not self._lacks_prior(method):
            return method
        saved = checkpoint.load("pretrained", xp=self.model.xp)
        return replace(method, prior=saved.model) if saved.info["dataset"] == self.dataset else method

    def check_method(self, method: Any) -> None:
        """NotApplicable, with the remedy, unless this model and the images at hand allow `method`."""
        reason = method.why_not(self.model, self.images)
        if reason is None:
            return
        if self._lacks_prior(method):
            reason = (
                f"the DBN that ships with the package was trained on mnist, this network on {self.dataset}; train one "
                f"(dbnvis train) and give it as {type(method).__name__}(prior=...)"
            )
        elif self.lacks_images(method):
            reason = (
                f"{type(method).__name__} needs {self.dataset} training images and none are at hand; "
                f"{datasets.advice(self.dataset)}"
            )
        raise NotApplicable(reason)

    def lacks_images(self, method: Any) -> bool:
        """Whether training images, of which none are at hand, are all that `method` lacks."""
        if self.images is not None or method.why_not(self.model, None) is None:
            return False
        return method.why_not(self.model, self.model.xp.zeros((1, *self.model.input_shape))) is None

    def _lacks_prior(self, method: Any) -> bool:
        """Whether `method` takes a prior and has none, neither its own nor the model."""
        return getattr(method, "prior", method) is None and not fully_connected(self.model)

    def units(self, layer: str, n: int | None = None) -> list[Unit]:
        """The first `n` units of `layer`, or all."""
        size = self.model.layer_shape(layer)[0]
        return [Unit(layer, i) for i in range(size if n is None else min(n, size))]

    def captions(self, pictures: UnitImages) -> list[list[str]]:
        """Under every picture (U, S): its score and percentile, such as "12.3 87%"; 100% is above every image."""
        return [
            [_caption(score, percent) for score, percent in zip(*row, strict=True)]
            for row in zip(pictures.scores, percentiles(pictures, self.responses, self.model), strict=True)
        ]

    def rows(self, shown: Mapping[str, UnitImages | Array]) -> Rows:
        """Rows of a table, one for each picture of units in what a figure shows, with the numbers below it."""
        pictures = [value for value in shown.values() if isinstance(value, UnitImages)]
        return together(picture_rows(each, compared(each, self.responses, self.model)) for each in pictures)

    @property
    def whitened(self) -> bool:
        """Whether the data set's images are whitened photographs."""
        return self.dataset in datasets.DATASETS and datasets.DATASETS[self.dataset].whitened

    @property
    def signed(self) -> bool:
        """Whether pixels have no bounds: zero is mid-grey, and each tile is scaled by its largest |value|."""
        return self.within is None

    @property
    def within(self) -> tuple[float, float] | None:
        """The pixel values that are drawn black and white, the ends of the model's pixel range; None without bounds."""
        low, high = (float(x) for x in self.model.input_range)
        return (low, high) if math.isfinite(low) and math.isfinite(high) else None

    def panel(self, images: Array, symmetric: bool, columns: int, title: str = "", **keywords: Any) -> Panel:
        """Images or pictures of units (N, *input_shape) in the space that the figures show, and in their range."""
        return Panel(self.drawn(images), symmetric or self.signed, columns, title, within=self.within, **keywords)

    def drawn(self, images: Array) -> Array:
        """Pictures (..., H, W) in the space that the figures show."""
        return unwhiten(images) if self.unwhiten else images

    @property
    def heading(self) -> str:
        """What headings of pictures begin with."""
        return f"{self.subject}{', unwhitened' * self.unwhiten}{f', images: {self.other}' * bool(self.other)}"

    @property
    def subject(self) -> str:
        """Data set and model."""
        return ", ".join(filter(None, (self.dataset, self.label)))

    @property
    def label(self) -> str:
        """The model's name and the first digits of its hash: "digits-1a2b3c4d"; "" of a model without a file."""
        return "-".join(filter(None, (self.name, self.provenance.get("model_sha256", "")[:8])))

    def sheet_name(self, what: str, settings: Any = None) -> str:
        """Of a sheet of `what`, a file name that another model, seed or settings (None: the default) do not share."""
        return sheet_name(what, self.source, self.seed, settings)

    @property
    def source(self) -> str:
        """The model's `label`, and other data where images are of some, as a part of a file name."""
        on = f"on-{self.data.name}-{self.data.sha256[:6]}" if self.other and self.data else ""
        return "_".join(filter(None, (self.label, on)))

    def classes(self, n: int) -> list[str]:
        """Names of a classifier's first `n` classes, as its own data set has them; else their numbers."""
        return self.data.classes(n) if self.data is not None and not self.other else [str(i) for i in range(n)]

    @property
    def legend(self) -> str:
        """What captions mean, and in which space the pictures of a whitened data set are."""
        tests = f"{self.data.name} (other data)" if self.other and self.data else self.dataset
        return (
            f"Under a picture: the unit's pre-activation at the picture rescaled to norm {input_norm(self.model):.2f}, "
            f"the training images' mean, and the percentage of {tests} test images at this norm that activate the "
            f"unit less.{self.space}"
        )

    @property
    def space(self) -> str:
        """In which space the pictures of a whitened data set are, as a sentence to follow others; "" of other sets."""
        if self.unwhiten:
            return (
                " Pictures: luminance less its mean, through the inverse of the whitening filter; scores: of the "
                "whitened ones."
            )
        return " Pictures: whitened, as the network sees them." if self.whitened else ""

    def save(
        self,
        name: str,
        figure: Any,
        shown: Mapping[str, UnitImages | Array],
        table: Rows | None = None,
        **settings: Any,
    ) -> None:
        """Write `figure` as `<name>.png`, an unwhitened one as `<name>_unwhitened.png`, with manifest and arrays.

        `shown` is what the figure shows: pictures of units, whose settings go into the manifest, or arrays. If the
        writer is `tabled`, a table is written, too: `table`, by default the rows of the pictures.
        """
        if self.unwhiten:
            name, settings = f"{name}_unwhitened", {"unwhiten": True, **settings}
        arrays: dict[str, Array] = {}
        for key, value in shown.items():
            if isinstance(value, UnitImages):
                settings[key] = value.settings
                arrays |= value.arrays(key)
            else:
                arrays[key] = value
        if table is None and self.writer.tabled:
            table = self.rows(shown)
        self.writer.figure(name, figure, arrays, table or (), **self.facts, settings=settings)

    def save_table(self, name: str, rows: Sequence[dict[str, Any]], **settings: Any) -> None:
        """Write `rows`, of equal keys, as `<name>.csv` with its manifest."""
        self.writer.table(name, rows, **self.facts, settings=settings)

    @property
    def facts(self) -> dict[str, Any]:
        """What every manifest says of the data, the model and the seed."""
        facts = {"dataset": self.dataset, "model": self.name, "seed": self.seed, **self.provenance}
        return facts if "model_sha256" in facts else {**facts, "model_sha256": results.model_hash(self.model)}

    def check(self, name: str) -> None:
        """ValueError, before any work, if `<name>.png`, or page 1, is of another model or data and must stay."""
        for page in (name, f"{name}_1"):
            self.writer.check(self.writer.picture(f"{page}{'_unwhitened' * self.unwhiten}"), **self.facts)

    def check_table(self, name: str) -> None:
        """As `check`, of the table `<name>.csv`."""
        self.writer.check(self.writer.sheet(name), **self.facts)


def _caption(score: float, percent: float) -> str:
    """Score and percentile, or what there is of them."""
    if math.isnan(score):
        return ""
    return f"{score:.1f}" if math.isnan(percent) else f"{score:.1f} {rounded_down(percent)}%"
