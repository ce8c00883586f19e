"""Cameras as the telemetry of sample photos tells of them: ranges to render other photos by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from georet.errors import DataError
from georet.photos.camera.facts import CameraFacts, Reading
from georet.photos.camera.telling import facts_of
from georet_ortho.flights import MOST_TILT_DEG, Flights, Range

LEAST_PHOTOS: Final = 3
_TILT_MARGIN_DEG: Final = 3.0
_FOV_MARGIN: Final = 0.03
_HEIGHT_MARGIN: Final = 0.1


def flights_of(photos: Sequence[Path], telemetry: Path | None = None) -> Flights:
    """Return the ranges of tilt, height, field of view and shape that photos tell of.

    Each goes a little beyond the least and the greatest value told. What fewer than three photos
    tell stays as in the preset ``any``: headings always do, since another flight has others.
    DataError where they tell neither tilt nor height nor field of view.
    """
    facts = list(facts_of(photos, telemetry=telemetry).values())
    found = Flights()
    tilt, fov, height = (
        _told([getattr(each, name) for each in facts])
        for name in ("tilt_deg", "fov_deg", "height_m")
    )
    if tilt is None and fov is None and height is None:
        raise DataError(
            f"fewer than {LEAST_PHOTOS} of {len(facts)} photos tell of tilt, height or lens",
            where=", ".join(map(str, photos)),
            hint="Name a preset: --camera any, mapping, oblique or action.",
        )
    if tilt is not None:
        low, high = tilt[0] - _TILT_MARGIN_DEG, tilt[1] + _TILT_MARGIN_DEG
        found = replace(found, tilt_deg=(max(low, 0.0), min(high, MOST_TILT_DEG)))
    if fov is not None:
        found = replace(found, fov_deg=(fov[0] * (1 - _FOV_MARGIN), fov[1] * (1 + _FOV_MARGIN)))
    if height is not None:
        low, high = height[0] * (1 - _HEIGHT_MARGIN), height[1] * (1 + _HEIGHT_MARGIN)
        found = replace(found, height_m=(low, high))
    shape = _shape(facts)
    return found if shape is None else replace(found, shape=shape)


def ground_m(flights: Flights) -> float | None:
    """Return the middle width in metres of the ground that photos show, None: as tiles are."""
    if flights.height_m is None:
        return None
    height, fov = np.mean(flights.height_m), np.radians(np.mean(flights.fov_deg))
    return float(2 * height * np.tan(fov / 2))


def _told(readings: Sequence[Reading | None]) -> Range | None:
    values = [reading.value for reading in readings if reading is not None]
    return (min(values), max(values)) if len(values) >= LEAST_PHOTOS else None


def _shape(facts: Sequence[CameraFacts]) -> float | None:
    shapes = [each.size[0] / each.size[1] for each in facts if each.size is not None]
    return float(np.median(shapes)) if len(shapes) >= LEAST_PHOTOS else None
