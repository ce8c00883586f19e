"""What a flight's track is: one point a frame, as outputs, reports and callers see it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np

from georet.contracts.refining import LatLon, check_covariance
from georet.contracts.tracking import SOURCES, Source
from georet.types import Doubles

__all__ = ["SOURCES", "Ellipse", "Source", "TrackPoint"]

_SHARE_95: Final = -2 * math.log(0.05)
"""Squared radius, in variances, that holds 95 % of a normal distribution in the plane."""


@dataclass(frozen=True)
class Ellipse:
    """Half axes in metres, the longer first, and the longer one's bearing, degrees 0 to 180."""

    major_m: float
    minor_m: float
    bearing_deg: float

    @classmethod
    def of(cls, covariance_m2: Doubles) -> Self:
        """Return the ellipse that holds 95 % of a normal distribution, [2, 2], east and north."""
        values, axes = np.linalg.eigh(np.asarray(covariance_m2, np.float64))
        minor, major = np.sqrt(_SHARE_95 * np.maximum(values, 0.0)).tolist()
        east, north = axes[:, 1].tolist()
        return cls(major, minor, math.degrees(math.atan2(east, north)) % 180.0)


@dataclass(frozen=True, kw_only=True)
class TrackPoint:
    """Where one frame was; ValueError for what is no place, no covariance or no source.

    ``name`` is the photo's path, or ``VIDEO#t=SECONDS`` of a video's frame. ``latlon``, in degrees,
    is the ground that the frame's middle shows, ``covariance_m2`` float64[2, 2] how sure that is,
    in square metres, east and north; ``ellipse`` holds it in 95 % of the cases. ``time_s`` counts
    from the flight's first frame, ``utc_s`` from 1970; None: unknown. ``anchor_age_s`` and
    ``anchor_age_frames`` say how long ago a frame was matched last, 0 where this one is; None:
    none was. ``reason`` says why a frame was not matched.
    """

    name: str
    latlon: LatLon
    covariance_m2: Doubles
    source: Source
    time_s: float | None = None
    utc_s: float | None = None
    anchor_age_s: float | None = None
    anchor_age_frames: int | None = None
    heading_deg: float | None = None
    height_m: float | None = None
    is_refined: bool = False
    reason: str = ""

    def __post_init__(self) -> None:
        if not (abs(self.latlon[0]) <= 90 and abs(self.latlon[1]) <= 180):
            raise ValueError(f"latlon {self.latlon} is no place on Earth")
        if self.source not in SOURCES:
            raise ValueError(f"source is {self.source!r}, wanted one of {', '.join(SOURCES)}")
        check_covariance(self.covariance_m2)

    @property
    def ellipse(self) -> Ellipse:
        """The ellipse that holds the place in 95 % of the cases."""
        return Ellipse.of(self.covariance_m2)

    def as_record(self) -> dict[str, Any]:
        """Return JSON values: the keys that a flight's record has beside those of every photo's.

        Degrees are rounded to 1e-7, seconds and metres to a thousandth.
        """
        ellipse = self.ellipse
        return {
            "photo": self.name,
            "latitude": round(self.latlon[0], 7),
            "longitude": round(self.latlon[1], 7),
            "covariance_m2": [[float(v) for v in row] for row in self.covariance_m2],
            "ellipse_95": {
                "major_m": round(ellipse.major_m, 3),
                "minor_m": round(ellipse.minor_m, 3),
                "bearing_deg": round(ellipse.bearing_deg, 2),
            },
            "source": self.source,
            "is_refined": self.is_refined,
            "time_s": _rounded(self.time_s),
            "utc_s": _rounded(self.utc_s),
            "anchor_age_s": _rounded(self.anchor_age_s),
            "anchor_age_frames": self.anchor_age_frames,
            "heading_deg": _rounded(self.heading_deg),
            "height_m": _rounded(self.height_m),
            "reason": self.reason or None,
        }

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Self | None:
        """Return the point in a record; None where it is a photo's that belongs to no track."""
        if record.get("source") not in SOURCES or record.get("covariance_m2") is None:
            return None
        kept = {
            name: record.get(name)
            for name in ("time_s", "utc_s", "anchor_age_s", "anchor_age_frames")
        }
        return cls(
            name=str(record["photo"]),
            latlon=(float(record["latitude"]), float(record["longitude"])),
            covariance_m2=np.asarray(record["covariance_m2"], np.float64),
            source=record["source"],
            heading_deg=record.get("heading_deg"),
            height_m=record.get("height_m"),
            is_refined=bool(record.get("is_refined")),
            reason=str(record.get("reason") or ""),
            **kept,
        )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(float(value), 3)
