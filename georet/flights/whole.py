"""A flight from beginning to end in one call, for callers from Python."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from georet.contracts.running import Session
from georet.errors import DataError
from georet.flights.films import film_of, looked_up
from georet.flights.flying import Flight, Pilot, make_tracker
from georet.flights.sampling import Every
from georet.gallery.stored import StoredGallery
from georet.ground.region import Region
from georet.locate.locator import Locator
from georet.locate.refine import make_refiner
from georet.photos.camera.cameras import CameraOptions, cameras_of
from georet.photos.camera.telling import check_told
from georet.plugins import Selection
from georet.tracks.points import TrackPoint


@dataclass(frozen=True)
class Ask:
    """What is asked of a flight, in the words of ``georet track``."""

    films: Sequence[Path]
    telemetry: Path | str | None
    every: str | None
    refine: str | None
    tracker: str
    region: Region | str | None
    live: Callable[[TrackPoint], None] | None
    keep: Path | str | None
    selection: Selection


def tracked(
    gallery: StoredGallery, session: Callable[[], Session], ask: Ask, camera: CameraOptions
) -> Flight:
    """Return the flight over a gallery; DataError without a frame, or told of none.

    Journals are kept beside ``ask.keep``, and removed at the end without it.
    """
    telemetry = None if ask.telemetry is None else Path(ask.telemetry)
    cameras = cameras_of(telemetry=telemetry, **camera)
    region = Region.parse(ask.region) if isinstance(ask.region, str) else ask.region
    every = None if ask.every is None else Every.parse(ask.every)
    tracker = make_tracker(ask.tracker, ask.selection)
    refiner = None if ask.refine is None else make_refiner(ask.refine, ask.selection)
    film = film_of(ask.films, cameras, every=every)
    if not film.shots:
        raise DataError("there is no frame", where=str(ask.films[0] if ask.films else "films"))
    check_told(cameras.telemetry, looked_up(film.shots), "frames")
    locator = Locator(gallery, session(), refiner=refiner, with_heat=False, selection=ask.selection)
    about = {"gallery": str(gallery.path), "tracker": ask.tracker, "refine": ask.refine,
             "region": str(ask.region), "cameras": cameras.as_json()}  # fmt: skip
    with ExitStack() as stack:
        stack.enter_context(closing(locator))
        if ask.keep is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="georet-track-"))
            kept = Path(folder) / "flight"
        else:
            kept = Path(ask.keep)
        pilot = Pilot(locator, tracker, cameras, region, ask.selection)
        if ask.live is None:
            return pilot.fly(film, kept, about, _go_on)
        return pilot.follow(film, kept, about, _go_on, ask.live)


def _go_on() -> None:
    """Never stop: Ctrl-C is Python's own here."""
