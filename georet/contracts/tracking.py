"""What a tracker must do, what it is given, and what it returns: one place a frame of a flight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, runtime_checkable

from georet.contracts.refining import Camera, LatLon, Refinement, check_covariance
from georet.types import Doubles, Floats, Ints

Source = Literal["matched", "propagated", "dead-reckoned"]
"""How a frame came to its place.

``matched``: its own pixels say so, by refinement or by a score field that agrees with its
neighbours. ``propagated``: its neighbours' pixels do, carried along by odometry. ``dead-reckoned``:
odometry alone, farther from the last anchor than the tracker vouches for.
"""
SOURCES: Final[tuple[Source, ...]] = ("matched", "propagated", "dead-reckoned")


@dataclass(frozen=True)
class Ground:
    """The gallery's R tiles: centres latlon float64[R, 2] in degrees, sides side_m [R] in metres.

    ``corners_latlon`` float64[R, 4, 2] are their footprints, top left first, then clockwise as
    seen in the tile; None where only centres and sides are known.

    ``sharpness`` is what cosines are multiplied by before they become a belief: the gallery's
    calibrated one, else the encoder's learned scale.
    """

    latlon: Doubles
    side_m: Doubles
    sharpness: float
    corners_latlon: Doubles | None = None


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One photo of a sequence: its score field, and what is known of the way to it.

    ``scores`` float32[M] are cosines of the tiles ``rows`` int64[M], best first; M may be less than
    R. ``time_s`` counts from any start. ``moved_m`` are metres east and north since the frame
    before, ``moved_sigma_m`` their standard deviation; None: unknown. Without ``is_north_known``
    they are turned by an angle that nobody knows, the same for the whole sequence but for a slow
    drift. ``camera`` is what is known of heading, height and the like beforehand. ``refined`` is a
    refiner's answer where one was asked.
    """

    rows: Ints
    scores: Floats
    time_s: float | None = None
    moved_m: tuple[float, float] | None = None
    moved_sigma_m: float | None = None
    is_north_known: bool = True
    refined: Refinement | None = None
    camera: Camera | None = None


@dataclass(frozen=True)
class Fix:
    """Where a frame was taken; ValueError for what is no place or no covariance.

    ``covariance_m2`` float64[2, 2] in square metres, east and north. ``reason`` says why the frame
    should not be trusted; empty: it may be. ``source`` is how it came there; None: ``matched``
    without a reason, else ``propagated``. ``is_refined`` says that a refiner's place was believed.
    """

    latlon: LatLon
    covariance_m2: Doubles
    reason: str = ""
    source: Source | None = None
    is_refined: bool = False

    def __post_init__(self) -> None:
        if not (abs(self.latlon[0]) <= 90 and abs(self.latlon[1]) <= 180):
            raise ValueError(f"latlon {self.latlon} is no place on Earth")
        if self.source not in (None, *SOURCES):
            raise ValueError(f"source is {self.source!r}, wanted one of {', '.join(SOURCES)}")
        check_covariance(self.covariance_m2)


@runtime_checkable
class Tracker(Protocol):
    """Locates a sequence of frames together; stateless: the same frames give the same places.

    One that can follow a flight while it goes on is a ``LiveTracker`` too. One that learns numbers
    of its own from a whole flight has ``fitted(ground, frames)``, which returns a tracker that has
    learnt them; it is asked once a flight.
    """

    def __call__(self, ground: Ground, frames: Sequence[Frame], /) -> Sequence[Fix]:
        """Return a fix for each frame, in order."""


@runtime_checkable
class LiveTracker(Protocol):
    """Locates frames as they come, knowing those before."""

    def live(self, ground: Ground, /) -> Callable[[Frame], Fix]:
        """Return what is called with one frame after the other, of one flight.

        It may be called twice in a row with the same frame, the second time with ``refined``: the
        frame then counts once.
        """
