"""What ``georet track`` does: find the frames, fly, write what was asked for."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from georet.commands.foreseeing import foresee_tracking
from georet.commands.locating import check_outputs, open_locator
from georet.commands.naming import check_order
from georet.errors import DataError
from georet.files import write_atomic
from georet.flights.films import Film, film_of, looked_up
from georet.flights.flying import Flight, Pilot, make_tracker
from georet.flights.located import Track
from georet.flights.profile import Truth, profile
from georet.flights.report import lines, page
from georet.flights.sampling import Every
from georet.ground.region import Region
from georet.interrupt import StopRequest
from georet.locate.output.choosing import Target
from georet.locate.output.provenance import provenance
from georet.locate.question import Question
from georet.page.readable import position
from georet.photos.camera.cameras import Cameras
from georet.photos.camera.telling import check_told
from georet.plugins import Selection
from georet.progress import echo, echo_json, next_step, one_line, say
from georet.tracks.points import TrackPoint

_PAGE: Final = ".html"
_FEW_MATCHED: Final = 0.1
"""Where a smaller share of the frames is matched, the track is hardly more than a guess."""


@dataclass(frozen=True)
class Asked:
    """What the options of ``georet track`` ask for."""

    gallery: Path
    films: Sequence[Path]
    cameras: Cameras
    every: str | None
    region: str | None
    refine: str | None
    tracker: str
    is_live: bool
    truth: Path | None
    outs: Sequence[Path]
    formats: Sequence[str]
    encoder: Path | None
    backend: str
    max_pixels: int | None
    as_json: bool
    is_dry: bool = False


def track_flight(asked: Asked, selection: Selection) -> None:
    """Track a flight, write the outputs, and say the figures.

    Raises Interrupted (exit code 75) on SIGTERM or Ctrl-C once what was done is on disk.
    """
    check_order(asked.gallery, asked.films)
    every = None if asked.every is None else Every.parse(asked.every)
    region = None if asked.region is None else Region.parse(asked.region)
    pages = [out for out in asked.outs if out.suffix.lower() == _PAGE]
    for out in pages:
        if not out.parent.is_dir():
            hint = f"mkdir -p {out.parent}"
            raise DataError("there is no such folder", where=str(out.parent), hint=hint)
    others = [out for out in asked.outs if out not in pages]
    targets = check_outputs(others, 0.0, asked.formats, selection)
    tracker = make_tracker(asked.tracker, selection)
    limits = {} if asked.max_pixels is None else {"max_pixels": asked.max_pixels}
    film = film_of(asked.films, asked.cameras, every=every, **limits)
    _check_told(asked, film)
    truth = None if asked.truth is None else Truth.read(asked.truth, film.shots)
    locator = open_locator(
        asked.gallery, targets, index="exact", rerank=None, refine=asked.refine,
        encoder=asked.encoder, backend=asked.backend, selection=selection,
        max_pixels=asked.max_pixels,
    )  # fmt: skip
    facts = provenance(locator, Question(cameras=asked.cameras))
    del facts["created"]  # A flight that went on after a kill has the same files to the byte.
    facts["track"] = {"tracker": asked.tracker, "live": asked.is_live, "region": asked.region}
    pilot = Pilot(locator, tracker, asked.cameras, region, selection)
    if asked.is_dry:
        look = partial(pilot.glimpsed, film)
        foresee_tracking(pilot, range(len(film.shots)), look, asked.outs)
        return
    with ExitStack() as stack:
        stack.callback(locator.close)
        if asked.outs:
            kept = asked.outs[0].with_name(f".{asked.outs[0].name}")
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="georet-track-"))
            kept = Path(folder) / "flight"
        flight = _flown(pilot, film, kept, facts, asked)
        track = Track(flight, tuple(film.shots), facts | {"fitted": flight.told})
        _write(track, pages, targets, truth)
        _told(track, truth, asked)
        for name in ("frames", "refined", "live"):
            kept.with_name(f"{kept.name}.{name}.jsonl").unlink(missing_ok=True)


def _flown(pilot: Pilot, film: Film, kept: Path, facts: dict[str, Any], asked: Asked) -> Flight:
    keeps = "what was done so far is kept" if asked.outs else "nothing is kept"
    hint = "The same command goes on." if asked.outs else "--out keeps it."
    with StopRequest() as stop:

        def check() -> None:
            stop.check(keeps, hint=hint)

        if not asked.is_live:
            return pilot.fly(film, kept, facts, check)

        def show(point: TrackPoint) -> None:
            if asked.as_json:
                echo(json.dumps(point.as_record()))
            else:
                echo(in_a_line(point))

        return pilot.follow(film, kept, facts, check, show)


def _write(
    track: Track, pages: Sequence[Path], targets: Sequence[Target], truth: Truth | None
) -> None:
    for target in targets:
        target.write(track)  # type: ignore[arg-type]
    figures = profile(track.flight, truth)
    for out in pages:
        text = page(track, figures, truth)
        write_atomic(out, text.encode("utf-8", errors="replace"))


def _told(track: Track, truth: Truth | None, asked: Asked) -> None:
    figures = profile(track.flight, truth)
    num = sum(point.source == "matched" for point in track.flight.points)
    if num < _FEW_MATCHED * len(track.flight.points):
        matched = f"{num} of {len(track.flight.points)} frames were" if num else "no frame was"
        say(f"warning: {matched} matched: is this one flight, in order, over this gallery?")
    if asked.as_json and not asked.is_live:
        points = [point.as_record() for point in track.flight.points]
        whole = {"provenance": track.provenance, "profile": figures, "points": points}
        echo_json(json.loads(json.dumps(whole)))
        return
    tell = say if asked.is_live else echo
    for name, value in lines(figures):
        tell(f"{name}: {value}")
    fitted = {k: v for k, v in track.flight.told.items() if k in ("sharpness", "stray") and v}
    if fitted:
        tell("fitted: " + ", ".join(f"{name} {value:.3g}" for name, value in fitted.items()))
    for out in asked.outs:
        tell(f"wrote {out}")
    if not asked.outs:
        next_step("track", asked.gallery, *asked.films, "--out", "flight.html")
    else:
        next_step("serve", asked.gallery)


def in_a_line(point: TrackPoint) -> str:
    """Return a point as a line of text."""
    when = "" if point.time_s is None else f"{point.time_s:8.2f} s  "
    ellipse = point.ellipse
    where = position(point.latlon, ellipse.major_m)
    return (
        f"{when}{where}  \N{PLUS-MINUS SIGN}{ellipse.major_m:.1f} m  {point.source}  "
        f"{one_line(point.name)}"
    )


def _check_told(asked: Asked, film: Film) -> None:
    """Say what a flight lacks that would help; refuse telemetry that tells of no frame."""
    shots = film.shots
    if not shots:
        raise DataError("there is no frame", where=str(asked.films[0]))
    check_told(asked.cameras.telemetry, looked_up(shots), "frames")
    has_way = any(
        shot.place_m is not None or (shot.facts.height_m and shot.facts.fov_deg) for shot in shots
    )
    if len(shots) > 1 and not has_way:
        say(
            "note: nothing tells how far the camera moved: --height and --fov (or --camera) let "
            "frames tell it, --telemetry may hold east_m and north_m"
        )
