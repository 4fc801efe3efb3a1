"""The page of the comparison says what its tables say."""

import csv
import re
from pathlib import Path

import pytest

import dbnvis

RESULTS = Path(dbnvis.__file__).parents[1] / "results" / "comparison"
pytestmark = pytest.mark.skipif(not RESULTS.is_dir(), reason="the package is installed, not a checkout")

AM, COMBINATION, TOP = "activation maximization", "linear combination of filters", "mean of the top images"
NEAREST, WEIGHTED = f"{TOP}, single pictures", "model samples weighted by the unit's response"
GIBBS, BEST, MEAN = "clamped Gibbs sampling", "best linear template", "mean image"
#: Columns of the page's table; of samples the first that a model has.
COLUMNS = [
    [(AM, "1")],
    [(COMBINATION, "1")],
    [("regularized optimization", "1")],
    [(TOP, "1")],
    [(NEAREST, "9")],
    [(GIBBS, "1"), (WEIGHTED, "1")],
    [(BEST, "1")],
]


def read(name):
    with (RESULTS / "tables" / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def means():
    """{place: {(method, pictures): row}}."""
    found = {}
    for row in read("methods.csv"):
        place = " ".join(filter(None, (row["model"], row["layer"], row["position"])))
        found.setdefault(place, {})[row["method"], row["pictures"]] = row
    return found


@pytest.fixture(scope="module")
def page():
    return (RESULTS / "README.md").read_text()


def said(page, pattern):
    """The numbers that the page has in the places `{}` of a sentence."""
    words = re.sub(r"\\?\s+", r"\\s+", re.escape(pattern)).replace(r"\{\}", r"(-?\d+(?:\.\d+)?)")
    (found,) = re.findall(words, page)
    return [float(x) for x in ([found] if isinstance(found, str) else found)]


def rank(means, place, method, pictures="1", column="rank"):
    return float(means[place][method, pictures][column])


def test_the_table_of_the_page_has_every_row_of_the_table(means, page):
    lines = {}
    for line in page.splitlines():
        first, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        if first in means:
            lines[first] = cells
    assert list(lines) == list(means)
    for place, cells in lines.items():
        rows = [next((means[place][key] for key in keys if key in means[place]), None) for keys in COLUMNS]
        assert cells == ["" if row is None else f"{float(row['rank']):.2f}" for row in rows]


def test_the_combination_is_ahead_in_as_many_layers_as_the_page_says(means, page):
    upper = [place for place in means if "convnet" not in place and not place.endswith(" h1")]
    assert len(upper) == 11
    ahead = []
    for place in upper:
        rivals = {
            method: row
            for (method, n), row in means[place].items()
            if n == "1" and method not in (BEST, MEAN) and "single" not in method
        }
        best = max(rivals, key=lambda method: float(rivals[method]["rank"]))
        apart = all(float(row["behind_low"]) > 0 for method, row in rivals.items() if method != best)
        if best == COMBINATION and apart:
            ahead.append(place)
    assert len(ahead) == 10 and "In ten of them" in page
    assert set(upper) - set(ahead) == {"digits SDAE h2"}
    for place in set(upper) - set(ahead):
        row = means[place][COMBINATION, "1"]
        assert float(row["behind_low"]) <= 0 <= float(row["behind_high"])


def test_numbers_in_sentences_are_those_of_the_table(means, page):
    h3, dense = "digits DBN h3", ("digits convnet conv2 mean", "digits convnet dense1", "digits convnet output")
    row = means[h3][AM, "1"]
    assert said(page, "it is {} against {} (difference {} to {})") == pytest.approx(
        [rank(means, h3, COMBINATION), rank(means, h3, AM), float(row["behind_low"]), float(row["behind_high"])],
        abs=0.0051,
    )
    assert said(page, "reaches only {} of what") == pytest.approx(
        [rank(means, h3, COMBINATION, column="gain")], abs=0.0051
    )
    spans = said(
        page,
        "the combination has {} to {}, the optimum {} to {}, the mean of the top images {} to {}. The nearest of "
        "nine training images has {} to {}.",
    )
    wanted = []
    for method, n in ((COMBINATION, "1"), (AM, "1"), (TOP, "1"), (NEAREST, "9")):
        values = [rank(means, place, method, n) for place in dense]
        wanted += [min(values), max(values)]
    assert spans == pytest.approx(wanted, abs=0.0051)
    behind = [means[place][NEAREST, "9"] for place in dense]
    assert [float(row["behind_high"]) < 0 for row in behind] == [True, False, True]
    output = dense[-1]
    assert said(page, "the nearest of nine weighted samples does as well ({})") == pytest.approx(
        [rank(means, output, f"{WEIGHTED}, single pictures", "9")], abs=0.0051
    )
    assert said(page, "told apart by the nine images in {} % of the pairs, by the optimum in {} %") == pytest.approx(
        [100 * rank(means, output, NEAREST, "9", "choice"), 100 * rank(means, output, AM, column="choice")], abs=0.51
    )
    values = [rank(means, place, BEST) for place in dense]
    assert said(page, "The best linear template predicts {} to {} there") == pytest.approx(
        [min(values), max(values)], abs=0.0051
    )
    others = {place: rank(means, place, BEST) for place in means if place not in dense}
    low = others.pop("patches DBN h3")
    assert said(page, "but for h3 of the DBN of patches ({})") == pytest.approx([low], abs=0.0051)
    assert min(others.values()) >= 0.795
    assert said(
        page, "one sample has {}, the nearest of nine {}; one top image {}, the nearest of nine {}"
    ) == pytest.approx(
        [
            rank(means, h3, *key)
            for key in (
                (f"{GIBBS}, single pictures", "1"),
                (f"{GIBBS}, single pictures", "9"),
                (NEAREST, "1"),
                (NEAREST, "9"),
            )
        ],
        abs=0.0051,
    )
    upper = [f"digits {model} {layer}" for model in ("DBN", "SDAE") for layer in ("h2", "h3")]
    pictures = ((GIBBS, "1"), (WEIGHTED, "1"), (TOP, "1"), (NEAREST, "9"))
    values = [rank(means, place, *key) for place in upper for key in pictures if key in means[place]]
    assert said(page, "{} to {} above the first layer of digits' DBN and SDAE") == pytest.approx(
        [min(values), max(values)], abs=0.0051
    )
    tables = sorted((RESULTS / "tables").glob("units_*.csv"))
    values = [float(row["rank_another_units"]) for table in tables for row in read(table.name)]
    assert len(tables) == 6 and said(page, "on average ({}), but its size is {}") == pytest.approx(
        [sum(values) / len(values), sum(map(abs, values)) / len(values)], abs=0.0051
    )
    assert said(
        page, "in dense1 of the convnet the combination has {}, the nearest of nine images {}"
    ) == pytest.approx(
        [
            rank(means, dense[1], COMBINATION, column="rank_product"),
            rank(means, dense[1], NEAREST, "9", "rank_product"),
        ],
        abs=0.0051,
    )


def test_numbers_of_random_weights_are_those_of_the_claims(page):
    with (RESULTS.parent / "erhan2009" / "mnist" / "tables" / "claims.csv").open(newline="") as file:
        rows = {
            row["setting"]: row
            for row in csv.DictReader(file)
            if (row["model"], row["layer"], row["quantity"]) == ("DBN", "h3", "predictiveness")
        }
    wanted = [float(rows[x][key]) for x in ("combination", "top images") for key in ("value", "random_weights")]
    assert said(page, "the combination falls from {} to {}, the top images from {} to {}.") == pytest.approx(
        wanted, abs=0.0051
    )


def test_sentences_on_settings_are_those_of_the_table(page):
    table = {}
    for row in read("settings.csv"):
        table.setdefault((row["model"], row["layer"]), {})[row["setting"], row["value"]] = float(row["rank"])
    of = table["digits DBN", "h3"]
    assert said(
        page, "{} with one filter of every layer, {} with the 100 of Erhan et al., {} with all"
    ) == pytest.approx([of["k", value] for value in ("1", "100", "all")], abs=0.0051)
    upper = [of for (_, layer), of in table.items() if layer != "h1"]
    assert len(upper) == 8 and all(of["k", "all"] > of["k", "100"] for of in upper)
    norms = {place: [table[place]["norm", value] for value in ("0.25", "1")] for place in table if "SDAE" in place[0]}
    (h2, h3), (digits_h2, digits_h3) = (
        [norms[f"{subject} SDAE", layer] for layer in ("h2", "h3")] for subject in ("patches", "digits")
    )
    assert said(page, "at the norm: {} and {} in h2, {} and {} in h3,") == pytest.approx([*h2, *h3], abs=0.0051)
    assert said(page, "it does not: {} and {} in h2, {} and {} in h3.") == pytest.approx(
        [*digits_h2, *digits_h3], abs=0.0051
    )
    whole = [table["patches SDAE", layer]["k", "all"] for layer in ("h2", "h3")]
    assert said(page, "nearly as well as the combination of all filters ({}, {})") == pytest.approx(whole, abs=0.0051)
    assert all(
        0 <= all_filters - small < 0.03 < small - usual
        for (small, usual), all_filters in zip((h2, h3), whole, strict=True)
    )
    assert all(small < usual + 0.005 for small, usual in (digits_h2, digits_h3))
    apart = max(abs(of["starts", "1"] - of["starts", "27"]) for of in upper)
    assert said(page, "they differ by at most {} in any layer") == pytest.approx([apart], abs=0.0005)
