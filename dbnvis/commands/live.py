"""Commands that make the live page: as a file, or served to a browser on this machine."""

from __future__ import annotations

import os
import signal
import webbrowser
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import tyro

from ..console import progress, say
from .one_file import check_file, write_page
from .options import ModelOptions, load_study

if TYPE_CHECKING:
    from ..web.document import Document


@dataclass(frozen=True)
class PageOptions(ModelOptions):
    """Options of commands that make a page."""

    writes: ClassVar[bool] = False
    same_again: ClassVar[frozenset[str]] = ModelOptions.same_again | {"cache"}

    model: tuple[str, ...] = ("pretrained", "convnet")
    """Models of the page, the first of which is shown first: checkpoints (model.npz of a training), or models shipped
    with the package: pretrained, convnet."""
    size: Literal["full", "mail"] = "full"
    """full: every unit's pictures, weights in 16 bits; mail: at most 2.5 MB, 36 units of each layer, weights in 8."""
    cache: Path | None = None
    """Folder where pictures of units are kept. If not given, atlas/ beside the model; of a shipped model, a
    folder in the user's cache."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.model:
            raise ValueError("--model names no model; give one, or leave the option out for both shipped ones")
        twice = [name for name in self.model if self.model.count(name) > 1]
        if twice:
            raise ValueError(f"--model names {twice[0]} twice; a page shows each model once")

    def page(self) -> Document:
        """The page; what is drawn for the first time is kept, also if Ctrl-C stops the rest."""
        from ..web.assemble import page

        own = {field.name for field in fields(PageOptions)}
        command = Page(**{name: getattr(self, name) for name in own - {"out"}}).command
        studies, folders = [], []
        data = None
        for name in self.model:
            study = load_study(self, name, data)
            data = study.data if self.dataset != "auto" else None
            studies.append(replace(study, progress=partial(progress, least=1)))
            folders.append(self.cache or _beside(name))
        return page(studies, folders, size=self.size, command=command, say=say)


def _beside(model: str) -> Path:
    """Where pictures of a model's units are kept: beside it, or in the user's cache."""
    from ..checkpoint import SHIPPED
    from ..datasets.fetch import cache as user_cache

    folder = Path(model).absolute().parent
    shipped = model in SHIPPED or not os.access(folder, os.W_OK)
    return (user_cache() if shipped else folder) / "atlas"


@dataclass(frozen=True)
class Page(PageOptions):
    """Write the live page: one HTML file in which every layer answers while one draws, without a network."""

    out: Annotated[Path, tyro.conf.arg(aliases=("-o",))] = Path("page.html")
    """The file. One that is there is replaced with --overwrite alone."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_file(self.out, "page.html")

    def run(self) -> None:
        write_page(self.out, self.page, overwrite=self.overwrite)


@dataclass(frozen=True)
class Live(PageOptions):
    """Serve the live page to the browser of this machine, at an address of its own; Ctrl-C stops it."""

    port: int = 8765
    """Port of the address; 0: any that is free."""
    browser: bool = True
    """Open the page in a browser."""
    lan: bool = False
    """Let every machine of the network have the page, too: it holds the models' weights and some images of the data."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.port < 65536:
            raise ValueError(f"--port is a number from 0 to 65535, got {self.port}")

    def run(self) -> None:
        from ..web.serve import ANYWHERE, LOOPBACK, PageServer, check_port

        host = ANYWHERE if self.lan else LOOPBACK
        check_port(host, self.port)  # before the page is made, which may take minutes
        with PageServer(self.page(), host, self.port) as server:
            if self.lan:
                say(
                    f"every machine that reaches this one can open the page at port {server.server_port}, with the "
                    "models' weights and the images in it; nothing else is served, and nothing is sent here"
                )
            print(server.address, flush=True)
            say("Ctrl-C stops")
            if self.browser and not webbrowser.open(server.address):
                say("no browser was found; open the address by hand")
            try:
                server.serve_forever()
            except KeyboardInterrupt as stop:
                if stop.args and stop.args[0] != signal.SIGINT:
                    raise
                say("stopped")
