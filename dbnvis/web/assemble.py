"""A page of models: their headers, the atlas, a pool of images, and what was left out, as one document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .. import __version__
from ..figures.study import Study
from .document import Document, document
from .payload import FORMAT, Blobs, check_finite, describe_model, identifiers, largest_difference
from .pool import Pool, find
from .unit_atlas import draw

#: Activations of rounded weights that differ by less are not spoken of.
NOTHING = 1e-6


def payload(
    studies: Sequence[Study],
    folders: Sequence[Path],
    *,
    size: str = "full",
    command: str = "",
    say: Callable[[str], object] = print,
) -> tuple[dict[str, Any], Blobs]:
    """Header and blobs of a page.

    Parameters
    ----------
    studies : sequence of Study
        The models, the first of which is shown first.
    folders : sequence of Path
        Where pieces of each model's atlas are kept.
    size : "full" or "mail"
    command : str
        What makes the page again.
    say : callable
        Told what is left out, and what rounding does.

    Raises
    ------
    ValueError
        If a model has weights that are NaN or infinite, or is none that the page computes.
    """
    for study in studies:  # before any work
        check_finite(study.model)
    blobs, notes, models = Blobs(), [], []
    pool, found = find(studies, size)
    notes += found
    entry = None if pool is None else pool.entry(blobs)
    for study, name, folder in zip(studies, identifiers(studies), folders, strict=True):
        model = describe_model(study, name, size, blobs)
        note = rounding(study, pool, size)
        notes += [note] if note else []
        atlas = draw(study, name, size, blobs, folder, say)
        notes += atlas.notes
        models.append({**model, "atlas": atlas.entry})
    for note in notes:
        say(note)
    header = {
        "format": FORMAT,
        "title": "dbnvis",
        "size": size,
        "models": models,
        "pool": entry,
        "blobs": blobs.facts,
        "notes": notes,
        "provenance": {"dbnvis": __version__, "command": command},
    }
    return header, blobs


def rounding(study: Study, pool: Pool | None, size: str) -> str:
    """A sentence on the largest difference that the page's rounded weights make; "" if they are the model's."""
    if pool is None:
        return ""
    difference = largest_difference(study.model, pool.pixels.reshape(-1, *study.model.input_shape), size)
    if difference < NOTHING:
        return ""
    kind = "8" if size == "mail" else "16"
    return (
        f"{study.name}: weights are rounded to {kind} bits; over {len(pool.images)} images no activation changes by "
        f"more than {difference:.2g}."
    )


def page(
    studies: Sequence[Study],
    folders: Sequence[Path],
    *,
    size: str = "full",
    command: str = "",
    say: Callable[[str], object] = print,
) -> Document:
    """The page as one file; see `payload`."""
    header, blobs = payload(studies, folders, size=size, command=command, say=say)
    return document(header, blobs.content)
