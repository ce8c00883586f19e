"""What photos and telemetry tell together, and how it is put into words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from georet.errors import DataError
from georet.photos.camera.facts import CameraFacts, Reading
from georet.photos.camera.photo import camera_facts
from georet.photos.camera.telemetry import Telemetry, read_telemetry
from georet.photos.finding import find_photos
from georet.progress import one_line, say, stage

_NAMES: Final = {
    "heading_deg": ("heading", "\N{DEGREE SIGN}", 1),
    "tilt_deg": ("tilt", "\N{DEGREE SIGN}", 1),
    "roll_deg": ("roll", "\N{DEGREE SIGN}", 1),
    "height_m": ("height", " m", 1),
    "altitude_m": ("altitude", " m", 1),
    "fov_deg": ("field of view", "\N{DEGREE SIGN}", 1),
    "east_m": ("odometry east", " m", 1),
    "north_m": ("odometry north", " m", 1),
    "time_s": ("time", " s", 1),
}
_WIDTH: Final = 14


def facts_of(
    photos: Sequence[Path], *, telemetry: Path | None = None, with_position: bool = False
) -> dict[Path, CameraFacts]:
    """Return what is told of each photo; telemetry comes before the photo's own words.

    DataError for a photo that is none, and for telemetry that names none of them.
    """
    told = None if telemetry is None else read_telemetry(telemetry, with_position=with_position)
    found: dict[Path, CameraFacts] = {}
    paths, num_named = find_photos(photos), 0
    with stage(len(paths), "photos") as bar:
        for path in paths:
            facts = camera_facts(path, with_position=with_position)
            named = None if told is None else told.for_photo(path)
            num_named += named is not None
            found[path] = facts if named is None else named.over(facts)
            bar.advance(1)
    if told is not None:
        _check_named(told, num_named, len(paths))
    return found


def _check_named(told: Telemetry, num_named: int, num_photos: int) -> None:
    for line in told.refused:
        say(f"warning: left out: {line}")
    if not num_named:
        names = ", ".join(list(told.by_photo)[:3]) or "no photo, only seconds of a video"
        raise DataError(
            f"names none of the {num_photos} photos",
            where=str(told.path),
            hint=f"It names {names}. Names are those of the files, or paths that end so.",
        )
    if num_named < num_photos:
        say(f"{told.path}: tells of {num_named} of {num_photos} photos")


def described(path: Path, facts: CameraFacts) -> str:
    """Return the lines that say what is known of a photo's camera, and what was not believed."""
    lines = [one_line(str(path))]
    if facts.size:
        camera = " ".join(part for part in (facts.maker, facts.model) if part)
        lines.append(_line("camera", f"{camera or 'unnamed'}, {_by(facts.size)} pixels"))
    if facts.taken_at:
        lines.append(_line("taken", facts.taken_at))
    if facts.latlon:
        lines.append(_line("position", f"{facts.latlon[0]:.6f}, {facts.latlon[1]:.6f}"))
    lines += [_of(name, reading) for name, reading in facts.readings()]
    if facts.panorama:
        part = f"{facts.panorama.width_deg:g} x {facts.panorama.height_deg:g} degrees"
        lines.append(_line("panorama", part))
    if len(lines) <= 1 + bool(facts.size) + bool(facts.taken_at):
        lines.append(_line("", "tells neither attitude, height nor lens"))
    return "\n".join([*lines, *(_line("not believed", reason) for reason in facts.refused)])


def _of(name: str, reading: Reading) -> str:
    title, unit, digits = _NAMES[name]
    value = f"{reading.value:.{digits}f}{unit} \N{PLUS-MINUS SIGN} {reading.sigma:.{digits}f}"
    note = f"; {reading.note}" if reading.note else ""
    return _line(title, f"{value}  ({reading.source}{note})")


def _line(title: str, text: str) -> str:
    return f"  {title:<{_WIDTH}}{one_line(text)}"


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
