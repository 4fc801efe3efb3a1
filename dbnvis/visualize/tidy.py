"""Pictures of units as a tidy table, a row for each picture: the one definition of its columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ..backend import Array, array_module, to_numpy
from ..display import Rows
from ..evaluate.predictiveness import FEWEST, unit_predictiveness
from ..evaluate.scores import Responses
from ..models.protocol import Model
from ..models.units import Unit, as_units

if TYPE_CHECKING:
    from .visualizer import UnitImages

#: Of a table of several models: whose picture it is. These columns come first.
MODEL = {
    "model": "name of the model, and the first digits of its hash",
    "model_sha256": "hash of the model's parameters",
    "dataset": "the data that the model was trained on",
}
#: Where a unit is.
UNIT = {
    "unit": "its address, such as h3:17 or conv2:5@3,4",
    "layer": "its layer",
    "index": "its number in the layer, from 0; of a layer of maps the channel",
    "position": "of a channel: row,column, or mean; empty at the centre of the map, and in a dense layer",
}
#: What every table of pictures has.
PICTURE = {
    **UNIT,
    "method": "the method's name, as in the manifest and the .npz",
    "picture": "number of the picture, from 0, the method's own; the others are single starts, samples or images",
    "role": "what the picture is: best, start; mean, chain, draw, image; sum; filter; optimum, path",
    "score": "the unit's pre-activation at the picture, rescaled to the mean norm of the training images",
    "percentile": "percentage of test images, at this norm, that activate the unit less; empty where not measured",
    "predictiveness": "rank correlation, over test images, of the unit's response and the cosine of image and picture",
    "choice": "share of pairs of a strong and an ordinary test image in which the strong one is more like the picture",
    "norm": "Euclidean norm of the picture itself",
    "note": "a word on the unit where it needs one, such as dead",
}
BY_IMAGES = ("percentile", "predictiveness", "choice")  # of these, what test images say of a picture
#: One number a unit, in `UnitImages.extras`. Others of one axis follow, by their own names.
MEASURED = {
    "mixing": "R of the chains: potential scale reduction of all hidden units",
    "slowest": "R of the slowest hidden units",
    "tau": "autocorrelation time of the chains, in sweeps, of evidence sampling in proposals",
    "ess": "independent draws that all states are worth",
    "distance": "difference of mode shares between chains from data and from noise",
    "start_p": "p-value: probability of this difference if the start is forgotten",
    "acceptance": "share of the proposals that were accepted",
    "evidence": "mean response, sigmoid(beta a), of the draws",
}
#: Two numbers a unit, as two columns.
PAIRS = {
    "visited": ("visited", "visited_other"),
    "p_on": ("p_on", "p_on_annealed"),
    "p_on_error": ("p_on_error", "p_on_annealed_error"),
}
OF_PAIRS = {
    "visited": "share of the modes that the chains visit",
    "visited_other": "the same of the chains from the other start",
    "p_on": "probability that the unit is on, from free chains",
    "p_on_annealed": "the same from partition functions",
    "p_on_error": "standard error of p_on",
    "p_on_annealed_error": "standard error of p_on_annealed",
}
#: One number a picture; where there is one fewer than pictures, of those after the first.
OF_PICTURE = {
    "links": "link of the filter to the unit",
    "covered": "share of all links that the filters up to here have",
    "filters": "number of the filter in the first layer",
    "rows": "number of the training image",
    "best": "step of the ascent that gave the picture, from 0",
    "restarts": "how often the start began again",
    "angle": "degrees from the optimum, negative on the one way",
}
#: Every column of a table of pictures and what it means, in order.
COLUMNS = {**MODEL, **PICTURE, **MEASURED, **OF_PAIRS, **OF_PICTURE}
#: Of a table of one image through all views: a row for each unit or class that is shown.
EXPLAINED = {
    **UNIT,
    "role": "class; unit; total, of the most active channel; nearest, unusually active",
    "probability": "of a class",
    "response": "pre-activation at the image; of a total the sum of the channel's activations",
    "change": "largest change of the response, with its sign, while a patch is hidden",
    "standard": "standard deviations of the response above its mean over test images",
    "percentile": "percentage of test images with a smaller response",
}

WORDS = {"unit", "layer", "position", "method", "role", "note", *MODEL}  # columns that hold no numbers


def address(unit: Unit) -> dict[str, Any]:
    """The columns `UNIT` of a unit."""
    at = unit.position
    position = at if isinstance(at, str) else ",".join(map(str, at or ()))
    return {"unit": str(unit), "layer": unit.layer, "index": unit.index, "position": position}


def compared(pictures: UnitImages, responses: Responses, model: Model | None = None) -> dict[str, Array]:
    """Of every picture what test images say of it, (U, S) each, NaN where nothing is known.

    Parameters
    ----------
    pictures : UnitImages
    responses : Responses
        What images do to the units of `model`.
    model : Model, optional
        Default: the responses' own.

    Returns
    -------
    dict of array (U, S)
        percentile: percentage of images that activate the unit less; predictiveness and choice
        (`evaluate.predictiveness.unit_predictiveness`), where there are images.

    Raises
    ------
    KeyError, ValueError
        If the model has no such layer or unit.
    """
    return {"percentile": percentiles(pictures, responses, model), **predictions(pictures, responses)}


def percentiles(pictures: UnitImages, responses: Responses, model: Model | None = None) -> Array:
    """The first of `compared`."""
    model = responses.model if model is None else model
    if model is None:
        raise ValueError("these responses do not name their model; make them by Responses.of(model, images)")
    layer, numbers = as_units(model, pictures.units)
    return to_numpy(responses.percentile(layer, numbers, model.xp.asarray(pictures.scores)))


def predictions(pictures: UnitImages, responses: Responses) -> dict[str, Array]:
    """The others of `compared`, of the responses' own model; none where there are not images enough."""
    if responses.model is None or responses.images is None or len(responses.images) < FEWEST:
        return {}
    found = unit_predictiveness(responses, *as_units(responses.model, pictures.units), pictures.images)
    return {"predictiveness": to_numpy(found.rank), "choice": to_numpy(found.choice)}


