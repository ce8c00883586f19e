"""What a refiner said of known photos, kept on disk so that a killed calibration goes on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from georet.contracts.refining import Camera, Refinement
from georet.files import sha256_of
from georet.locate.output.journal import Journal
from georet.locate.refine import as_json, of_json
from georet.types import Ints

Answer = tuple[Refinement, float | None]
"""A refinement, and the metres of a pixel of the tile that it rests on, where it is accepted."""
_FOUND, _PIXEL_M, _KEY = "found", "pixel_m", "key"


class Kept:
    """Answers at ``path``, by what was asked: another photo, camera or list of tiles is asked anew.

    ``asked`` are JSON values that name all else (gallery, encoder, refiner): answers of something
    else are dropped.
    """

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        self._journal = Journal(path, asked)
        self._found = {record[_KEY]: record for record in self._journal.records()}
        self.num_new = 0

    def get(self, key: str) -> Answer | None:
        """Return the answer that was kept, or None."""
        record = self._found.get(key)
        return None if record is None else (of_json(record[_FOUND]), record[_PIXEL_M])

    def add(self, key: str, answer: Answer) -> None:
        """Keep an answer; it is on disk before this returns."""
        found, pixel_m = answer
        record = {_KEY: key, _FOUND: as_json(found), _PIXEL_M: pixel_m}
        self._journal.append([([key], record)], {})
        self._found[key] = record
        self.num_new += 1

    def remove(self) -> None:
        """Delete what was kept; the calibration is written."""
        self._journal.remove()


def key_of(photo: Path, camera: Camera, rows: Ints) -> str:
    """Return a name of what a refiner is asked: a photo, its camera, tiles int64[M] in order."""
    told = [sha256_of(photo), asdict(camera), rows.tolist()]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
