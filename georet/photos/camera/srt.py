"""Telemetry in the subtitles that drones write beside videos: several makers' ways, one reader.

DJI's newer drones write ``[rel_alt: 30.1 abs_alt: 90.0] [gb_yaw: 12.0 gb_pitch: -90 ...]``, older
ones ``GPS (8.1, 47.2, 15), H 30.0m``; Autel names degrees by letters. What is written is read by
its name; a position of one maker is longitude first, of another latitude first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from georet.errors import DataError
from georet.photos.camera.lens import fov_of_focal

_TIMES: Final = re.compile(
    r"^\s*(\d{1,3}):(\d{2}):(\d{2})[,.](\d{1,3})\s*-->\s*\d{1,3}:\d{2}:\d{2}[,.]\d{1,3}",
    re.MULTILINE | re.ASCII,
)
_NUMBER: Final = r"([-+]?\d+(?:\.\d+)?)"
_KEYS: Final = {
    "lat": r"\blatitude\s*[:=]\s*",
    # DJI's spelling of its own key, for years.
    "lon": r"\blong(?:t)?itude\s*[:=]\s*",
    "height_m": r"\brel_alt\s*[:=]\s*|\bH\s+(?=[-\d.]+\s*m\b)|\bBAROMETER\s*:\s*",
    "altitude_m": r"\babs_alt\s*[:=]\s*|\baltitude\s*[:=]\s*",
    "heading_deg": r"\bgb_yaw\s*[:=]\s*|\bG\.YAW\s*[:=]?\s*",
    "pitch_deg": r"\bgb_pitch\s*[:=]\s*|\bG\.PITCH\s*[:=]?\s*",
    "roll_deg": r"\bgb_roll\s*[:=]\s*|\bG\.ROLL\s*[:=]?\s*",
    "_focal": r"\bfocal_len\s*[:=]\s*",
    "_zoom": r"\bdzoom_ratio\s*[:=]\s*",
}
_FINDERS: Final = {
    name: re.compile(f"(?:{pattern}){_NUMBER}", re.IGNORECASE | re.ASCII)
    for name, pattern in _KEYS.items()
}
_OLD_POSITION: Final = re.compile(
    rf"\bGPS\s*\(\s*{_NUMBER}\s*,\s*{_NUMBER}\s*,\s*[-+]?\d+(?:\.\d+)?M?\s*\)",
    re.IGNORECASE | re.ASCII,
)
_LETTERED: Final = re.compile(
    rf"\bGPS\s*\(\s*([EW])\s*:\s*{_NUMBER}\s*,\s*([NS])\s*:\s*{_NUMBER}", re.IGNORECASE | re.ASCII
)
_WIDTH_35MM: Final = 36.0
_SHORTEST_MM, _TENFOLD = 10.0, 100.0
_LONGEST: Final = 4_000
"""Characters of one subtitle that are looked at."""


def entries_of(path: Path, text: str) -> Iterator[tuple[str, float, dict[str, Any]]]:
    """Yield (``file:line``, second, values) of each subtitle that tells something.

    Values are named as the columns of a telemetry table. DataError where there is no subtitle, and
    where no one of them holds telemetry.
    """
    starts = list(_TIMES.finditer(text))
    if not starts:
        raise DataError(
            "holds no subtitle with a time",
            where=str(path),
            hint="Wanted: 00:00:01,000 --> 00:00:02,000 and lines below it.",
        )
    num_told, line, counted_to = 0, 1, 0
    for at, match in enumerate(starts):
        end = starts[at + 1].start() if at + 1 < len(starts) else len(text)
        line += text.count("\n", counted_to, match.start())
        counted_to = match.start()
        values = _values(text[match.end() : min(end, match.end() + _LONGEST)])
        if values:
            num_told += 1
            hours, minutes, seconds, fraction = match.groups()
            second = 3600 * int(hours) + 60 * int(minutes) + int(seconds)
            yield f"{path}:{line}", second + int(fraction) / 10 ** len(fraction), values
    if not num_told:
        raise DataError(
            "has subtitles, but none with telemetry",
            where=str(path),
            hint="Known are values such as [rel_alt: 30.1 abs_alt: 90.0] [gb_yaw: 12.0].",
        )


def _values(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, finder in _FINDERS.items():
        match = finder.search(text)
        if match:
            found[name] = float(match[1])
    if "lat" not in found:
        found |= _position(text)
    focal, zoom = found.pop("_focal", 0.0), found.pop("_zoom", 1.0)
    # Newer drones write the 35-mm equivalent with decimals, older ones ten times as much, and the
    # zoom ten thousand times.
    focal = focal / 10.0 if focal >= _TENFOLD else focal
    zoom = zoom / 10_000.0 if zoom >= _TENFOLD else zoom
    if _SHORTEST_MM <= focal < _TENFOLD:
        found["fov_deg"] = fov_of_focal(focal * max(1.0, zoom), _WIDTH_35MM)
    return found


def _position(text: str) -> dict[str, float]:
    lettered = _LETTERED.search(text)
    if lettered:
        lon = float(lettered[2]) * (-1 if lettered[1].upper() == "W" else 1)
        lat = float(lettered[4]) * (-1 if lettered[3].upper() == "S" else 1)
        return {"lat": lat, "lon": lon}
    old = _OLD_POSITION.search(text)
    if old:  # longitude first
        return {"lat": float(old[2]), "lon": float(old[1])}
    return {}
