"""Every unit of a model by every method, as sheets of tiles with scores and percentiles.

A method of `VISUALIZERS` appears by itself, with its defaults and its first picture of every unit. `SETTINGS` has
cheaper settings for methods whose defaults take too long for all units, `MOST` the number of units of each layer that
are drawn by methods that take long whatever is set, `SHOWN` the methods of which more than one picture is kept.
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..backend import to_numpy
from ..figures.naming import describe
from ..figures.study import Study
from ..models.protocol import Spatial
from ..models.units import Unit, as_units
from ..progress import silent
from ..visualize import VISUALIZERS, NotApplicable
from .payload import Blobs
from .pieces import Piece, Pieces

#: Settings of the atlas that are not the defaults. Of 1,750 units the defaults took 20 minutes, these take three.
SETTINGS: dict[str, dict[str, Any]] = {
    "am": {"starts": 3},
    "gibbs": {"chains": 8, "burn_in": 40, "draws": 4, "thin": 10, "shown": 0},
    "regularized": {"starts": 2},
    "invariance": {"starts": 3, "restarts": 1, "step": 12.0},
    "evidence": {"chains": 10, "shown": 0},
}
#: Units of each layer that a method draws, the first ones, where it would take too long for all.
MOST = {"invariance": 2, "evidence": 4}
#: Methods that take a minute or so for each unit of a network with layers of maps.
SLOW_ON_MAPS = {"invariance"}
#: Pictures of each unit that are kept, where there is more to see than the first; None: all.
SHOWN = {"top-images": None, "invariance": None}
#: Grey values of a sheet: photographs of many digits would take most of the page.
GREYS = {"top-images": 16}
#: Units of each layer, by the size of the page.
UNITS = {"full": None, "mail": 36}
#: What a method answers; of one that is not here the page shows the first sentence of its description.
QUESTIONS = {
    "am": "Which input of a digit's norm switches this unit on most?",
    "gibbs": "What does the model believe the input to be while this unit is on?",
    "combination": "What do the strongest weights of this unit add up to?",
    "top-images": "Which training images switch this unit on most, and what is their mean?",
    "connections": "Which first-layer filters is this unit linked to most strongly?",
    "invariance": "How far can the input turn away from the best one before this unit goes off?",
    "regularized": "Which image that looks natural switches this unit on most?",
    "evidence": "Which of the images that a generative model draws switch this unit on?",
}
#: The first piece of a layer is what a page of size "mail" has, the others end at multiples of `PIECE`.
FIRST, PIECE = 36, 160
MISSING = 128  # grey of a tile of which there is no picture

Say = Callable[[str], object]


@dataclass
class Atlas:
    """The header's entry of a model's atlas, and sentences that say what it leaves out."""

    entry: dict[str, Any]
    notes: list[str] = field(default_factory=list)


def draw(study: Study, name: str, size: str, blobs: Blobs, folder: Path, say: Say) -> Atlas:
    """Draw the atlas of a model, or take from `folder` what was drawn before; sheets go to `blobs`.

    Parameters
    ----------
    study : Study
        Its progress bar stands for each method.
    name : str
        Of the model on the page.
    size : "full" or "mail"
    blobs : Blobs
    folder : Path
        Where pieces are kept, see `pieces`.
    say : callable
        Told of damaged pieces.
    """
    atlas = Atlas({"methods": []})
    pieces = Pieces(study, folder, say)
    for key, cls in VISUALIZERS.items():
        method = study.fitted(cls(**SETTINGS.get(key, {})))
        if key in SLOW_ON_MAPS and isinstance(study.model, Spatial):
            atlas.notes.append(
                f"{study.name}, {method.title}: left out, as it takes long. {_draws_others(study, key, 0)}"
            )
            continue
        try:
            study.check_method(method)
            plans = {layer: _plan(study, layer, size, key) for layer in study.model.layer_names}
            layers = _draw_method(study, method, key, name, plans, blobs, pieces)
        except NotApplicable as reason:
            atlas.notes.append(f"{study.name}, {method.title}: left out. {_sentence(str(reason))}")
            continue
        atlas.entry["methods"].append(
            {
                "key": key,
                "title": method.title,
                "settings": describe(method),
                "symmetric": method.symmetric or study.signed,
                "question": QUESTIONS.get(key) or _sentence(re.split(r"[.:;]\s", (cls.__doc__ or key).strip())[0]),
                "layers": layers,
            }
        )
        if key in MOST and any(study.model.layer_shape(layer)[0] > MOST[key] for layer in layers):
            atlas.notes.append(
                f"{study.name}, {method.title}: the first {MOST[key]} units of each layer alone, as it takes long. "
                f"{_draws_others(study, key, MOST[key])}"
            )
    return atlas


def _draws_others(study: Study, key: str, first: int) -> str:
    """The command that draws ten units by a method, in a sentence."""
    layer = study.model.layer_names[-1]
    last = min(first + 9, study.model.layer_shape(layer)[0] - 1)
    return f"Of others: dbnvis visualize --model {study.name} --method {key} --layer {layer} --units {first}-{last}."


def _plan(study: Study, layer: str, size: str, key: str) -> list[list[Unit]]:
    """Units of `layer` that a method draws, in pieces: the same whatever the page's size, but for the last ones."""
    most = min(n for n in (UNITS[size], MOST.get(key), math.inf) if n is not None)
    units = study.units(layer, None if most == math.inf else int(most))
    ends = [min(FIRST, len(units)), *range(PIECE, len(units), PIECE), len(units)]
    starts = [0, *ends[:-1]]
    return [units[a:b] for a, b in zip(starts, ends, strict=True) if b > a]


