"""Infinite MNIST: four digits and 35 deformations of each, by index."""

import sys

import numpy as np

from dbnvis import plot, results
from dbnvis.cli import run_script
from dbnvis.commands import Options
from dbnvis.datasets import infinite

LEGEND = """Framed: a training image as it is. Then 35 of its 134 deformations: two of 1,522 smooth fields displace it
along both axes, to first order, and most are shifted by a pixel, too. Which, is the published function of the index
(Loosli, Canu & Bottou 2007); the fields are rebuilt, sigma {sigma:g} and alpha {alpha:g} (Simard et al. 2003)."""


class Figure(Options):
    def run(self) -> None:
        data, first, columns = self.load(), [""] * 36, 6
        digits, first[0] = infinite.InfiniteDigits(data), plot.ORANGE
        index = digits.n_test + np.array([np.flatnonzero(data.train_labels == c)[0] for c in (2, 4, 5, 8)])
        index = index[:, None] + digits.n_train * np.arange(36)  # (4, 36)
        images = digits.images(index.ravel()).reshape(*index.shape, *digits.shape)
        panels = [
            plot.Panel(tiles, False, columns, title=f"indices {row[0]} + {digits.n_train} n", frames=first)
            for tiles, row in zip(images, index, strict=True)
        ]
        fields = {"sigma": infinite.SIGMA, "alpha": infinite.ALPHA}
        figure = plot.sheet(panels, heading=f"{data.name}, deformed without end", legend=LEGEND.format(**fields))
        facts = {"indices": index.tolist(), "fields": {**fields, "seed": infinite.SEED}, "data_sha256": digits.sha256}
        manifest = {"dataset": data.name, **facts, "versions": results.versions("numpy")}
        path, arrays = self.out / data.name / "figures" / "infinite.png", {"images": images}
        print(*results.save_artefact(path, lambda p: plot.save(figure, p), manifest=manifest, arrays=arrays), sep="\n")


if __name__ == "__main__":
    sys.exit(run_script(__doc__, Figure))
