"""A record as maps draw it: a named point, the ground around it, and as many decimals as it has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import Any, Final

import numpy as np

from georet.contracts.refining import LatLon
from georet.contracts.tracking import SOURCES
from georet.geodesy import destination
from georet.ground.tangent import Tangent
from georet.ground.wgs84 import continued
from georet.locate.output.records import accuracy_m
from georet.page.readable import degree_digits
from georet.types import Doubles

_ROUND: Final = 72
"""Points of a ring around a place."""
_SHARE_90: Final = 4.605
_LARGEST_M: Final = 5_000_000.0
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_VISIBLE: Final = 0x20


@dataclass(frozen=True)
class Placed:
    """One located photo or frame; ``accuracy_m`` holds it in nine of ten cases, as far as known."""

    record: Mapping[str, Any]
    number: int

    @property
    def name(self) -> str:
        """The photo's name without folders, as text that XML takes."""
        whole = str(self.record["photo"])
        return printable(PurePath(whole).name or whole)

    @property
    def latlon(self) -> LatLon:
        """Degrees, longitude in -180..180."""
        longitude = (float(self.record["longitude"]) + 180.0) % 360.0 - 180.0
        return float(self.record["latitude"]), longitude

    @property
    def accuracy_m(self) -> float:
        """How many metres the place is good for."""
        return accuracy_m(self.record)

    @property
    def digits(self) -> int:
        """How many decimals of a degree that is worth."""
        return degree_digits(self.accuracy_m)

    @property
    def texts(self) -> tuple[str, str]:
        """Latitude and longitude with as many decimals as they deserve."""
        lat, lon = self.latlon
        return f"{lat:.{self.digits}f}", f"{lon:.{self.digits}f}"

    @property
    def is_frame(self) -> bool:
        """Whether it belongs to a flight's track."""
        return self.record.get("source") in SOURCES

    @property
    def heading_deg(self) -> float | None:
        """The heading that was found, else the one that was told beforehand."""
        found = self.record.get("heading_deg")
        return (self.record.get("known") or {}).get("heading_deg") if found is None else found

    @property
    def height_m(self) -> float | None:
        """The height above ground that was found, else the one that was told beforehand."""
        found = self.record.get("height_m")
        return (self.record.get("known") or {}).get("height_m") if found is None else found

    @property
    def utc(self) -> str | None:
        """The time in UTC as ISO 8601, None where only the flight's own clock is known."""
        second = self.record.get("utc_s")
        return None if second is None else as_utc(float(second))

    @property
    def footprint(self) -> Doubles | None:
        """The ground in the photo's corners, degrees float64[4, 2]."""
        found = self.record.get("footprint")
        return None if not found else np.asarray(found, np.float64)

    @property
    def around(self) -> Doubles | None:
        """A ring [N, 2] that holds the place in nine of ten cases; None where that is unknown."""
        bearing = np.linspace(0, 2 * np.pi, _ROUND, endpoint=False)
        centre = np.array(self.latlon)
        covariance = self.record.get("covariance_m2")
        if covariance is not None:
            values, axes = np.linalg.eigh(np.asarray(covariance, np.float64))
            scaled = np.sqrt(_SHARE_90 * np.maximum(values, 0.0)) * axes
            circle = np.stack([np.cos(bearing), np.sin(bearing)])
            return Tangent(*self.latlon).latlon((scaled @ circle).T)
        radius_m = self.record.get("radius_90_m")
        if radius_m is None or not 0 < radius_m < _LARGEST_M:
            return None
        return continued(centre[None], destination(centre, bearing, radius_m))

    def facts(self) -> Iterator[tuple[str, str]]:
        """Yield names and texts of what else is worth showing."""
        record = self.record
        if record.get("radius_90_m") is not None or record.get("covariance_m2") is not None:
            yield "accuracy_90_m", number_text(self.accuracy_m)
        for key in ("method", "source", "confidence", "abstained", "inliers", "anchor_age_s"):
            if record.get(key) is not None:
                yield key, str(record[key]).lower() if key == "abstained" else str(record[key])
        if self.heading_deg is not None:
            yield "heading_deg", f"{self.heading_deg:.1f}"
        if self.height_m is not None:
            yield "height_m", f"{self.height_m:.1f}"
        for key in ("reason", "note"):
            if record.get(key):
                yield key, printable(str(record[key]))


def placed(records: Iterator[Mapping[str, Any]]) -> Iterator[Placed]:
    """Yield records as maps draw them, numbered from 1."""
    for number, record in enumerate(records, 1):
        yield Placed(record, number)


def as_utc(second: float) -> str:
    """Return a second since 1970 as ISO 8601 in UTC, to the millisecond."""
    when = _EPOCH + timedelta(milliseconds=round(1000 * second))
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def number_text(value: float) -> str:
    """Return metres with three digits, without an exponent: 0.25, 12.3, 1530."""
    if value <= 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(value)))
    return f"{value:.{min(digits, 3)}f}"


def printable(text: str) -> str:
    """Return text that XML 1.0 can hold: control signs and halves of letters are written out."""
    return "".join(
        sign
        if (ord(sign) >= _VISIBLE or sign in "\t\n\r")
        and not 0xD800 <= ord(sign) <= 0xDFFF
        and ord(sign) not in (0xFFFE, 0xFFFF)
        else f"\\x{ord(sign):02x}"
        for sign in text
    )