def _draw_method(
    study: Study,
    method: Any,
    key: str,
    name: str,
    plans: dict[str, list[list[Unit]]],
    blobs: Blobs,
    pieces: Pieces,
) -> dict[str, Any]:
    """The header's entries of one method, by layer."""
    todo = [(layer, units) for layer, plan in plans.items() for units in plan]
    found: dict[str, list[Piece]] = {layer: [] for layer in plans}
    quiet, kept = replace(study, progress=silent), [SHOWN.get(key, 1), GREYS.get(key)]
    for layer, units in study.progress(todo, f"{study.name}, {method.title}", len(todo)):
        found[layer].append(pieces.get(method, units, kept, partial(_piece, quiet, method, key, units)))
    return {
        layer: _layer_entry(study, Piece.join(parts), key, layer, f"{name}.{layer}.{key}", blobs)
        for layer, parts in found.items()
    }


def _piece(study: Study, method: Any, key: str, units: list[Unit]) -> Piece:
    """Draw units of one layer."""
    pictures = study.pictures(method, units)
    shown = SHOWN.get(key, 1)
    images = np.asarray(pictures.images[:, :shown], "float32")
    links = "links" in pictures.extras and "filters" in pictures.extras
    return Piece(
        tiles=np.zeros((len(units), 0), "uint8") if links else tiles(study, images, method.symmetric, GREYS.get(key)),
        missing=np.isnan(images[:, 0]).any(axis=tuple(range(1, images.ndim - 1))),
        scores=np.asarray(pictures.scores[:, : images.shape[1]], "float32"),
        notes=pictures.notes,
        filters=pictures.extras["filters"].astype("uint16") if links else None,
        links=pictures.extras["links"].astype("float32") if links else None,
    )


