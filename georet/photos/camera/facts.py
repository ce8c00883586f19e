"""What is known of one photo's camera, each value with its source and how far to believe it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Final

from georet.contracts.refining import Camera

LatLon = tuple[float, float]


class ReadingError(ValueError):
    """A value can't be believed, and why."""


@dataclass(frozen=True)
class Reading:
    """A value that somebody told: its believed standard deviation ``sigma`` is in its own unit.

    ``source`` names the field that it was read from, or the option; ``note`` what to know of it.
    """

    value: float
    sigma: float
    source: str
    note: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return JSON values."""
        told = {"value": self.value, "sigma": self.sigma, "source": self.source}
        return {**told, "note": self.note} if self.note else told


@dataclass(frozen=True)
class Panorama:
    """The part of an equirectangular panorama that a photo shows; degrees.

    ``left_deg`` is where its left edge lies from the full panorama's left edge, ``top_deg`` where
    its upper edge lies below the zenith. As in Google's Photo Sphere XMP, all of it by default.
    """

    width_deg: float = 360.0
    height_deg: float = 180.0
    left_deg: float = 0.0
    top_deg: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether nothing is cut off."""
        return math.isclose(self.width_deg, 360.0) and math.isclose(self.height_deg, 180.0)


@dataclass(frozen=True, kw_only=True)
class CameraFacts:
    """What is known of a camera when it took a photo; None: not told, or not to be believed.

    Angles are as in ``Camera``: ``heading_deg`` clockwise from north, ``tilt_deg`` 0 straight down
    and 90 at the horizon, ``roll_deg`` clockwise as the photographer sees it. ``height_m`` is above
    the ground, ``altitude_m`` above the sea or the ellipsoid (makers differ). ``fov_deg`` is what
    the upright photo's width spans. ``latlon``, in degrees, and ``altitude_m`` are read only where
    somebody asks for the position. ``east_m`` and ``north_m`` are where odometry says the camera
    is, metres from wherever it began; ``time_s`` is when, in seconds of any start. ``refused`` are
    the readings that were not believed, and why.
    """

    heading_deg: Reading | None = None
    tilt_deg: Reading | None = None
    roll_deg: Reading | None = None
    height_m: Reading | None = None
    altitude_m: Reading | None = None
    fov_deg: Reading | None = None
    east_m: Reading | None = None
    north_m: Reading | None = None
    time_s: Reading | None = None
    latlon: LatLon | None = None
    panorama: Panorama | None = None
    size: tuple[int, int] | None = None
    """Width and height in pixels, upright."""
    maker: str = ""
    model: str = ""
    taken_at: str = ""
    refused: tuple[str, ...] = ()

    def readings(self) -> Iterator[tuple[str, Reading]]:
        """Yield the name and the reading of every value that is told."""
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, Reading):
                yield one.name, value

    def over(self, other: CameraFacts) -> CameraFacts:
        """Return these facts, and those of ``other`` where these tell nothing."""
        told = {
            one.name: getattr(self, one.name) or getattr(other, one.name)
            for one in fields(self)
            if one.name != "refused"
        }
        return CameraFacts(**told, refused=self.refused + other.refused)

    def given(self, source: str, **values: float | None) -> CameraFacts:
        """Return the facts with the values that are not None, as told by ``source``."""
        readings = {
            name: Reading(value, max(sigma, share * abs(value)), source)
            for name, value in values.items()
            for sigma, share in (_GIVEN_SIGMAS[name],)
            if value is not None
        }
        return replace(self, **readings)  # type: ignore[arg-type]

    def camera(self) -> Camera:
        """Return what refiners are told: no position, and no lens of a panorama."""
        told: dict[str, float] = {}
        for name in ("heading_deg", "tilt_deg", "roll_deg"):
            reading: Reading | None = getattr(self, name)
            if reading is not None:
                told[name] = reading.value
                told[name.replace("_deg", "_sigma_deg")] = reading.sigma
        if self.height_m is not None:
            told["height_m"] = self.height_m.value
            told["height_sigma"] = self.height_m.sigma / self.height_m.value
        if self.fov_deg is not None and self.panorama is None:
            told["fov_deg"] = self.fov_deg.value
        return Camera(**told)

    def as_json(self) -> dict[str, Any]:
        """Return JSON values of all that is known."""
        found: dict[str, Any] = {name: reading.as_json() for name, reading in self.readings()}
        if self.latlon is not None:
            found["latlon"] = list(self.latlon)
        if self.panorama is not None:
            found["panorama"] = vars(self.panorama)
        for name in ("size", "maker", "model", "taken_at"):
            value = getattr(self, name)
            if value:
                found[name] = list(value) if isinstance(value, tuple) else value
        return {**found, "refused": list(self.refused)}


_GIVEN_SIGMAS: Final[Mapping[str, tuple[float, float]]] = {
    "heading_deg": (5.0, 0.0),
    "tilt_deg": (2.0, 0.0),
    "roll_deg": (2.0, 0.0),
    "height_m": (0.0, 0.07),
    "altitude_m": (10.0, 0.0),
    "fov_deg": (0.0, 0.03),
}
"""How far off what people and logs tell may be: as it is, and as a share of the value."""
HIGHEST_M: Final = 50_000.0
WIDEST_DEG: Final = 175.0


def checked_height(height_m: float) -> float:
    """Return a height above ground in metres; ReadingError unless it can be one."""
    if not math.isfinite(height_m):
        raise ReadingError("is no number")
    if height_m == 0:
        raise ReadingError("is 0 m, which is what cameras without a reading write")
    if not 0 < height_m <= HIGHEST_M:
        raise ReadingError(f"is {height_m:g} m; wanted a height above the ground")
    return height_m


def checked_fov(fov_deg: float) -> float:
    """Return a field of view in degrees; ReadingError unless a lens can have it."""
    if not 0.5 <= fov_deg <= WIDEST_DEG:
        raise ReadingError(f"means a field of view of {fov_deg:.3g} degrees")
    return fov_deg


def wrapped(angle_deg: float) -> float:
    """Return an angle in degrees as -180 <= angle < 180."""
    return (angle_deg + 180.0) % 360.0 - 180.0
