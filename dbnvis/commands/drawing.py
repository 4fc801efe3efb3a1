"""The command that draws figures of the catalogue."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

import tyro

from ..backend import device_module
from ..console import EpochBars, progress, say
from .options import EXAMPLES, ModelOptions, load_study, loaded, paper_page

if TYPE_CHECKING:
    from ..results import Writer


@dataclass(frozen=True)
class Figure(ModelOptions):
    """Draw figures and tables of the catalogue, by name; --list shows them all."""

    names: tyro.conf.Positional[tuple[str, ...]] = ()
    """Names of figures, such as am or tsne_units."""
    list: bool = False
    """List the figures: what each shows, and after whom."""
    model: str = ""
    """A checkpoint (model.npz of a training), or pretrained or convnet: a model shipped with the package. Default: the
    shipped one that the figure is of."""
    examples: int = EXAMPLES
    """Of the page of Erhan et al. (2009): deformed digits that its models of digits are trained on."""

    same_again: ClassVar[frozenset[str]] = ModelOptions.same_again - {"list"}

    shared: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.names:
            return
        from ..catalogue import FIGURES
        from ..checkpoint import SHIPPED

        check_names(self.names)
        for name in self.names:
            if self.model and FIGURES[name].of not in SHIPPED:
                raise ValueError(f"the figure {name} is of no single model; leave --model out")

    def run(self) -> None:
        if self.list or not self.names:
            print(listing())
            return
        for name in self.names:
            for path in self._draw(name):
                print(path)

    def _draw(self, name: str) -> Sequence[object]:
        """Draw one figure; what was written."""
        from ..catalogue import FIGURES
        from ..models.protocol import Spatial
        from ..runs.workspace import Workspace

        figure = FIGURES[name]
        command = replace(self, names=(name,)).command

        def named(writer: Writer) -> Writer:
            return replace(writer, entry=name, command=command)

        def writer_of(dataset: str) -> Writer:
            return named(self.writer(dataset, figure.folder or "figures", figure.folder or "tables"))

        if figure.trains:
            say(f"{name}: trains first, about {figure.trains}, what is not there yet; Ctrl-C stops, the same goes on")
        if figure.of == "page":
            with paper_page(self, self.examples, resume=True) as page:
                page = replace(page, writer=named(page.writer))
                figure.draw(page)
            return page.writer.written
        if figure.of == "data":
            data = self.load()
            with closing(EpochBars()) as bars:
                space = Workspace(
                    data,
                    writer_of(data.name),
                    self.seed,
                    device_module(self.device),
                    progress=progress,
                    on_epoch=bars,
                    load=lambda name: loaded(name, None),
                )
                figure.draw(space)
            return space.writer.written
        model = self.model or figure.of
        study = load_study(self, model)
        if figure.of == "convnet" and not isinstance(study.model, Spatial):
            raise ValueError(f"this figure is of a convolutional network, and {model} is none; try --model convnet")
        study = replace(study, writer=writer_of(study.dataset))
        figure.draw(study)
        return study.writer.written


def check_names(names: Sequence[str]) -> None:
    """ValueError unless the catalogue has figures of these names; it lists the nearest first."""
    from ..catalogue import FIGURES

    for name in names:
        if name not in FIGURES:
            nearest = get_close_matches(name, FIGURES, n=len(FIGURES), cutoff=0)
            raise ValueError(
                f"no figure {name!r}; the nearest are {', '.join(nearest[:4])}; dbnvis figure --list shows all"
            )


def listing() -> str:
    """The catalogue: a name, what it shows, after whom and of what, a figure each."""
    from ..catalogue import FIGURES

    kinds = {
        "pretrained": "Of a deep belief network (default: the shipped one)",
        "convnet": "Of a convolutional network (default: the shipped one)",
        "data": "Of a data set, or of networks that are trained for it",
        "page": "Of the page of Erhan et al. (2009): dbnvis reproduce --paper erhan2009 draws all",
    }
    width = max(map(len, FIGURES)) + 4
    blocks = []
    for of, title in kinds.items():
        lines = [title]
        for name, figure in FIGURES.items():
            if figure.of == of:
                notes = "; ".join(
                    filter(None, (figure.after, figure.trains and f"trains first, about {figure.trains}"))
                )
                text = f"{f'  {name}':{width}}{figure.shows}{f' ({notes})' * bool(notes)}"
                lines.append(textwrap.fill(text, 110, subsequent_indent=" " * width, drop_whitespace=True))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