def tiles(study: Study, images: np.ndarray, symmetric: bool, greys: int | None = None) -> np.ndarray:
    """Pictures (U, S, *input_shape) as bytes (U, S, H, W), or (U, S, H, W, 3) of red, green and blue.

    Those of both signs are scaled by their largest |value| each, of all colours together, 128 is zero; others by the
    range of the pixels. Channels that are no colours are averaged. A picture that is not there is grey.
    """
    if images.ndim == 5:
        images = np.moveaxis(images, 2, -1) if images.shape[2] == 3 else images.mean(axis=2)
    of_one = tuple(range(2, images.ndim))
    there = ~np.isnan(images).any(axis=of_one, keepdims=True)
    images = np.where(there, images, 0)
    if symmetric or study.within is None:
        largest = np.abs(images).max(axis=of_one, keepdims=True)
        levels = MISSING + 127 * images / np.where(largest > 0, largest, 1)
    else:
        low, high = study.within
        levels = 255 * (images - low) / (high - low)
    levels = np.where(there, np.clip(np.rint(levels), 0, 255), MISSING)
    if greys is not None:
        levels = np.rint(levels * (greys - 1) / 255) * 255 / (greys - 1)
    return levels.astype("uint8")


def sheet(tiles: np.ndarray, greys: int | None = None) -> tuple[bytes, int, tuple[int, int]]:
    """Tiles (U, S, H, W), or (U, S, H, W, 3), on one PNG: the file, tiles in a row, and its rows and columns of pixels.

    The sheet is about square, since browsers draw none that is very long; a unit's tiles stand in one row.
    """
    n_units, shown, height, width, *colours = tiles.shape
    columns = shown * max(1, round(math.sqrt(n_units * shown) / shown))
    rows = math.ceil(n_units * shown / columns)
    flat = np.full((rows * columns, height, width, *colours), MISSING, "uint8")
    flat[: n_units * shown] = tiles.reshape(-1, height, width, *colours)
    grid = flat.reshape(rows, columns, height, width, *colours).swapaxes(1, 2)
    whole = grid.reshape(rows * height, columns * width, *colours)
    file = io.BytesIO()
    if greys is None or colours:
        Image.fromarray(whole).save(file, "PNG", optimize=True)
    else:  # 16 greys in four bits
        step = 255 // (greys - 1)
        indexed = Image.fromarray(whole // step, "P")
        indexed.putpalette([level * step for level in range(greys) for _ in "rgb"])
        indexed.save(file, "PNG", optimize=True, bits=(greys - 1).bit_length())
    return file.getvalue(), columns, (rows * height, columns * width)


def _layer_entry(study: Study, piece: Piece, key: str, layer: str, name: str, blobs: Blobs) -> dict[str, Any]:
    """The header's entry of one method and layer; its sheet and numbers go to `blobs`."""
    units = study.units(layer, len(piece.scores))
    _, numbers = as_units(study.model, units)
    scores = study.model.xp.asarray(piece.scores)
    percentiles = to_numpy(study.responses.percentile(layer, numbers, scores)).astype("float32")
    everything = len(units) == study.model.layer_shape(layer)[0]
    entry: dict[str, Any] = {
        "units": None if everything else [unit.index for unit in units],
        "per_unit": piece.scores.shape[1],
        "scores": blobs.array(f"{name}.scores", piece.scores),
        "percentiles": blobs.array(f"{name}.percentiles", percentiles),
        "notes": {str(unit.index): note for unit, note in zip(units, piece.notes, strict=True) if note},
        "missing": [unit.index for unit, missing in zip(units, piece.missing, strict=True) if missing],
    }
    if piece.filters is not None and piece.links is not None:
        entry["per_unit"] = piece.filters.shape[1]
        entry["links"] = {
            "filters": blobs.array(f"{name}.filters", piece.filters),
            "links": blobs.array(f"{name}.links", piece.links),
        }
        return entry
    png, columns, shape = sheet(piece.tiles, GREYS.get(key))
    entry["sheet"] = blobs.picture(f"{name}.sheet", png, shape)
    entry["columns"], entry["tile"] = columns, list(piece.tiles.shape[2:4])
    return entry


def _sentence(text: str) -> str:
    """With a capital and a full stop."""
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"
