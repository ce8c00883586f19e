"""What a tracker is given: the gallery as ground, and each frame with its scores and its way."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from georet.contracts.tracking import Frame, Ground
from georet.errors import DataError
from georet.flights.films import Shot
from georet.flights.looking import Look
from georet.gallery.stored import StoredGallery
from georet.ground.region import Region
from georet.locate.field import best_of, score_blocks
from georet.types import Bools, Doubles, Floats, Ints

NUM: Final = 4096
"""So many of a frame's best tiles keep their scores; the others are no better than the last."""
_TOLD_M, _TOLD_SHARE = 0.2, 0.02
"""Deviation of a step that telemetry tells: as it is, and as a share. Drift is the filter's."""
_SEEN_M, _SEEN_SHARE = 0.2, 0.05


@dataclass(frozen=True)
class Flown:
    """The part of a gallery that is flown over: its rows int64[R'], and the ground they make."""

    gallery: StoredGallery
    rows: Ints
    allowed: Bools | None
    ground: Ground

    @classmethod
    def over(cls, gallery: StoredGallery, region: Region | None, sharpness: float) -> Flown:
        """Return all tiles, or those of a region; DataError where it holds none."""
        latlon, side_m = gallery.centres
        allowed = None if region is None else region.mask(latlon)
        rows = np.arange(len(latlon)) if allowed is None else np.flatnonzero(allowed)
        if not len(rows):
            raise DataError("no tile of the gallery has its centre in the region", where="--region")
        corners = gallery.tiles_at(rows).corners_latlon if allowed is not None else None
        if corners is None:
            corners = gallery.tiles.corners_latlon
        ground = Ground(latlon[rows], side_m[rows], sharpness, corners)
        return cls(gallery, rows.astype(np.int64), allowed, ground)

    def scores(self, views: Floats) -> tuple[Ints, Floats]:
        """Return the best tiles int64[M] of this ground, and their cosines, by views [V, D]."""
        if not len(views):
            return np.arange(len(self.rows)), np.zeros(len(self.rows), np.float32)
        best: Floats | None = None
        for _, scores in score_blocks(views, self.gallery.rows, self.allowed):
            most = scores.max(axis=0)
            best = most if best is None else np.maximum(best, most)
        assert best is not None
        field = best_of(best, self.allowed, NUM)
        return np.searchsorted(self.rows, field.rows).astype(np.int64), field.merits


class Way:
    """How the aircraft came from each frame to the next, as far as anything tells.

    Telemetry's odometry first; else what two frames have in common, turned by the earlier one's
    heading. Where nobody knows a heading, turns are added up from an unknown one.
    """

    def __init__(self) -> None:
        self._last: Shot | None = None
        self._turned_deg = 0.0

    def to(self, shot: Shot, look: Look) -> tuple[Doubles | None, float | None, bool]:
        """Return metres east and north [2] since the frame before, their deviation, is north so."""
        before, self._last = self._last, shot
        if before is None:
            return None, None, True
        told, start = shot.place_m, before.place_m
        if told is not None and start is not None:
            moved = told - start
            return moved, _TOLD_M + _TOLD_SHARE * math.hypot(*moved), True
        seen, heading = look.glance, before.facts.heading_deg
        if seen is None:
            return None, None, heading is not None
        angle = math.radians(self._turned_deg if heading is None else heading.value)
        self._turned_deg += seen.turn_deg
        east = seen.right_m * math.cos(angle) + seen.ahead_m * math.sin(angle)
        north = seen.ahead_m * math.cos(angle) - seen.right_m * math.sin(angle)
        sigma = _SEEN_M + _SEEN_SHARE * math.hypot(east, north)
        return np.array([east, north]), sigma, heading is not None


def frame_of(flown: Flown, way: Way, shot: Shot, look: Look) -> Frame:
    """Return a frame as trackers see it; of one that shows nothing all scores are 0."""
    rows, scores = flown.scores(look.views)
    moved, sigma, is_north_known = way.to(shot, look)
    return Frame(
        rows=rows,
        scores=scores,
        time_s=shot.second,
        moved_m=None if moved is None else (float(moved[0]), float(moved[1])),
        moved_sigma_m=sigma,
        is_north_known=is_north_known,
        camera=shot.facts.camera(),
    )


def frames_of(flown: Flown, shots: Iterable[Shot], looks: Iterable[Look]) -> Iterator[Frame]:
    """Yield the frames of a flight in order."""
    way = Way()
    for shot, look in zip(shots, looks, strict=True):
        yield frame_of(flown, way, shot, look)
