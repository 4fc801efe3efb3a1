"""Do DBN and SDAE learn different filters? Networks of several seeds compared, each network counting once.

References
----------
Szekely & Rizzo (2013), "Energy statistics: a class of statistics based on distances".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from .. import plot
from ..backend import Array
from ..evaluate.complexity import log_spectrum
from ..figures.study import Study
from ..models.protocol import stacked
from ..plot.dashboard import Matrix
from ..results import Writer
from .inference import NetworksTest, energy_distance, networks_test
from .measures import Measure, printed
from .unit_pictures import AM, METHODS, unit_length
from .verdicts import three_decimals

DIFFER, LAYERS_DIFFER, RECIPES_DIFFER = "models differ", "layers of a model differ", "recipes differ"
#: What two sets of pictures (U, H, W) are compared by: the pictures, scaled to norm 1, and their log amplitude spectra,
#: which do not see where in the picture something is.
COMPARED = {"pictures": lambda x: unit_length(x.reshape(len(x), -1)), "log spectra": log_spectrum}

PAIRS = (
    "How far apart the optima of two networks are, white for the farthest pair. Look for two dark squares on the "
    "diagonal: they mean that networks of one family are alike, and the two families differ."
)


def best_optima(study: Study) -> dict[str, Array]:
    """The best optimum of each unit (U, *input_shape) by layer; of those that have one."""
    best = {}
    for layer in study.model.layer_names:
        images = study.pictures(METHODS[AM], study.units(layer)).images[:, 0]
        best[layer] = images[np.isfinite(images).reshape(len(images), -1).all(axis=1)]
    return best


def difference(best: dict[str, dict[str, Array]]) -> list[Measure]:
    """Energy distances between the optima of two networks, layer by layer; as yardsticks, between a network's layers.

    No test: two networks say nothing of what other networks of their recipes do; `recipes_differ` does.

    Parameters
    ----------
    best : dict of dict of array (U, H, W)
        By model, one or two, and layer: pictures of units.
    """
    compared = [
        (name, LAYERS_DIFFER, f"{a} and {b}", a, layers[a], layers[b])
        for name, layers in best.items()
        for a, b in pairwise(layers)
    ]
    for (a, lower), (b, upper) in combinations(best.items(), 2):
        common = [layer for layer in lower if layer in upper]
        compared += [("", DIFFER, f"{a} and {b}", layer, lower[layer], upper[layer]) for layer in common]
    return [
        Measure(name, claim, layer, f"energy distance of {what}", setting, energy_distance(seen_as(x), seen_as(y)))
        for name, claim, setting, layer, x, y in compared
        for what, seen_as in COMPARED.items()
    ]


def distances(networks: Sequence[Array], what: str) -> Array:
    """Energy distance of every pair of networks (N, N) between their pictures, each (U, H, W), seen as `COMPARED`."""
    points = [COMPARED[what](x) for x in networks]
    found = np.zeros((len(points), len(points)))
    for i, j in combinations(range(len(points)), 2):
        found[i, j] = found[j, i] = energy_distance(points[i], points[j])
    return found


def recipes_differ(layer: str, what: str, families: dict[str, int], test: NetworksTest) -> Measure:
    """A condition: two networks of different families are farther apart than two of either family."""
    names = " and ".join(f"{n} {family}" for family, n in families.items())
    within = zip(families, (test.first, test.second), strict=True)
    return Measure(
        "",
        RECIPES_DIFFER,
        layer,
        f"energy distance of {what}",
        names,
        value=test.between,
        low=test.low,
        high=test.high,
        least=test.least,
        null_is=", ".join(f"two {family} {three_decimals(d)}" for family, d in within),
        p_networks=test.p_value,
    )


def measure_recipes(writer: Writer, dataset: str, networks: dict[str, Sequence[Study]], **settings: Any) -> None:
    """Compare the networks of two families, each of several seeds: the table `networks.csv`, and a figure.

    Parameters
    ----------
    writer : Writer
    dataset : str
    networks : dict of sequence of Study
        By family; at least five of each, or no p-value can be small.
    settings : dict
        For the manifest.
    """
    families = {family: len(studies) for family, studies in networks.items()}
    best = [best_optima(study) for studies in networks.values() for study in studies]
    rows, charts, arrays = [], [], {}
    for what in COMPARED:
        line = []
        for layer in best[0]:
            d = distances([optima[layer] for optima in best], what)
            test = networks_test(d, next(iter(families.values())))
            arrays[f"{layer}.{what}"] = d
            rows.append(recipes_differ(layer, what, families, test))
            apart = f"{' x '.join(families)} {three_decimals(test.between)}"
            note = f"{apart}, {rows[-1].null_is}, p = {test.p_value:.3f}."
            line.append(Matrix(f"{layer}, {what}", note, "network", "network", np.maximum(d, 0) / max(d.max(), 1e-12)))
        charts.append(line)
    sizes = "-".join(str(n) for n in stacked(next(iter(networks.values()))[0].model).sizes)
    figure = plot.dashboard(
        charts,
        heading=f"{dataset}: {' and '.join(f'{n} networks {f}' for f, n in families.items())}, {sizes}",
        caption=PAIRS,
        key=f"A row and a column for each network, {', then '.join(families)}. Energy distance, on average 0 between "
        "sets of one distribution; black: 0 or, by chance, below. p-value: share of all divisions of the networks into "
        "two groups that lie at least as far apart.",
        heights=[2.0] * len(charts),
    )
    models = {
        f"{family} {i}": study.provenance for family, studies in networks.items() for i, study in enumerate(studies)
    }
    writer.figure("networks", figure, arrays, models=models, **settings)
    writer.table("networks", [printed(row) for row in rows], models=models, **settings)
