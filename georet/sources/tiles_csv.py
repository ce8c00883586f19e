"""Folders of images with a ``tiles.csv`` that tells where each lies."""

from __future__ import annotations

import math
import posixpath
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from georet.csvfile import CsvTable, read_csv, slashed
from georet.errors import DataError
from georet.ground.wgs84 import mean_side_m, span_m, square_corners, wrapped
from georet.sources.images import ImageSource, one_side_m
from georet.sources.strays import Strays
from georet.sources.untrusted import Inside, check_regular, shown
from georet.suggest import did_you_mean
from georet.tiles.table import TileTable
from georet.tiles.tiling import Tiling
from georet.types import Bools, Doubles

FILE: Final = "tiles.csv"
CENTRE: Final = ("lat", "lon")
BOUNDS: Final = ("west", "south", "east", "north")
CORNERS: Final = ("tl_lat", "tl_lon", "tr_lat", "tr_lon", "br_lat", "br_lon", "bl_lat", "bl_lon")
KNOWN: Final = ("file", *CENTRE, "side_m", *BOUNDS, *CORNERS)
_NUMBERS: Final = KNOWN[1:]
_WIDEST: Final = 180.0
_LONGEST: Final = 4000
_LONGEST_PART: Final = 255
_MOST_MISSING: Final = 1000
"""So many files that aren't there, and most of all: no hole in the data but another folder."""


class _Lines(NamedTuple):
    """Lines 0 to R - 1: where they stand, files as written, numbers [R, 15] by ``_NUMBERS``."""

    where: list[str]
    names: list[str]
    numbers: Doubles


def open_csv(root: Path, tiling: Tiling, *, follow: bool = False) -> ImageSource:
    """Return the tiles listed in ``root/tiles.csv``, in its order; ids are the files as written,
    with slashes.

    Columns: ``file`` (relative to the folder), and one of: ``lat, lon, side_m`` (a north-up
    square; without ``side_m`` the tiling's); ``west, south, east, north``; or corners,
    ``tl_lat, tl_lon, tr_lat, ... bl_lon`` (top left, top right, bottom right, bottom left, as in
    the image). All in degrees; with bounds or corners, ``lat, lon`` may give the centre. Other
    columns are ignored. DataError names file, line and column; also for a file that a link takes
    out of the folder, unless ``follow``.
    """
    path = Path(root).absolute() / FILE
    check_regular(path)
    default = one_side_m(tiling, where=str(path))
    lines = _lines(path)
    if not lines.names:
        raise DataError("lists no tile", where=str(path), hint=f"Columns: {', '.join(KNOWN)}.")
    _check_ranges(lines)
    paths, remarks = _files(path.parent, lines, follow=follow)
    centres, corners, side_m = _placed(lines, default)
    turns = wrapped(centres[:, 1]) - centres[:, 1]
    corners[:, :, 1] += turns[:, None]
    centres[:, 1] += turns
    side_m = np.where(np.isnan(side_m), mean_side_m(corners), side_m)
    table = TileTable(lines.names, centres, corners, side_m)
    about = {"kind": "tiles.csv", "path": str(path.parent), "tiling": tiling.as_json()}
    return ImageSource(table, paths, about, remarks, lines.where)


def _lines(path: Path) -> _Lines:
    seen: dict[str, str] = {}
    lines: dict[str, str] = {}
    numbers: list[list[float]] = []
    table = read_csv(path, KNOWN)
    _check_header(table)
    columns = [c for c in _NUMBERS if c in table.columns]
    read = table.numbers.read
    for where, cells in table:
        name = slashed(cells["file"], f"{where}:file")
        plain = posixpath.normpath(name)
        if plain in lines:
            line = lines[plain].rpartition(":")[2]
            raise DataError(f"{shown(name)} stands in line {line} already", where=f"{where}:file")
        lines[plain] = seen[name] = where
        numbers.append([read(cells[c], f"{where}:{c}") if cells[c] else math.nan for c in columns])
    filled = np.full((len(numbers), len(_NUMBERS)), np.nan)
    filled[:, [_NUMBERS.index(c) for c in columns]] = np.array(numbers).reshape(-1, len(columns))
    return _Lines(list(seen.values()), list(seen), filled)


def _check_header(table: CsvTable) -> None:
    columns = table.columns
    has_place = [all(c in columns for c in group) for group in (CENTRE, BOUNDS, CORNERS)]
    missing = "file" if "file" not in columns else None
    if missing is None and not any(has_place):
        missing = "lat, lon"
    if missing:
        odd = next((c for c in columns if c not in KNOWN), "")[:40]
        close = did_you_mean(odd, KNOWN)
        raise table.no_column(
            f"the column {missing} is missing",
            missing,
            hint=f"Wanted: file and either {', '.join(CENTRE)}, side_m or {', '.join(BOUNDS)} or "
            f"{', '.join(CORNERS)}." + (f" Of {odd!r}: {close}" if close else ""),
        )


def _files(root: Path, lines: _Lines, *, follow: bool) -> tuple[list[Path], list[str]]:
    """Return the files' paths, and remarks on those that hold no picture."""
    inside, strays, paths, missing = Inside(root), Strays(root), [], []
    for where, name in zip(lines.where, lines.names, strict=True):
        _check_name(name, f"{where}:file")
        path = root / name
        try:
            status = path.lstat()
        except OSError:
            status = None  # told when it is read, and counted among the bad tiles
            missing.append((name, where))
        if not follow:
            is_link = status is not None and stat.S_ISLNK(status.st_mode)
            inside.check(path, f"{where}:file", is_link=is_link)
        if status is not None:
            strays.look(name, path, status.st_size)
        paths.append(path)
    if len(missing) > max(_MOST_MISSING, len(paths) / 2):
        name, where = missing[0]
        raise DataError(
            f"{len(missing):,} of the {len(paths):,} files listed are not there, "
            f"the first is {shown(name)}",
            where=f"{where}:file",
            hint=f"They are looked for in {root}.",
        )
    return paths, strays.remarks()


