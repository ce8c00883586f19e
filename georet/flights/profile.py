"""How good a track is where the truth is known: the figures that fielded projects ask for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError
from georet.flights.films import Shot
from georet.flights.flying import Flight
from georet.geodesy import distance_m
from georet.photos.camera.telemetry import Telemetry, read_telemetry
from georet.types import Doubles

GROSS_TILES: Final = 1.5
"""Beyond so many tile sides an error is gross: the place is another one."""
FOUND_FRAMES: Final = 10


@dataclass(frozen=True)
class Truth:
    """Where each of T frames really was, latlon float64[T, 2] in degrees; NaN: not told."""

    latlon: Doubles

    @classmethod
    def read(cls, path: Path, shots: Sequence[Shot]) -> Truth:
        """Return the truth in a telemetry table with ``lat`` and ``lon``; DataError without any."""
        table = read_telemetry(path, with_position=True)
        found = np.full((len(shots), 2), np.nan)
        for at, shot in enumerate(shots):
            place = _place(table, shot)
            if place is not None:
                found[at] = place
        if not np.isfinite(found).any():
            raise DataError(
                "tells the place of no frame",
                where=str(path),
                hint="Columns: photo (or time_s, of a video), lat, lon.",
            )
        return cls(found)


def _place(table: Telemetry, shot: Shot) -> tuple[float, float] | None:
    facts = None if shot.photo is None else table.for_photo(shot.photo)
    if facts is None and shot.second is not None:
        facts = table.at(shot.second)
    return None if facts is None else facts.latlon


def errors_of(flight: Flight, truth: Truth) -> Doubles:
    """Return how far each frame's place is from the truth, float64[T] metres; NaN: not told."""
    places = np.array([point.latlon for point in flight.points]).reshape(-1, 2)
    found: Doubles = np.asarray(distance_m(places, np.nan_to_num(truth.latlon)))
    return np.where(np.isfinite(truth.latlon).all(axis=1), found, np.nan)


def profile(flight: Flight, truth: Truth | None) -> dict[str, Any]:
    """Return figures as JSON values: shares of frames, metres, and seconds where it was live.

    Without a truth only what the track says of itself. ``outliers`` are frames whose own best tile
    is gross; survived are those whose track isn't. ``false fixes`` are matched frames that are
    gross, as a share of the matched.
    """
    points, num = flight.points, len(flight.points)
    sources = [point.source for point in points]
    told: dict[str, Any] = {
        "frames": num,
        **{source: sources.count(source) / max(1, num) for source in dict.fromkeys(sources)},
        "refined": sum(point.is_refined for point in points) / max(1, num),
    }
    if flight.latency_95_s is not None:
        told["latency_95_s"] = flight.latency_95_s
    if truth is None:
        return told
    off = errors_of(flight, truth)
    known = np.isfinite(off)
    gross_m = GROSS_TILES * float(np.median(flight.flown.ground.side_m))
    latlon, rows = flight.flown.ground.latlon, [int(one.rows[0]) for one in flight.frames]
    alone = np.asarray(distance_m(latlon[rows], np.nan_to_num(truth.latlon)))
    shows = np.array([float(one.scores[0]) > float(one.scores[-1]) for one in flight.frames])
    gross, outlier = off > gross_m, known & ((alone > gross_m) | ~shows)
    matched = known & (np.array(sources) == "matched")
    inside = np.array([_holds(flight, truth, int(at)) for at in np.flatnonzero(known)])
    return told | {
        "known": int(known.sum()),
        "median_m": float(np.median(off[known])),
        "p90_m": float(np.percentile(off[known], 90)),
        "within_20_m": float((off[known] < 20).mean()),
        "within_50_m": float((off[known] < 50).mean()),
        "gross_m": gross_m,
        "gross": float(gross[known].mean()),
        "best_tile_median_m": float(np.median(alone[known])),
        "best_tile_gross": float(outlier[known].mean()),
        "outliers": int(outlier.sum()),
        "outliers_survived": _share(~gross, outlier),
        "false_fixes": _share(gross, matched),
        "in_95_ellipse": float(inside.mean()),
        "longest_lost": _longest(gross & known),
    }


def _share(what: Any, among: Any) -> float | None:
    return float(what[among].mean()) if among.any() else None


def _longest(lost: Any) -> int:
    """Return the longest run of frames that are gross."""
    best = run = 0
    for one in lost:
        run = run + 1 if one else 0
        best = max(best, run)
    return best


def _holds(flight: Flight, truth: Truth, at: int) -> bool:
    """Return whether the truth lies in a frame's 95 % ellipse."""
    point = flight.points[at]
    (lat, lon), (true_lat, true_lon) = point.latlon, truth.latlon[at]
    north = float(distance_m((lat, lon), (true_lat, lon))) * np.sign(true_lat - lat)
    east = float(distance_m((lat, lon), (lat, true_lon))) * np.sign(true_lon - lon)
    off = np.array([east, north])
    return bool(off @ np.linalg.inv(point.covariance_m2) @ off <= -2 * np.log(0.05))
