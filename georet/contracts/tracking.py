"""What a tracker must do, what it is given, and what it returns: one place a frame of a flight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from georet.contracts.refining import Camera, LatLon, Refinement, check_covariance
from georet.types import Doubles, Floats, Ints


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
    before, ``moved_sigma_m`` their standard deviation; None: unknown. ``camera`` is what is known
    of heading, height and the like beforehand. ``refined`` is a refiner's answer where one was
    asked.
    """

    rows: Ints
    scores: Floats
    time_s: float | None = None
    moved_m: tuple[float, float] | None = None
    moved_sigma_m: float | None = None
    refined: Refinement | None = None
    camera: Camera | None = None


@dataclass(frozen=True)
class Fix:
    """Where a frame was taken; ValueError for what is no place or no covariance.

    ``covariance_m2`` float64[2, 2] in square metres, east and north. ``reason`` says why the frame
    should not be trusted; empty: it may be.
    """

    latlon: LatLon
    covariance_m2: Doubles
    reason: str = ""

    def __post_init__(self) -> None:
        if not (abs(self.latlon[0]) <= 90 and abs(self.latlon[1]) <= 180):
            raise ValueError(f"latlon {self.latlon} is no place on Earth")
        check_covariance(self.covariance_m2)


@runtime_checkable
class Tracker(Protocol):
    """Locates a sequence of frames together; stateless: the same frames give the same places."""

    def __call__(self, ground: Ground, frames: Sequence[Frame], /) -> Sequence[Fix]:
        """Return a fix for each frame, in order."""
