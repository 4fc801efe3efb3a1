"""Pages made once for all workers, one browser for each, and a context for every test."""

import json
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from chromium import CHROMIUM, COUNT_VIOLATIONS, FLAGS, sync_playwright, wait_ready
from filelock import FileLock
from one_of_each import families, study_of

from dbnvis.figures.opening import open_study
from dbnvis.web import unit_atlas
from dbnvis.web.assemble import page as assemble
from dbnvis.web.assemble import payload
from dbnvis.web.document import document
from dbnvis.web.lessons_page import lessons_page

#: The pictures of units on the pages, which take no time to draw.
QUICK = ("combination", "top-images")


def make(folder):
    """Pages of the shipped models without MNIST, of small models of every family, and of one with a weight of NaN."""
    with pytest.MonkeyPatch.context() as patch:
        fetch = sys.modules["dbnvis.datasets.fetch"]
        patch.setattr(fetch, "roots", lambda data_dir=None: iter([Path(data_dir or folder / "nowhere")]))
        patch.setattr(unit_atlas, "VISUALIZERS", {key: unit_atlas.VISUALIZERS[key] for key in QUICK})
        shipped = [open_study(name, None, out=folder, seed=0, xp=np) for name in ("pretrained", "convnet")]
        small = [study_of(model, folder, name=name) for name, model in families().items()]
        for name, studies in {"shipped": shipped, "small": small}.items():
            made = assemble(studies, [folder / "atlas"] * len(studies), say=lambda words: None)
            (folder / f"{name}.html").write_bytes(made.content)
        header, blobs = payload(small[:1], [folder / "atlas"], say=lambda words: None)
    name = next(layer["W"] for layer in header["models"][0]["network"] if "W" in layer)
    rows, columns = header["blobs"][name]["shape"]
    packer = zlib.compressobj(wbits=-15)
    broken = packer.compress(b"\0" * rows * columns + b"\x7e" * rows * columns) + packer.flush()  # 0x7e00 is NaN
    (folder / "broken.html").write_bytes(document(header, {**blobs.content, name: broken}).content)


@pytest.fixture(scope="session")
def pages(tmp_path_factory, worker_id):
    """The folder of shipped.html, small.html and broken.html, which the first worker makes."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "pages"
    folder.mkdir(exist_ok=True)
    with FileLock(folder / "lock"):
        if not (folder / "done").exists():
            make(folder)
            (folder / "done").touch()
    return folder


@pytest.fixture(scope="session")
def chromium():
    """A browser, which is started once."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


class Opener:
    """Opens pages in contexts of their own, and keeps what they ask for and complain of."""

    def __init__(self, browser, folder):
        self.browser, self.folder, self.contexts = browser, folder, []
        self.requests, self.complaints = [], []

    def __call__(self, name="shipped", hash_="", *, ready="yes", init="", permissions=(), url=None, **options):
        """The page, once it is ready, or has said why it cannot start (ready="no").

        `init` is a script that runs before the page's own; `options` are those of playwright's contexts.
        """
        context = self.browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.contexts.append(context)
        context.grant_permissions(list(permissions))
        context.on("request", lambda request: self.requests.append(request.url.partition("#")[0]))
        context.add_init_script(COUNT_VIOLATIONS + init)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        address = url or (self.folder / f"{name}.html").as_uri()
        self.address = address
        page.goto(f"{address}{hash_}")
        wait_ready(page, ready)
        return page

    def close(self):
        violations = []
        for context in self.contexts:
            for page in context.pages:
                violations += page.evaluate("window.violations")
            context.close()
        assert not self.complaints and not violations, (self.complaints, violations)


@pytest.fixture
def opened(chromium, pages):
    """Opens a page; afterwards none may have asked for anything but itself, or complained."""
    yield from closing(Opener(chromium, pages))


@pytest.fixture
def lesson(chromium, tmp_path):
    """Opens the page of lessons, and asks of it the same."""
    (tmp_path / "lessons.html").write_bytes(lessons_page().content)
    yield from closing(Opener(chromium, tmp_path))


def closing(opener):
    yield opener
    addresses = {url for url in opener.requests if not url.startswith(("blob:", "data:"))}
    opener.close()
    assert len(addresses) <= len(opener.contexts), addresses
    assert all(url.endswith((".html", "/")) for url in addresses), addresses


@pytest.fixture(scope="session")
def strokes():
    """Recorded strokes of five digits, in hundredths of the pad's side."""
    return json.loads((Path(__file__).parent / "strokes.json").read_text())
