"""Tracking a flight: looking at frames, filtering, refining where the track is, filtering again.

Everything that costs is kept in journals beside the output, so a killed flight goes on, and since
what is kept is kept to the bit, it ends with the same bytes.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from georet.configure.inline import spec_of
from georet.contracts.refining import Refinement
from georet.contracts.tracking import Frame, LiveTracker, Tracker
from georet.errors import UsageError
from georet.flights.fields import Flown, frames_of
from georet.flights.films import Film
from georet.flights.live import Follower
from georet.flights.looking import Look, Looker, look_at_all, looks_in
from georet.flights.points import points_of
from georet.flights.refining import Sharpener, refine_all
from georet.gallery.pictures.originals import Originals
from georet.ground.region import Region
from georet.locate.locator import Locator
from georet.locate.output.journal import Journal
from georet.locate.refine import of_json
from georet.locate.tracking import track
from georet.page.cards import card, track_map
from georet.page.drawn import axes_for, draw_track
from georet.page.readable import metres
from georet.photos.camera.cameras import Cameras
from georet.plugins import UNSAID, Selection, load_plugins
from georet.progress import stage
from georet.tracks.points import TrackPoint
from georet.types import Doubles

KIND: Final = "trackers"
Check = Callable[[], None]


@dataclass(frozen=True)
class Flight:
    """A tracked flight: its points, each frame's best tile, and how it was tracked.

    ``tops`` are (row of the gallery, cosine) of each frame's best tile, ``told`` JSON values that
    name the tracker and what it fitted, ``latencies_s`` what each frame took live, else empty.
    """

    points: Sequence[TrackPoint]
    frames: Sequence[Frame] = field(repr=False)
    flown: Flown = field(repr=False)
    told: dict[str, Any]
    latencies_s: Sequence[float] = ()

    @property
    def latency_95_s(self) -> float | None:
        """Within which time 19 of 20 frames were located; None unless the flight was live."""
        return float(np.percentile(self.latencies_s, 95)) if len(self.latencies_s) else None

    def plot(self, axes: Any = None, truth: Doubles | None = None) -> Any:
        """Draw the track on matplotlib axes (a gallery's, say), and return those.

        ``truth`` float64[T, 2], in degrees, is drawn beside it. MissingExtraError without
        matplotlib (extra ``plot``).
        """
        kinds = [point.source for point in self.points]
        return draw_track(axes_for(axes), self._latlon(), kinds, truth)

    def _latlon(self) -> Doubles:
        return np.array([point.latlon for point in self.points], np.float64).reshape(-1, 2)

    def _repr_html_(self) -> str:
        counts = Counter(point.source for point in self.points)
        majors = [point.ellipse.major_m for point in self.points]
        facts: dict[str, object] = {
            "frames": len(self.points),
            **{str(kind): number for kind, number in counts.items()},
            "95 % ellipse": f"half of them within {metres(float(np.median(majors)))}",
        }
        return card("A flight", facts, track_map(self._latlon()))

    def tops(self) -> list[tuple[int, float]]:
        """Return each frame's best tile as (row of the gallery, cosine)."""
        rows = self.flown.rows
        return [(int(rows[one.rows[0]]), float(one.scores[0])) for one in self.frames]


@dataclass(frozen=True)
class Pilot:
    """Tracks flights over a gallery: ``locator`` opens it, ``tracker`` filters.

    ``locator``'s refiner, where it has one, refines frames. ``cameras`` tell how frames are turned.
    """

    locator: Locator
    tracker: Tracker
    cameras: Cameras
    region: Region | None = None
    selection: Selection = UNSAID

    def fly(self, film: Film, kept: Path, asked: dict[str, Any], check: Check) -> Flight:
        """Return the whole flight, each frame located by all others."""
        look_at, refine_at = journals(kept, asked, film)
        looker = self._looker(film)
        with stage(len(film.shots), "frames") as bar:
            look_at_all(looker, look_at, bar.advance, check)
        looks = list(looks_in(look_at))
        problems = [look.problem for look in looks]
        flown = self._flown()
        frames = list(frames_of(flown, film.shots, looks))
        tracker = fitted(self.tracker, flown, frames)
        with stage(None, "filtering"):
            fixes = track(tracker, flown.ground, frames)
        check()
        refined: list[Refinement | None] = [None] * len(frames)
        if self.locator.refiner is not None:
            with closing(Originals(flown.gallery, self.selection)) as originals:
                sharpener = Sharpener(flown, self.locator.refiner, originals)
                with stage(len(frames), "refining") as bar:
                    refine_all(
                        sharpener, film, frames, fixes, problems, refine_at, bar.advance, check
                    )
            refined = [of_json(values) for values in refine_at.records()]
            pairs = zip(frames, refined, strict=True)
            frames = [replace(frame, refined=one) for frame, one in pairs]
            with stage(None, "filtering"):
                fixes = track(tracker, flown.ground, frames)
        points = points_of(film.shots, fixes, refined, problems)
        return Flight(points, frames, flown, told_of(tracker))

    def follow(
        self,
        film: Film,
        kept: Path,
        asked: dict[str, Any],
        check: Check,
        show: Callable[[TrackPoint], None],
    ) -> Flight:
        """Return the flight, each frame located by those before it alone, as ``--live`` does.

        ``show`` is given each point as soon as it is known. Of a flight that goes on after a kill,
        refined places are kept and all else is done again, since a filter can't be kept.
        """
        if not isinstance(self.tracker, LiveTracker):
            raise UsageError(
                "the tracker can't follow a flight while it goes on",
                where="--live",
                hint="--tracker grid can.",
            )
        key = {**asked, "film": film.fingerprint(), "live": True}
        journal = Journal(kept.with_name(f"{kept.name}.live.jsonl"), key)
        flown, refiner = self._flown(), self.locator.refiner
        with (
            closing(Originals(flown.gallery, self.selection)) as originals,
            stage(len(film.shots), "frames") as bar,
        ):
            sharpener = None if refiner is None else Sharpener(flown, refiner, originals)
            step = self.tracker.live(flown.ground)
            follower = Follower(film, self._looker(film), flown, step, sharpener, journal)
            for image in film.read(0, len(film.shots)):
                show(follower.follow(image))
                bar.advance(1)
                check()
        told = told_of(self.tracker)
        return Flight(follower.points, follower.frames, flown, told, follower.latencies_s)

    def glimpsed(self, film: Film, frames: Sequence[int]) -> Sequence[Look]:
        """Return what a few frames in a row look like, and keep nothing."""
        images = list(film.read(frames[0], frames[-1] + 1))
        return self._looker(film).look(frames[0], images)

    def _looker(self, film: Film) -> Looker:
        framing = replace(self.locator.framing(self.cameras), pieces=1)
        return Looker(film, framing, self.locator.session, self.cameras.turns_photos)

    def _flown(self) -> Flown:
        locator = self.locator
        return Flown.over(locator.gallery, self.region, locator.tuning.sharpness)


def make_tracker(name: str, selection: Selection) -> Tracker:
    """Build the tracker of ``NAME:key=value,...`` from the plugins' components."""
    spec = spec_of(name, where="--tracker")
    return cast(Tracker, load_plugins(selection).catalog.create(KIND, spec, where="--tracker"))


def journals(kept: Path, asked: dict[str, Any], film: Film) -> tuple[Journal, Journal]:
    """Return the journals of the first and of the second pass, beside the output."""
    key = {**asked, "film": film.fingerprint()}
    looks = Journal(kept.with_name(f"{kept.name}.frames.jsonl"), {**key, "refiner": None})
    return looks, Journal(kept.with_name(f"{kept.name}.refined.jsonl"), key)


def fitted(tracker: Tracker, flown: Flown, frames: Sequence[Frame]) -> Tracker:
    """Return the tracker with what it learns of the whole flight, where it learns anything."""
    fit = getattr(tracker, "fitted", None)
    return tracker if fit is None or not frames else cast(Tracker, fit(flown.ground, frames))


def told_of(tracker: Tracker) -> dict[str, Any]:
    """Return JSON values of what a tracker says of itself: the fields of its dataclass."""
    values = getattr(tracker, "__dict__", {})
    told = {k: v for k, v in values.items() if isinstance(v, int | float | str | None)}
    return {k: v for k, v in told.items() if not (isinstance(v, float) and not math.isfinite(v))}
