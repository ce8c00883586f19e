"""Which cameras a set's photos are taken by: ranges, presets, and drawing from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import numpy as np

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.errors import ConfigError
from georet.suggest import hint_for

Range = tuple[float, float]
MOST_TILT_DEG: Final = 75.0


@dataclass(frozen=True)
class Flights:
    """Ranges from which each photo's camera is drawn evenly.

    ``spans``: the width of the ground that the photo would show straight down, in tile sides; it
    decides the height, unless ``height_m`` above the ground is given. ``fov_deg`` is the angle of
    the photo's width, ``k1`` the first term of its distortion (below 0: barrel), ``shape`` width
    over height, ``roll_deg`` the standard deviation of the roll. ConfigError for what can't be.
    """

    tilt_deg: Range = (0.0, 40.0)
    heading_deg: Range = (-180.0, 180.0)
    spans: Range = (0.9, 1.6)
    height_m: Range | None = None
    fov_deg: Range = (60.0, 84.0)
    k1: Range = (0.0, 0.0)
    shape: float = 4 / 3
    roll_deg: float = 1.5

    def __post_init__(self) -> None:
        allowed = {
            "tilt_deg": (0.0, MOST_TILT_DEG), "heading_deg": (-360.0, 360.0), "spans": (0.05, 20.0),
            "height_m": (0.1, 1e7), "fov_deg": (5.0, 140.0), "k1": (-0.5, 0.5),
        }  # fmt: skip
        for name, (least, most) in allowed.items():
            found = getattr(self, name)
            if found is not None and not least <= found[0] <= found[1] <= most:
                raise ConfigError(
                    f"{name} is {found[0]:g} to {found[1]:g}",
                    where="ortho",
                    hint=f"Give the least and the greatest value, within {least:g} to {most:g}.",
                )

    @classmethod
    def named(cls, name: str, **changes: Any) -> Self:
        """Return a preset, with changes; ConfigError for one that there isn't."""
        if name not in PRESETS:
            hint = hint_for(name, PRESETS, "presets")
            raise ConfigError(f"there is no camera {name!r}", where="camera", hint=hint)
        return replace(cls(**PRESETS[name]), **changes)

    @classmethod
    def told(cls, values: Mapping[str, Any]) -> Self:
        """Return the ranges of a mapping, as ``dataclasses.asdict`` or JSON writes them."""
        found: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list | tuple) else value
            for name, value in values.items()
        }
        try:
            return cls(**found)
        except (TypeError, ValueError, IndexError) as error:
            raise ConfigError(f"are no ranges of cameras: {error}", where="flights") from error

    def size(self, width: int) -> tuple[int, int]:
        """Return a photo's width and height in pixels."""
        return width, max(1, round(width / self.shape))

    def draw(self, side_m: float, width: int, rng: np.random.Generator) -> Pinhole:
        """Return a camera that looks at (0, 0), over tiles of ``side_m`` metres."""
        fov = math.radians(rng.uniform(*self.fov_deg))
        share = rng.uniform(*self.spans)
        height_m = side_m * share / 2 / math.tan(fov / 2)
        if self.height_m is not None:
            height_m = rng.uniform(*self.height_m)
        heading = math.radians(rng.uniform(*self.heading_deg))
        tilt = math.radians(rng.uniform(*self.tilt_deg))
        roll = math.radians(rng.normal(0, self.roll_deg))
        k1 = rng.uniform(*self.k1)
        lens = Lens.of_fov(*self.size(width), fov, (k1,) if k1 else ())
        return Pinhole(lens, Pose.looking_at((0.0, 0.0), height_m, heading, tilt, roll))


PRESETS: Final[Mapping[str, Mapping[str, Any]]] = {
    "any": {},
    "mapping": {"tilt_deg": (0.0, 8.0), "fov_deg": (66.0, 78.0), "shape": 3 / 2},
    "oblique": {"tilt_deg": (25.0, 55.0)},
    "action": {"fov_deg": (85.0, 105.0), "k1": (-0.2, -0.1), "tilt_deg": (0.0, 35.0)},
}
"""Cameras by name: any drone's gimbal, a mapping flight, an oblique look, a wide action camera."""


@dataclass(frozen=True)
class Telemetry:
    """Standard deviations of what is told of a camera: degrees, and a share of the height."""

    heading_deg: float = 5.0
    tilt_deg: float = 2.0
    height: float = 0.05

    def told(self, camera: Pinhole, rng: np.random.Generator) -> Pinhole:
        """Return the camera as its telemetry tells it, looking at (0, 0); roll is not told."""
        pose = camera.pose
        heading = pose.heading_rad + math.radians(rng.normal(0, self.heading_deg))
        tilt = pose.tilt_rad + math.radians(rng.normal(0, self.tilt_deg))
        tilt = float(np.clip(tilt, 0, math.radians(MOST_TILT_DEG)))
        height_m = pose.height_m * (1 + float(np.clip(rng.normal(0, self.height), -0.5, 1)))
        return replace(camera, pose=Pose.looking_at((0.0, 0.0), height_m, heading, tilt))
