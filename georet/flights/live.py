"""Following a flight while it goes on: a frame comes, its place is known before the next one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from georet.contracts.refining import Refinement
from georet.contracts.tracking import Fix, Frame
from georet.errors import DataError
from georet.flights.fields import Flown, Way, frame_of
from georet.flights.films import Film
from georet.flights.looking import Looker
from georet.flights.points import point_of, source_of
from georet.flights.refining import Sharpener
from georet.locate.output.journal import Journal
from georet.locate.refine import as_json, of_json
from georet.tracks.points import TrackPoint
from georet.types import Pixels


@dataclass
class Follower:
    """Locates frames one by one; with a ``sharpener`` each is filtered twice.

    Its first place says where to look, its second is with what was found there. ``latencies_s``
    are the seconds from pixels to place, of frames that the journal doesn't hold.
    """

    film: Film
    looker: Looker
    flown: Flown
    step: Callable[[Frame], Fix]
    sharpener: Sharpener | None
    journal: Journal
    points: list[TrackPoint] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    _way: Way = field(default_factory=Way)
    _anchor: int | None = None

    def __post_init__(self) -> None:
        self._held = [of_json(values) for values in self.journal.records()]

    def follow(self, image: Pixels | DataError) -> TrackPoint:
        """Return the point of the next frame uint8[H, W, 3], or of one that can't be read."""
        begun, at = time.perf_counter(), len(self.points)
        shot = self.film.shots[at]
        look = self.looker.look(at, [image])[0]
        frame = frame_of(self.flown, self._way, shot, look)
        fix = self.step(frame)
        refined: Refinement | None = None
        if self.sharpener is not None and not look.problem and not isinstance(image, DataError):
            is_held = at < len(self._held)
            refined = self._held[at] if is_held else self.sharpener.refine(image, frame, fix)
            frame = replace(frame, refined=refined)
            fix = self.step(frame)
        if source_of(fix) == "matched":
            self._anchor = at
        shots = self.film.shots
        point = point_of(shot, fix, refined, look.problem, shots, at, self._anchor)
        if at >= len(self._held):
            self.latencies_s.append(time.perf_counter() - begun)
            nothing = Refinement.refused(look.problem or "none was asked")
            self.journal.append([([shot.name], as_json(refined or nothing))], {})
        self.frames.append(frame)
        self.points.append(point)
        return point
