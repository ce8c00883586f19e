"""Tiles without files, and what opens a ``PixelSession``: for tests of galleries."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from georet.errors import DataError
from georet.plugins import UNSAID, Selection
from georet.testing.pixel_session import PixelSession
from georet.tiles.table import TileTable
from georet.types import REFERENCE, Pixels

_STEP_LATLON = 0.01


@dataclass(frozen=True)
class DrawnTiles:
    """``num`` tiles in rows of ``across``, each of random colours that its row alone decides.

    Reading one of the rows ``bad`` raises DataError, after ``wait_s`` seconds like every reading.
    """

    num: int
    across: int = 20
    corner_latlon: tuple[float, float] = (46.0, 7.0)
    prefix: str = "tile"
    size: tuple[int, int] = (40, 40)
    bad: tuple[int, ...] = ()
    wait_s: float = 0.0
    seed: int = 0

    def tiles(self) -> TileTable:
        """Return the tiles, about a kilometre each, from the north-west corner on."""
        down, right = np.divmod(np.arange(self.num), self.across)
        latlon = np.array(self.corner_latlon) + _STEP_LATLON * np.stack([-down, right], axis=1)
        around = np.array([[1, -1], [1, 1], [-1, 1], [-1, -1]]) * _STEP_LATLON / 2
        ids = [f"{self.prefix}-{row:05d}" for row in range(self.num)]
        side_m = np.full(self.num, 1000.0)
        return TileTable(ids, latlon, latlon[:, None] + around, side_m)

    def read(self, row: int) -> Pixels:
        """Return tile ``row``, uint8[h, w, 3]."""
        time.sleep(self.wait_s)
        if row in self.bad:
            raise DataError("is torn", where=f"{self.prefix}-{row:05d}.png")
        rng = np.random.default_rng([self.seed, row])
        coarse = rng.integers(0, 256, size=(5, 5, 3), dtype=np.uint8)
        height, width = self.size
        return np.kron(coarse, np.ones((-(-height // 5), -(-width // 5), 1), np.uint8))[
            :height, :width
        ]

    def describe(self) -> dict[str, Any]:
        """Return all that decides the tiles."""
        return {
            "kind": "drawn",
            "num": self.num,
            "prefix": self.prefix,
            "corner_latlon": list(self.corner_latlon),
            "seed": self.seed,
        }


@dataclass(frozen=True)
class PixelSpec:
    """Opens a ``PixelSession``, in whatever process."""

    seed: int = 0
    embed_dim: int = 32
    view: str = REFERENCE

    def open(self) -> PixelSession:
        """Return the session."""
        return PixelSession(seed=self.seed, embed_dim=self.embed_dim, view=self.view)

    @property
    def selection(self) -> Selection:
        """No plugin is asked for."""
        return UNSAID

    def capped(self, threads: int) -> Self:  # noqa: ARG002 - it has none to cap
        """Return the same."""
        return self

    def on(self, device: str) -> Self:  # noqa: ARG002 - it computes where it is
        """Return the same."""
        return self

    def as_json(self) -> None:
        """There is no place where it could be found again."""
