"""Figures from the data alone, in one command."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from ..backend.comm import on_first
from ..console import say
from ..report.plan import Plan
from ..train import CDConfig
from ..train.config import HIDDEN
from .options import EXAMPLES, Options, load_study, paper_page, train

if TYPE_CHECKING:
    from ..figures.study import Study

#: What is drawn, in this order.
DRAWN = ("health", "training", "fantasies", "combination", "am", "gibbs", "methods", "starts", "samples")
# A quick look:
IMAGES = 20_000  # training images
UPDATES = 600  # of each layer
FASTER = 2  # times the learning rate
FEW = 40  # units of a layer on a sheet, where the others show all
#: Its report, of units that its other figures show, too, sampled as they are.
QUICK = Plan(units=8, chains=60, burn_in=10, draws=2, thin=5, images=500, annealed=20, steps=(20, 100, 300))


def drawings(quick: bool) -> dict[str, Callable[[Study], None]]:
    """The figures by their names in the catalogue; fewer units and shorter chains where it is to be `quick`."""
    from ..catalogue import FIGURES
    from ..figures import sheets, side_by_side
    from ..figures.diagnosis import LONG_CHAINS
    from ..figures.generative import samples

    drawn = {name: FIGURES[name].draw for name in DRAWN}
    drawn["samples"] = samples.samples  # without the tempered chains, which take minutes
    if quick:
        drawn["samples"] = partial(samples.samples, n=2, chains=replace(LONG_CHAINS, burn_in=50, draws=5))
        methods = {"combination": sheets.COMBINATION, "am": sheets.MAXIMIZATION, "gibbs": sheets.SAMPLING}
        drawn |= {name: partial(sheets.all_units, method=m, name=name, n=FEW) for name, m in methods.items()}
        known = (sheets.SAMPLING, *side_by_side.SIDE_BY_SIDE[1:])  # the chains of the sheets, not longer ones
        drawn["methods"] = partial(side_by_side.methods_side_by_side, methods=known)
    return drawn


def shortened(config: CDConfig, n: int) -> CDConfig:
    """`config` for about `UPDATES` updates on `n` images: as the rate falls to zero anyway, it may begin higher."""
    epochs = round(UPDATES / max(1, n // config.batch_size))
    return replace(config, epochs=min(epochs, config.epochs), learning_rate=FASTER * config.learning_rate)


@dataclass
class Clock:
    """Seconds of each stage."""

    stages: dict[str, float] = field(default_factory=dict)
    last: float = field(default_factory=time.perf_counter)

    def done(self, stage: str) -> None:
        now = time.perf_counter()
        self.stages[stage], self.last = now - self.last, now

    def __str__(self) -> str:
        whole = {**self.stages, "in all": sum(self.stages.values())}
        return "\n".join(f"{seconds:7.1f} s  {stage}" for stage, seconds in whole.items())


@dataclass(frozen=True)
class Reproduce(Options):
    """From the data to pictures of every hidden unit, in one command: data, training, all figures, a report."""

    paper: Literal["none", "erhan2009"] = "none"
    """erhan2009: instead, the page of Erhan, Bengio, Courville & Vincent (2009): a DBN and a denoising autoencoder, of
    digits and of patches of photographs, the paper's figures, and its claims tested. Takes about an hour."""
    examples: int = EXAMPLES
    """Of --paper: deformed digits that the models of digits are trained on, each shown once to every layer."""
    quick: bool = False
    """A first look in about a minute: a third of the data, few epochs at twice the rate, fewer units, shorter
    chains; in a folder of its own."""
    resume: bool = False
    """Go on from an interrupted training; keep a finished model, and of --paper what was made of finished models."""

    shared: ClassVar[bool] = True

    def run(self) -> None:
        if self.paper != "none" and self.quick:
            raise ValueError("--paper has no --quick; give fewer --examples, such as 100000")
        if self.paper == "none" and self.examples != EXAMPLES:
            raise ValueError("--examples belongs to --paper; to train on deformed digits: dbnvis train --examples")
        clock = Clock()
        written = self._model(clock) if self.paper == "none" else self._page(clock)
        for path in written:
            if path.suffix == ".png":
                print(f"figure   {path}")
        print("Beside each figure lie its settings (.json) and its arrays (.npz).\n")
        print(clock)

    def _model(self, clock: Clock) -> list[Path]:
        """One DBN and everything about its units."""
        from ..catalogue import FIGURES
        from ..figures.picture_cache import PictureCache
        from ..report.mailing import write_report

        data = self.load()
        folder = self.out / data.name
        config = CDConfig()
        if self.quick:
            data, folder = data.first(IMAGES), self.out / f"{data.name}-quick"
            config = shortened(config, len(data.train_images))
        clock.done(f"data: {data.name}, {len(data.train_images)} training images")
        model = train(self, data, HIDDEN, config, folder, self.resume)
        clock.done(f"training: {config.epochs} epochs a layer")
        writer = self.writer(folder.name)
        study = replace(load_study(self, str(model), data), writer=writer, cache=PictureCache())
        for entry, draw in drawings(self.quick).items():
            draw(replace(study, writer=replace(writer, entry=entry)))
            clock.done(f"figure {entry}" if self.quick else FIGURES[entry].shows)  # which says how many units
        write_report(study, QUICK if self.quick else Plan(), replace(writer, entry="report"), "report")
        clock.done("a report that one can mail")
        print(f"\nmodel    {model}\nreport   {writer.page('report')}")
        return writer.written

    def _page(self, clock: Clock) -> list[Path]:
        """The page of a paper, stage by stage."""
        from ..erhan2009.stages import stages

        with paper_page(self, self.examples, resume=self.resume) as page:
            clock.done(f"data: {page.digits.name}, {page.patches.name}")
            steps = stages(page)
            if not self.overwrite:
                for stage in steps:
                    stage.check(page)
            for stage in steps:
                try:
                    if self.resume and on_first(partial(stage.done, page)):
                        clock.done(f"{stage.name} (kept)")
                        continue
                    stage.make()
                except KeyboardInterrupt:
                    say(f"stopped in {stage.name}; the same command with --resume goes on from there")
                    raise
                clock.done(stage.name)
        print(f"\npage     {page.out / 'README.md'}")
        return page.writer.written
