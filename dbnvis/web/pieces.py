"""Drawn units on disk, a file for each method, layer and part of it, so that an interrupted atlas goes on.

A file's name is a hash of all that its pictures depend on: the model, the method with its settings, the units, the
seed, the training images, and the version of dbnvis. A file that cannot be read is drawn anew, which is said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..checkpoint import archive
from ..figures.naming import describe
from ..figures.study import Study
from ..models.units import Unit
from ..system.files import replacing


@dataclass(frozen=True)
class Piece:
    """What one method drew of some units of one layer.

    Parameters
    ----------
    tiles : array (U, S, H, W) of bytes, or (U, S, H, W, 3) of red, green and blue
        S = 0 of a method whose pictures are filters of the first layer.
    missing : array (U,) of bool
        Units of which there is no picture.
    scores : array (U, S)
    notes : tuple of str, length U
    filters, links : array (U, k), optional
        Of strongest connections: numbers of the filters, and the signed links.
    """

    tiles: np.ndarray
    missing: np.ndarray
    scores: np.ndarray
    notes: tuple[str, ...]
    filters: np.ndarray | None = None
    links: np.ndarray | None = None

    @classmethod
    def join(cls, parts: Sequence[Piece]) -> Piece:
        """One piece of several, in order."""
        linked = [(part.filters, part.links) for part in parts if part.filters is not None and part.links is not None]
        return cls(
            tiles=np.concatenate([part.tiles for part in parts]),
            missing=np.concatenate([part.missing for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
            notes=tuple(note for part in parts for note in part.notes),
            filters=np.concatenate([filters for filters, _ in linked]) if linked else None,
            links=np.concatenate([links for _, links in linked]) if linked else None,
        )

    def save(self, path: Path) -> None:
        """Write the piece, whole or not at all; OSError where the folder cannot be written."""
        arrays = {"tiles": self.tiles, "missing": self.missing, "scores": self.scores}
        if self.filters is not None and self.links is not None:
            arrays |= {"filters": self.filters, "links": self.links}
        notes = np.frombuffer(json.dumps(self.notes).encode(), dtype=np.uint8)
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez(file, notes=notes, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path, n_units: int) -> Piece:
        """Read the piece of `n_units`; ValueError if the file is damaged or of others, OSError if it cannot be read."""
        stored = archive.read(path)
        try:
            notes = json.loads(stored.pop("notes").tobytes())
            piece = cls(notes=tuple(map(str, notes)), **stored)
        except (KeyError, TypeError) as error:
            raise ValueError(f"is no piece of an atlas ({error})") from None
        lengths = {len(x) for x in stored.values()} | {len(piece.notes)}
        if lengths != {n_units} or piece.tiles.dtype != np.uint8 or piece.missing.dtype != np.bool_:
            raise ValueError("is a piece of other units")
        return piece


class Pieces:
    """Pieces in a folder.

    Parameters
    ----------
    study : Study
    folder : Path
        Made where missing. Where it cannot be written, nothing is kept, which is said once.
    say : callable
    """

    def __init__(self, study: Study, folder: Path, say: Callable[[str], object]) -> None:
        self.folder, self.say, self.study, self.keeps = folder, say, study, True

    def path(self, method: Any, units: Sequence[Unit], kept: Any) -> Path:
        """The file of `units`, of one layer, by a method; `kept` says what of its pictures the piece holds."""
        facts = {
            "model": self.study.provenance["model_sha256"],
            "norm": self.study.model.input_norm,
            "method": type(method).__name__,
            "settings": describe(method),
            "units": list(map(str, units)),
            "seed": self.study.seed,
            "data": self.study.provenance.get("data_sha256"),
            "kept": kept,
            "dbnvis": __version__,
        }
        digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{type(method).__name__}-{units[0].layer}-{digest[:24]}.npz"

    def get(self, method: Any, units: Sequence[Unit], kept: Any, draw: Callable[[], Piece]) -> Piece:
        """The piece of `units`, read, or else drawn and kept."""
        path = self.path(method, units, kept)
        if path.is_file():
            try:
                return Piece.load(path, len(units))
            except (OSError, ValueError) as error:
                self.say(f"{path} {error}; it is drawn anew")
        piece = draw()
        if self.keeps:
            try:
                piece.save(path)
            except OSError as error:
                self.keeps = False
                self.say(f"{error}; pictures are not kept for the next time (--cache names another folder)")
        return piece
