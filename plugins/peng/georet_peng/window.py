"""The transform ``window``: panoramas of which a part is black, as if a lens had not seen it."""

from __future__ import annotations

import numpy as np

from georet.contracts.transforming import TransformContext
from georet.errors import ConfigError
from georet.types import Pixels
from georet_peng.city.canvas import turned, windowed


class Window:
    """Blackens a panorama beyond a field of view, whose direction is drawn, as evaluations do.

    ``degrees`` are the fields that are drawn from, all equally likely. With ``heading: known`` what
    is left stays where it is, north in the middle; with ``unknown`` the panorama is turned by any
    angle, and what is left lies about its middle. Reports ``fov_rad``, the field, and ``turn_rad``,
    how far to the right of the panorama's middle that of the new one lies (0 to 2 pi).
    """

    joint: bool = False

    def __init__(self, *, degrees: list[float] | None = None, heading: str = "known") -> None:
        self.degrees = degrees or [360.0, 180.0, 90.0]
        if not all(20 <= each <= 360 for each in self.degrees):
            raise ConfigError("wanted 20 to 360", where="window.degrees")
        if heading not in ("known", "unknown"):
            raise ConfigError(f"{heading!r} is neither known nor unknown", where="window.heading")
        self.heading = heading

    def __call__(
        self, image: Pixels, rng: np.random.Generator, context: TransformContext | None = None
    ) -> Pixels:
        """Return uint8[H, W, 3]."""
        fov_deg = float(rng.choice(self.degrees))
        looks_deg, turn_deg = rng.uniform(0, 360), 0.0
        if self.heading == "unknown":
            image, turn_deg, looks_deg = turned(image, looks_deg), looks_deg, 0.0
        if context is not None:
            context.report("fov_rad", np.radians(fov_deg))
            context.report("turn_rad", np.radians(turn_deg))
        return windowed(image, looks_deg, fov_deg)