def picture_rows(pictures: UnitImages, told: Mapping[str, Array] | None = None) -> Rows:
    """A row for each picture of each unit, of the columns `COLUMNS`; None stands for a number that is not known.

    Parameters
    ----------
    pictures : UnitImages
    told : dict of array (U, S), optional
        What test images say of every picture (`compared`).

    Raises
    ------
    ValueError
        If it is not said of which units the pictures are.
    """
    n_units, n_pictures = pictures.scores.shape
    if len(pictures.units) != n_units:
        raise ValueError(f"a table needs the unit of every picture; got {len(pictures.units)} units of {n_units}")
    xp = array_module(pictures.images)
    squares = pictures.images.astype("float64") ** 2
    norms = xp.sqrt(squares.sum(axis=tuple(range(2, squares.ndim)))).tolist()
    scores, measured = pictures.scores.tolist(), _measured(pictures)
    unknown = [[None] * n_pictures] * n_units
    by_images = {name: told[name].tolist() if told and name in told else unknown for name in BY_IMAGES}
    own, others = pictures.roles
    return Rows(
        {
            **address(unit),
            "method": pictures.settings.get("method", ""),
            "picture": s,
            "role": others if s else own,
            "score": _known(scores[u][s]),
            **{name: _known(values[u][s]) for name, values in by_images.items()},
            "norm": _known(norms[u][s]),
            "note": pictures.notes[u] if pictures.notes else "",
            **{name: _known(values[u][s]) for name, values in measured.items()},
        }
        for u, unit in enumerate(pictures.units)
        for s in range(n_pictures)
    )


def _measured(pictures: UnitImages) -> dict[str, list[list[Any]]]:
    """Values (U, S) of what else was measured, by column."""
    n = pictures.scores.shape[1]
    found = {}
    for name, values in pictures.extras.items():
        if name in PAIRS:
            for column, value in zip(PAIRS[name], values.T.tolist(), strict=True):
                found[column] = [[x] * n for x in value]
        elif name in OF_PICTURE:
            found[name] = [[None] * (n - len(row)) + row for row in values.tolist()]
        elif values.ndim == 1:
            found[name] = [[x] * n for x in values.tolist()]
    return {name: found[name] for name in _in_order(found)}


def _known(x: Any) -> Any:
    """`x`, or None where it is no number."""
    return None if isinstance(x, float) and math.isnan(x) else x


def _in_order(names: Iterable[str]) -> list[str]:
    """Names of columns in the order of `COLUMNS`; those that it does not know come last."""
    order = list(COLUMNS)
    return sorted(names, key=lambda name: order.index(name) if name in COLUMNS else len(order))


def together(tables: Iterable[Sequence[Mapping[str, Any]]]) -> Rows:
    """One table of several: the rows in their order, with the columns of all."""
    rows = [row for table in tables for row in table]
    names = _in_order(dict.fromkeys(name for row in rows for name in row))
    return Rows({name: row.get(name) for name in names} for row in rows)


def frame(rows: Sequence[Mapping[str, Any]]) -> Any:
    """A pandas DataFrame of rows of equal keys, NaN where a number is not known; ImportError where pandas is not."""
    try:
        import pandas  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        raise ImportError("a DataFrame needs pandas, which is not installed: pip install pandas") from None
    names = rows[0] if rows else ()
    return pandas.DataFrame(
        {name: [math.nan if row[name] is None and name not in WORDS else row[name] for row in rows] for name in names}
    )