def _check_name(name: str, where: str) -> None:
    """Raise DataError for a name that is no path within the folder."""
    parts = name.split("/")
    is_long = len(name) > _LONGEST or max(map(len, parts)) > _LONGEST_PART
    if not name or "\0" in name or not parts[0] or ".." in parts or is_long:
        raise DataError(
            f"{shown(name)} is no file in the folder",
            where=where,
            hint="Write paths relative to the folder of tiles.csv, without `..`.",
        )


def _check_ranges(lines: _Lines) -> None:
    is_lat = np.array([c.endswith("lat") or c in ("south", "north") for c in _NUMBERS])
    is_side = np.array([c == "side_m" for c in _NUMBERS])
    most = np.where(is_lat, 90.0, np.where(is_side, np.inf, 360.0))
    numbers = lines.numbers
    wrong = (np.abs(numbers) > most) | (is_side & (numbers <= 0))
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        raise DataError(
            f"{numbers[row, column]:g} is out of range",
            where=f"{lines.where[row]}:{_NUMBERS[column]}",
            hint="Latitudes lie in -90..90, longitudes in -180..180, side_m above 0.",
        )


def _placed(lines: _Lines, default_m: float | None) -> tuple[Doubles, Doubles, Doubles]:
    """Return centres [R, 2], corners [R, 4, 2] and sides [R], NaN where corners tell them."""
    numbers = {c: lines.numbers[:, i] for i, c in enumerate(_NUMBERS)}
    told = np.stack([numbers[c] for c in CENTRE], axis=-1)
    side_m = numbers["side_m"].copy()
    side_m[np.isnan(side_m)] = np.nan if default_m is None else default_m
    corners = np.stack([numbers[c] for c in CORNERS], axis=-1).reshape(-1, 4, 2)
    has_corners: Bools = np.asarray(np.isfinite(corners).all(axis=(1, 2)))
    has_bounds = np.isfinite([numbers[c] for c in BOUNDS]).all(axis=0)
    by_bounds: Bools = np.asarray(~has_corners & has_bounds)
    corners[by_bounds] = _corners_of_bounds(lines, numbers, by_bounds)
    corners[:, :, 1] += (
        360 * np.round((corners[:, :1, 1] - corners[:, :, 1]) / 360) * (has_corners[:, None])
    )
    has_corners |= by_bounds
    is_told: Bools = np.asarray(np.isfinite(told).all(axis=1))
    is_square = ~has_corners & is_told & np.isfinite(side_m)
    _check_told(lines, has_corners | is_square, is_told)
    corners[is_square] = square_corners(told[is_square], side_m[is_square])
    centres = told.copy()
    centres[has_corners] = _centres(lines, corners, told, has_corners)
    side_m[has_corners] = np.nan
    return centres, corners, side_m


def _check_told(lines: _Lines, is_placed: Bools, has_centre: Bools) -> None:
    if is_placed.all():
        return
    row = int(np.argmin(is_placed))
    raise DataError(
        "the line doesn't tell the tile's " + ("size" if has_centre[row] else "place"),
        where=lines.where[row],
        hint="Fill in lat, lon and side_m, or bounds, or corners; "
        "or give one size for all tiles: --side 200m.",
    )


def _corners_of_bounds(lines: _Lines, numbers: Mapping[str, Doubles], rows: Bools) -> Doubles:
    """Return the corners [M, 4, 2] of the lines bool[R] that tell their bounds."""
    west, south, east, north = (numbers[c][rows] for c in BOUNDS)
    is_empty = (south >= north) | (west == east)
    if is_empty.any():
        first = int(np.argmax(is_empty))
        told = ", ".join(f"{edge[first]:g}" for edge in (west, south, east, north))
        raise DataError(
            f"the bounds are empty: {told}",
            where=lines.where[int(np.flatnonzero(rows)[first])],
            hint="south is less than north; east less than west crosses the antimeridian.",
        )
    east = np.where(east < west, east + 360, east)
    is_wide = east - west > _WIDEST
    if is_wide.any():
        first = int(np.argmax(is_wide))
        raise DataError(
            f"the bounds are {east[first] - west[first]:g} degrees wide",
            where=lines.where[int(np.flatnonzero(rows)[first])],
            hint="Are west and east swapped? East less than west crosses the antimeridian.",
        )
    ring = [(north, west), (north, east), (south, east), (south, west)]
    return np.stack([np.stack(corner, axis=-1) for corner in ring], axis=1)


def _centres(lines: _Lines, corners: Doubles, told: Doubles, rows: Bools) -> Doubles:
    """Return the centres [M, 2] that lines bool[R] tell, or the middles of their corners."""
    corners, told = corners[rows], told[rows]
    middles = corners.mean(axis=1)
    is_told: Bools = np.asarray(np.isfinite(told).all(axis=1))
    centres = np.where(is_told[:, None], told, middles)
    centres[:, 1] += 360 * np.round((middles[:, 1] - centres[:, 1]) / 360)
    off = span_m(centres, middles) > span_m(corners[:, 0], corners[:, 2]) / 2
    if off.any():
        first = int(np.argmax(off))
        raise DataError(
            f"lat, lon {told[first, 0]:g}, {told[first, 1]:g} lie outside the tile",
            where=lines.where[int(np.flatnonzero(rows)[first])],
            hint=f"Its corners have their middle at {middles[first, 0]:g}, {middles[first, 1]:g}.",
        )
    return centres
