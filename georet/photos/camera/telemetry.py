"""Telemetry beside photos and videos: tables, JSON and subtitles, each row with its source."""

from __future__ import annotations

import bisect
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from georet.csvfile import read_csv, read_text, slashed
from georet.errors import DataError
from georet.photos.camera.attitude import attitude_of
from georet.photos.camera.facts import (
    CameraFacts,
    Reading,
    ReadingError,
    checked_fov,
    checked_height,
    wrapped,
)
from georet.photos.camera.srt import entries_of
from georet.photos.camera.ulog import rows_of

_ANGLES: Final = ("heading_deg", "tilt_deg", "pitch_deg", "roll_deg")
_ODOMETRY: Final = ("east_m", "north_m")
COLUMNS: Final = (
    "photo", "time_s", "lat", "lon", *_ANGLES, "height_m", "altitude_m", "fov_deg", *_ODOMETRY
)  # fmt: skip
"""What a table of telemetry may hold; pitch_deg is -90 straight down, in place of tilt_deg."""
_PLACES: Final = {"lat", "lon", "altitude_m"}
_ODOMETRY_SIGMA_M: Final = 0.5
_SIGMAS: Final = {"heading_deg": 5.0, "tilt_deg": 2.0, "roll_deg": 2.0}
_LONGEST_GAP_S: Final = 5.0
"""Across a longer silence nothing is told: an aircraft may have turned."""
_LINES_REFUSED: Final = 20
_OTHER_LOGS: Final = (".tlog", ".bin", ".log", ".bag", ".mcap")


@dataclass(frozen=True)
class Telemetry:
    """Facts by photo name, or by second of a video; ``path`` is the file that tells them."""

    path: Path
    by_photo: Mapping[str, CameraFacts] = field(default_factory=dict)
    seconds: Sequence[float] = ()
    by_second: Sequence[CameraFacts] = ()
    refused: Sequence[str] = ()

    def for_photo(self, photo: Path) -> CameraFacts | None:
        """Return what is told of a photo, else None; ``named`` says how it is found."""
        name = self.named(photo)
        return None if name is None else self.by_photo[name]

    def named(self, photo: Path) -> str | None:
        """Return how the table names a photo: by the end of its path, of which the longest counts.

        Else by the file's name alone, whatever folder the table says, if each name stands in the
        table once. None for a photo that it doesn't name.
        """
        parts = photo.as_posix().split("/")
        ends = ("/".join(parts[at:]) for at in range(len(parts)))
        found = next((end for end in ends if end in self.by_photo), None)
        return found or self._by_file.get(photo.name)

    @cached_property
    def _by_file(self) -> Mapping[str, str]:
        by_file = {name.rpartition("/")[2]: name for name in self.by_photo}
        return by_file if len(by_file) == len(self.by_photo) else {}

    def at(self, second: float) -> CameraFacts | None:
        """Return what is told at a second, between two rows in proportion; None beyond them."""
        after = bisect.bisect_left(self.seconds, second)
        if after < len(self.seconds) and self.seconds[after] == second:
            return self.by_second[after]
        if after in (0, len(self.seconds)):
            return None
        before = after - 1
        gap = self.seconds[after] - self.seconds[before]
        if gap > _LONGEST_GAP_S:
            return None
        share = (second - self.seconds[before]) / gap
        return between(self.by_second[before], self.by_second[after], share)


def between(first: CameraFacts, second: CameraFacts, share: float) -> CameraFacts:
    """Return what lies between two facts; headings and longitudes take the shorter way round."""
    readings: dict[str, Any] = {}
    other = dict(second.readings())
    for name, reading in first.readings():
        if name not in other:
            continue
        step = other[name].value - reading.value
        if name in ("heading_deg", "roll_deg"):
            step = wrapped(step)
        value = reading.value + share * step
        value = value % 360.0 if name == "heading_deg" else value
        readings[name] = Reading(value, max(reading.sigma, other[name].sigma), reading.source)
    latlon = None
    if first.latlon and second.latlon:
        (lat, lon), (next_lat, next_lon) = first.latlon, second.latlon
        latlon = lat + share * (next_lat - lat), wrapped(lon + share * wrapped(next_lon - lon))
    return CameraFacts(**readings, latlon=latlon)


def read_telemetry(path: Path, *, with_position: bool = False) -> Telemetry:
    """Return the telemetry in a ``.csv``, ``.json``, ``.srt`` or ``.ulg`` file.

    A table has a column ``photo`` (a name, or a path from the table's folder) or ``time_s``
    (seconds of a video), and any others of ``COLUMNS``; JSON is a list of objects with these keys.
    Positions are kept only with ``with_position``. Values that can't be believed are left out and
    named in ``refused``; DataError, with file and line, for what is no such table.
    """
    suffix = path.suffix.lower()
    if suffix == ".srt":
        return _timed(path, entries_of(path, read_text(path)), with_position)
    if suffix == ".ulg":
        return _timed(path, rows_of(path), with_position)
    if suffix in _OTHER_LOGS:
        raise DataError(
            "is a log that georet doesn't read",
            where=str(path),
            hint="Convert it to a table, or to ULog: .csv, .json, .srt and .ulg are read.",
        )
    rows = _json_rows(path) if suffix == ".json" else _csv_rows(path)
    by_photo: dict[str, CameraFacts] = {}
    timed: dict[float, CameraFacts] = {}
    refused: list[str] = []
    for where, row in rows:
        facts = _facts(row, where, refused, with_position)
        name, second = row.get("photo"), row.get("time_s")
        if name and slashed(str(name), where) in by_photo:
            raise DataError(f"photo {name!r} stands twice", where=where)
        if name:
            by_photo[slashed(str(name), where)] = facts
        elif isinstance(second, float):
            timed[second] = facts
        else:
            raise DataError(
                "tells neither photo nor time_s", where=where, hint="Each row needs one of them."
            )
    _check_columns(path, [row for _, row in rows], with_position)
    seconds = sorted(timed)
    told = tuple(refused)
    return Telemetry(path, by_photo, seconds, [timed[second] for second in seconds], told)


