"""How an area is cut into tiles."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from georet.errors import UsageError

MAX_ZOOM = 30


@dataclass(frozen=True)
class Tiling:
    """How an area is cut.

    ``side_m`` are the tiles' ground sizes, one or several; none: the source's own tiles.
    ``overlap`` is the share of a side that neighbours have in common, 0 or more and less than 1.
    ``zoom`` is the level of a tile archive to use (None: its deepest); for a raster it means Web
    Mercator tiles of that level instead of ``side_m``. Tiles of which more than ``max_nodata``
    is without data are left out.

    Raises UsageError for values that make no sense.
    """

    side_m: tuple[float, ...] = ()
    overlap: float = 0.0
    zoom: int | None = None
    max_nodata: float = 0.5

    def __post_init__(self) -> None:
        sides = [float(side) for side in self.side_m]
        wrong = [side for side in sides if not (side > 0 and np.isfinite(side))]
        if wrong:
            raise UsageError(f"tiles of {wrong[0]:g} m: their side must be above 0")
        if len(set(sides)) < len(sides):
            raise UsageError("the same size of tiles is asked for twice")
        if not 0 <= self.overlap < 1:
            raise UsageError(
                f"overlap is {self.overlap:g}",
                hint="It is a share of a tile's side: 0 or more, and less than 1.",
            )
        if self.zoom is not None and not 0 <= self.zoom <= MAX_ZOOM:
            raise UsageError(f"zoom is {self.zoom}", hint=f"Levels run from 0 to {MAX_ZOOM}.")
        if not 0 <= self.max_nodata <= 1:
            raise UsageError(f"max_nodata is {self.max_nodata:g}", hint="It is a share, 0 to 1.")

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON values."""
        return {**asdict(self), "side_m": [float(side) for side in self.side_m]}
