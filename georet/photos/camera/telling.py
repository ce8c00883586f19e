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
_FEW: Final = 3


def facts_of(
    photos: Sequence[Path], *, telemetry: Path | None = None, with_position: bool = False
) -> dict[Path, CameraFacts]:
    """Return what is told of each photo; telemetry comes before the photo's own words.

    DataError for a photo that is none, and for telemetry that tells of none of them.
    """
    told = None if telemetry is None else read_telemetry(telemetry, with_position=with_position)
    found: dict[Path, CameraFacts] = {}
    paths = find_photos(photos)
    check_told(told, paths)
    with stage(len(paths), "photos") as bar:
        for path in paths:
            facts = camera_facts(path, with_position=with_position)
            named = None if told is None else told.for_photo(path)
            found[path] = facts if named is None else named.over(facts)
            bar.advance(1)
    return found


def check_told(told: Telemetry | None, asked: Sequence[Path | float], what: str = "photos") -> None:
    """Say what telemetry doesn't tell of photos, or of seconds of a video: one call before work.

    Warnings name the values that were left out, how many of ``asked`` it tells of, and a row that
    several files are taken for. DataError where it tells of none.
    """
    if told is None or not asked:
        return
    for line in told.refused:
        say(f"warning: left out: {line}")
    by_second = [one for one in asked if isinstance(one, float) and told.at(one) is not None]
    by_row: dict[str, list[Path]] = {}
    for one in asked:
        name = told.named(one) if isinstance(one, Path) else None
        if name is not None and isinstance(one, Path):
            by_row.setdefault(name, []).append(one)
    num = len(by_second) + sum(map(len, by_row.values()))
    if not num:
        raise DataError(
            f"tells of none of the {len(asked)} {what}",
            where=str(told.path),
            hint=_looked_up(told, asked),
        )
    if num < len(asked):
        say(f"warning: {told.path}: tells of {num} of {len(asked)} {what}")
    for name, files in by_row.items():
        if len(files) > 1:
            say(
                f"warning: {told.path}: {name!r} is taken for {len(files)} {what}: "
                f"{', '.join(map(str, files[:_FEW]))}"
            )


def _looked_up(told: Telemetry, asked: Sequence[Path | float]) -> str:
    """Return by what telemetry is asked, and what it holds instead."""
    if not isinstance(asked[0], Path):
        return "They are looked up by the column time_s, in seconds of the video."
    names = ", ".join(list(told.by_photo)[:_FEW]) or "no photo, only seconds of a video"
    return (
        "They are looked up by the column photo: a file's name, or the end of its path. "
        f"It names {one_line(names)}."
    )


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
