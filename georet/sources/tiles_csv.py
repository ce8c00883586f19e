"""Folders of images with a ``tiles.csv`` that tells where each lies."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final, NamedTuple

import numpy as np

from georet.csvfile import csv_rows
from georet.errors import DataError
from georet.ground.wgs84 import mean_side_m, span_m, square_corners, wrapped
from georet.sources.images import ImageSource, one_side_m
from georet.suggest import hint_for
from georet.tiles.table import TileTable
from georet.tiles.tiling import Tiling
from georet.types import Doubles

FILE: Final = "tiles.csv"
CENTRE: Final = ("lat", "lon")
BOUNDS: Final = ("west", "south", "east", "north")
CORNERS: Final = ("tl_lat", "tl_lon", "tr_lat", "tr_lon", "br_lat", "br_lon", "bl_lat", "bl_lon")
KNOWN: Final = ("file", *CENTRE, "side_m", *BOUNDS, *CORNERS)


class _Row(NamedTuple):
    """A line: the file as written, its path, centre [2], corners [4, 2], side where it is told."""

    name: str
    path: Path
    centre: Doubles
    corners: Doubles
    side_m: float | None


def open_csv(root: Path, tiling: Tiling) -> ImageSource:
    """Return the tiles listed in ``root/tiles.csv``, in its order; ids are the files as written.

    Columns: ``file`` (relative to the folder), and one of: ``lat, lon, side_m`` (a north-up
    square; without ``side_m`` the tiling's); ``west, south, east, north``; or corners,
    ``tl_lat, tl_lon, tr_lat, ... bl_lon`` (top left, top right, bottom right, bottom left, as in
    the image). All in degrees; with bounds or corners, ``lat, lon`` may give the centre. Other
    columns are ignored. DataError names file, line and column.
    """
    path = Path(root).absolute() / FILE
    default = one_side_m(tiling, where=str(path))
    rows = list(_rows(path, default))
    if not rows:
        raise DataError("lists no tile", where=str(path), hint=f"Columns: {', '.join(KNOWN)}.")
    corners = np.stack([row.corners for row in rows])
    centres = np.stack([row.centre for row in rows])
    turns = wrapped(centres[:, 1]) - centres[:, 1]
    corners[:, :, 1] += turns[:, None]
    centres[:, 1] += turns
    told = np.array([np.nan if row.side_m is None else row.side_m for row in rows])
    side_m = np.where(np.isnan(told), mean_side_m(corners), told)
    table = TileTable([row.name for row in rows], centres, corners, side_m)
    about = {"kind": "tiles.csv", "path": str(path.parent), "tiling": tiling.as_json()}
    return ImageSource(table, [row.path for row in rows], about)


def _rows(path: Path, default_m: float | None) -> Iterator[_Row]:
    seen: dict[str, str] = {}
    for where, cells in csv_rows(path, lambda columns: _check_header(columns, path)):
        row = _row(cells, path.parent, where, default_m)
        if row.name in seen:
            line = seen[row.name].rpartition(":")[2]
            raise DataError(f"{row.name!r} stands in line {line} already", where=f"{where}:file")
        seen[row.name] = where
        yield row


def _check_header(columns: list[str], path: Path) -> None:
    has_place = [all(c in columns for c in group) for group in (CENTRE, BOUNDS, CORNERS)]
    missing = "file" if "file" not in columns else None
    if missing is None and not any(has_place):
        missing = "lat, lon"
    if missing:
        odd = next((c for c in columns if c not in KNOWN), "")
        raise DataError(
            f"the column {missing} is missing",
            where=f"{path}:1",
            hint=f"Columns: file and either {', '.join(CENTRE)}, side_m or {', '.join(BOUNDS)} or "
            f"{', '.join(CORNERS)}." + (f" {hint_for(odd, KNOWN, 'known')}" if odd else ""),
        )


def _row(text: Mapping[str, str], root: Path, where: str, default_m: float | None) -> _Row:
    name = text["file"]
    path = _inside(root, name, f"{where}:file")
    numbers = {c: _number(text[c], f"{where}:{c}") for c in KNOWN[1:] if text.get(c)}
    _check_ranges(numbers, where)
    centre = _pair(numbers, CENTRE)
    side_m = numbers.get("side_m", default_m)
    if all(c in numbers for c in CORNERS):
        corners = np.array([numbers[c] for c in CORNERS]).reshape(4, 2)
        corners[:, 1] += 360 * np.round((corners[0, 1] - corners[:, 1]) / 360)
        return _Row(name, path, _centre(corners, centre, where), corners, None)
    if all(c in numbers for c in BOUNDS):
        corners = _corners_of_bounds(numbers, where)
        return _Row(name, path, _centre(corners, centre, where), corners, None)
    if centre is None or side_m is None:
        raise DataError(
            "the line doesn't tell the tile's " + ("place" if centre is None else "size"),
            where=where,
            hint="Fill in lat, lon and side_m, or bounds, or corners; "
            "or give one size for all tiles: --side 200m.",
        )
    corners = square_corners(centre[None], np.array([side_m]))[0]
    return _Row(name, path, centre, corners, side_m)


def _inside(root: Path, name: str, where: str) -> Path:
    pure = PurePosixPath(name)
    if not name or pure.is_absolute() or ".." in pure.parts:
        raise DataError(
            f"{name!r} is no file in the folder",
            where=where,
            hint="Write paths relative to the folder of tiles.csv, without `..`.",
        )
    return root / pure


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{text!r} is no number", where=where)
    return value


def _check_ranges(numbers: Mapping[str, float], where: str) -> None:
    for column, value in numbers.items():
        if column == "side_m":
            is_right = value > 0
        elif column.endswith("lat") or column in ("south", "north"):
            is_right = abs(value) <= 90
        else:
            is_right = abs(value) <= 360
        if not is_right:
            raise DataError(
                f"{value:g} is out of range",
                where=f"{where}:{column}",
                hint="Latitudes lie in -90..90, longitudes in -180..180, side_m above 0.",
            )


def _pair(numbers: Mapping[str, float], names: tuple[str, str]) -> Doubles | None:
    lat, lon = (numbers.get(name) for name in names)
    return None if lat is None or lon is None else np.array([lat, lon])


def _corners_of_bounds(numbers: Mapping[str, float], where: str) -> Doubles:
    west, south, east, north = (numbers[c] for c in BOUNDS)
    if south >= north or west == east:
        raise DataError(
            f"the bounds are empty: {west:g}, {south:g}, {east:g}, {north:g}",
            where=where,
            hint="south is less than north; east less than west crosses the antimeridian.",
        )
    east = east + 360 if east < west else east
    return np.array([(north, west), (north, east), (south, east), (south, west)])


def _centre(corners: Doubles, told: Doubles | None, where: str) -> Doubles:
    """Return the centre [2] that a line tells, or the middle of its corners [4, 2]."""
    middle = np.asarray(corners.mean(axis=0))
    if told is None:
        return middle
    turns = np.round((middle[1] - told[1]) / 360)
    centre = np.array([told[0], told[1] + 360 * turns])
    if span_m(centre, middle) > span_m(corners[0], corners[2]) / 2:
        raise DataError(
            f"lat, lon {told[0]:g}, {told[1]:g} lie outside the tile",
            where=where,
            hint=f"Its corners have their middle at {middle[0]:g}, {middle[1]:g}.",
        )
    return centre
