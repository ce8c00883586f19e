"""Letting a refiner work on photos whose places are known, and on tiles that don't show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from georet.contracts.refining import Refinement, Refiner
from georet.data.images import read_image
from georet.gallery.pictures.originals import Originals
from georet.geodesy import distance_m
from georet.locate.calibrating.fitting import KnownQueries
from georet.locate.calibrating.kept import Answer, Kept, key_of
from georet.locate.calibrating.refined import Attempts
from georet.locate.field import Field
from georet.locate.refine import about, as_json, ask, of_json, tiles_of
from georet.photos.camera.cameras import Cameras
from georet.types import Doubles, Ints

NUM_WRONG: Final = 200
"""So many lists of wrong tiles are tried: of fewer, none may be accepted."""
FAR: Final = 2.2
"""A tile whose centre is so many of its sides away, or farther, doesn't show a photo's place."""
_ROUNDS: Final = 3


@dataclass(frozen=True)
class Trial:
    """A refiner, the imagery it looks at, and Q photos with their places, latlon float64[Q, 2].

    ``kept`` holds what it said before. After each list ``advance`` is called with 1, then
    ``check``, which may raise to stop.
    """

    refiner: Refiner
    originals: Originals
    photos: Sequence[Path]
    latlon: Doubles
    cameras: Cameras
    kept: Kept | None = None
    advance: Callable[[int], None] = lambda _: None
    check: Callable[[], None] = lambda: None

    def attempts(self, known: KnownQueries) -> Attempts:
        """Return what the refiner says of each photo's best tiles, and of wrong ones."""
        answers = []
        reach_m = np.array([known.layout.reach_m[field.rows[0]] for field in known.fields])
        for at, field in enumerate(known.fields):
            answers.append(self.near(at, field))
            self._step()
        found = [one for one, _ in answers]
        error_m = np.array([self._error_m(one, at) for at, one in enumerate(found)])
        wrong = self._wrong(known, reach_m)
        pixel_m = [size for _, size in answers if size is not None]
        floor_m = float(np.median(pixel_m)) / 2 if pixel_m else 0.0
        return Attempts(about(self.refiner), found, error_m, reach_m, wrong, floor_m)

    def near(self, at: int, field: Field) -> Answer:
        """Return what the refiner says of a photo's best tiles."""
        return self._ask(at, field, field.rows[: self.refiner.max_candidates])

    def far(self, at: int, field: Field, rng: np.random.Generator | None = None) -> Answer | None:
        """Return what it says of the tiles far off that look most alike, or of any by ``rng``.

        None where no tile is far off.
        """
        latlon, side_m = self.originals.gallery.centres
        away_m = distance_m(self.latlon[at], latlon[field.rows])
        rows: Ints = field.rows[away_m > FAR * side_m[field.rows]]
        if rng is not None:
            rows = rng.permutation(rows)
        rows = rows[: self.refiner.max_candidates]
        return self._ask(at, field, rows) if len(rows) else None

    def _wrong(self, known: KnownQueries, reach_m: Doubles) -> list[Refinement]:
        """Return the answers on the tiles far off that look most alike, then on any far off."""
        answers: list[Refinement] = []
        rng = np.random.default_rng(0)
        for number in range(_ROUNDS):
            for at, field in enumerate(known.fields):
                if len(answers) >= NUM_WRONG:
                    return answers
                answer = self.far(at, field, rng if number else None)
                if answer is None:
                    continue
                # A far tile may still show the place in what is read around it.
                if not self._error_m(answer[0], at) <= reach_m[at]:
                    answers.append(answer[0])
                self._step()
        return answers

    def _ask(self, at: int, field: Field, rows: Ints) -> Answer:
        camera = self.cameras.of(self.photos[at]).camera()
        key = None if self.kept is None else key_of(self.photos[at], camera, rows)
        if self.kept is not None and key is not None:
            answer = self.kept.get(key)
            if answer is not None:
                return answer
        place = {int(row): number for number, row in enumerate(field.rows)}
        merits = np.array([field.merits[place[int(row)]] for row in rows])
        table = self.originals.gallery.tiles_at(rows)
        beliefs = np.full(len(rows), 1 / max(1, len(field.rows)))
        tiles = tiles_of(rows, merits, beliefs, table, self.originals)
        # As it will be read where it is kept: a plugin's numbers may be of another precision.
        one = of_json(as_json(ask(self.refiner, read_image(self.photos[at]), tiles, camera)))
        pixel_m = None
        if one.is_accepted and one.tile is not None:
            tile = tiles[one.tile]
            pixel_m = float(tile.side_m / tile.patch.image.shape[1])
        if self.kept is not None and key is not None:
            self.kept.add(key, (one, pixel_m))
        return one, pixel_m

    def _step(self) -> None:
        self.advance(1)
        self.check()

    def _error_m(self, found: Refinement, at: int) -> float:
        if not found.is_accepted or found.latlon is None:
            return float("nan")
        return float(distance_m(np.array(found.latlon), self.latlon[at]))


def num_lists(num_photos: int) -> tuple[int, int]:
    """Return of how many lists of near and of far tiles a refiner is asked, about that many."""
    return num_photos, min(NUM_WRONG, _ROUNDS * num_photos)
