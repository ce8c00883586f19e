"""Letting a refiner work on photos whose places are known, and on tiles that don't show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from georet.contracts.refining import Camera, Refinement, Refiner
from georet.data.images import read_image
from georet.gallery.pictures.originals import Originals
from georet.geodesy import distance_m
from georet.locate.calibrating.fitting import KnownQueries
from georet.locate.calibrating.refined import Attempts
from georet.locate.field import Field
from georet.locate.refine import about, ask, tiles_of
from georet.photos.camera.cameras import Cameras
from georet.types import Doubles, Ints, Pixels

NUM_WRONG: Final = 200
"""So many lists of wrong tiles are tried: of fewer, none may be accepted."""
FAR: Final = 2.2
"""A tile whose centre is so many of its sides away, or farther, doesn't show a photo's place."""
_ROUNDS: Final = 3


@dataclass(frozen=True)
class Trial:
    """A refiner, the imagery it looks at, and Q photos with their places, latlon float64[Q, 2]."""

    refiner: Refiner
    originals: Originals
    photos: Sequence[Path]
    latlon: Doubles
    cameras: Cameras
    advance: Callable[[int], None] = lambda _: None

    @property
    def num_steps(self) -> int:
        """How often ``advance`` is called with 1, at most."""
        return len(self.photos) + NUM_WRONG

    def attempts(self, known: KnownQueries) -> Attempts:
        """Return what the refiner says of each photo's best tiles, and of wrong ones."""
        found, error_m, pixel_m = [], np.full(len(known), np.nan), list[float]()
        reach_m = np.array([known.layout.reach_m[field.rows[0]] for field in known.fields])
        for at, field in enumerate(known.fields):
            one = self._ask(at, field, field.rows[: self.refiner.max_candidates], pixel_m)
            found.append(one)
            error_m[at] = self._error_m(one, at)
            self.advance(1)
        wrong = self._wrong(known, reach_m)
        floor_m = float(np.median(pixel_m)) / 2 if pixel_m else 0.0
        return Attempts(about(self.refiner), found, error_m, reach_m, wrong, floor_m)

    def _wrong(self, known: KnownQueries, reach_m: Doubles) -> list[Refinement]:
        """Return the answers on the tiles far off that look most alike, then on any far off."""
        answers: list[Refinement] = []
        rng = np.random.default_rng(0)
        for number in range(_ROUNDS):
            for at, field in enumerate(known.fields):
                if len(answers) >= NUM_WRONG:
                    return answers
                rows = self._far(at, field)
                if number:
                    rows = rng.permutation(rows)
                rows = rows[: self.refiner.max_candidates]
                if not len(rows):
                    continue
                one = self._ask(at, field, rows, [])
                # A far tile may still show the place in what is read around it.
                if not self._error_m(one, at) <= reach_m[at]:
                    answers.append(one)
                self.advance(1)
        return answers

    def _far(self, at: int, field: Field) -> Ints:
        latlon, side_m = self.originals.gallery.centres
        away_m = distance_m(self.latlon[at], latlon[field.rows])
        rows: Ints = field.rows[away_m > FAR * side_m[field.rows]]
        return rows

    def _ask(self, at: int, field: Field, rows: Ints, pixel_m: list[float]) -> Refinement:
        place = {int(row): number for number, row in enumerate(field.rows)}
        merits = np.array([field.merits[place[int(row)]] for row in rows])
        table = self.originals.gallery.tiles_at(rows)
        beliefs = np.full(len(rows), 1 / max(1, len(field.rows)))
        tiles = tiles_of(rows, merits, beliefs, table, self.originals)
        one = ask(self.refiner, self._photo(at), tiles, self._camera(at))
        if one.is_accepted and one.tile is not None:
            tile = tiles[one.tile]
            pixel_m.append(tile.side_m / tile.patch.image.shape[1])
        return one

    def _photo(self, at: int) -> Pixels:
        return read_image(self.photos[at])

    def _camera(self, at: int) -> Camera:
        return self.cameras.of(self.photos[at]).camera()

    def _error_m(self, found: Refinement, at: int) -> float:
        if not found.is_accepted or found.latlon is None:
            return float("nan")
        return float(distance_m(np.array(found.latlon), self.latlon[at]))