def _check_columns(path: Path, rows: Sequence[Mapping[str, Any]], with_position: bool) -> None:
    """Raise DataError for a table that tells where photos were taken, and nothing of cameras."""
    held = {name for row in rows for name, value in row.items() if value != ""}
    key = {"photo"} if "photo" in held else {"time_s"}
    if rows and not with_position and held <= key | _PLACES:
        raise DataError(
            "tells nothing of a camera",
            where=str(path),
            hint=f"It holds {', '.join(name for name in COLUMNS if name in held)}. Wanted is at "
            f"least one of: {', '.join(n for n in COLUMNS[1:] if n not in _PLACES | key)}.",
        )


def _timed(
    path: Path, entries: Iterable[tuple[str, float, dict[str, Any]]], with_position: bool
) -> Telemetry:
    refused: list[str] = []
    seconds: list[float] = []
    found: list[CameraFacts] = []
    for where, second, row in entries:
        if seconds and second <= seconds[-1]:
            refused.append(f"{where}: goes back in time")
            continue
        seconds.append(second)
        found.append(_facts(row, where, refused, with_position))
    return Telemetry(path, {}, seconds, found, tuple(refused))


def _csv_rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    table = read_csv(path, COLUMNS)
    if not {"photo", "time_s"} & set(table.columns):
        raise table.no_column(
            "has neither a column 'photo' nor 'time_s'",
            "photo",
            hint=f"Known are: {', '.join(COLUMNS)}.",
        )
    rows = []
    for where, cells in table:
        row: dict[str, Any] = {"photo": cells.get("photo", "")}
        for name in COLUMNS[1:]:
            if cells.get(name):
                row[name] = table.numbers.read(cells[name], f"{where}:{name}", name=name)
        rows.append((where, row))
    return rows


def _json_rows(path: Path) -> list[tuple[str, dict[str, Any]]]:
    try:
        found = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise DataError(f"is no JSON: {error}", where=str(path)) from None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise DataError(
            "is no list of objects",
            where=str(path),
            hint='Wanted: [{"photo": "a.jpg", "heading_deg": 85, "height_m": 120}, ...]',
        )
    rows = []
    for at, told in enumerate(found):
        where = f"{path}[{at}]"
        row: dict[str, Any] = {"photo": str(told.get("photo") or "")}
        for name in COLUMNS[1:]:
            value = told.get(name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise DataError(f"{name} is {value!r}, not a number", where=where)
            row[name] = float(value)
        rows.append((where, row))
    return rows


def _facts(
    row: Mapping[str, Any], where: str, refused: list[str], with_position: bool
) -> CameraFacts:
    """Return the facts of one row; what can't be believed is left out and named."""
    told: dict[str, Any] = {}
    source = str(row.get("source") or f"{where.rpartition('/')[2]}")

    def refuse(what: str) -> None:
        if len(refused) < _LINES_REFUSED:
            refused.append(f"{where}: {what}")

    pitch = row.get("pitch_deg")
    tilt = row.get("tilt_deg")
    if pitch is None and tilt is not None:
        pitch = tilt - 90.0
    try:
        attitude = attitude_of(row.get("heading_deg"), pitch, row.get("roll_deg"))
        for name, sigma in _SIGMAS.items():
            value = getattr(attitude, name)
            if value is not None:
                own = float(row.get(name.replace("_deg", "_sigma_deg"), 0.0))
                told[name] = Reading(value, max(sigma, attitude.overshoot_deg, own), source)
    except ReadingError as error:
        refuse(str(error))
    for name, check, share in (("height_m", checked_height, 0.1), ("fov_deg", checked_fov, 0.03)):
        value = row.get(name)
        try:
            if value is not None:
                told[name] = Reading(check(value), share * value, source)
        except ReadingError as error:
            refuse(f"{name} {error}")
    for name in (*_ODOMETRY, "time_s"):
        value = row.get(name)
        if value is not None and math.isfinite(value):
            told[name] = Reading(value, 0.0 if name == "time_s" else _ODOMETRY_SIGMA_M, source)
    if with_position:
        altitude = row.get("altitude_m")
        if altitude is not None and math.isfinite(altitude):
            told["altitude_m"] = Reading(altitude, 10.0, source)
        lat, lon = row.get("lat"), row.get("lon")
        if lat is not None and lon is not None:
            if (lat, lon) == (0.0, 0.0):
                refuse("the position is 0, 0, which cameras without a fix write")
            elif not (abs(lat) <= 90.0 and abs(lon) <= 360.0):
                refuse(f"latitude, longitude are {lat:g}, {lon:g}")
            else:
                told["latlon"] = (lat, wrapped(lon))
    return CameraFacts(**told)
