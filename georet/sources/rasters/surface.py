"""What a raster and a tile archive have in common: a plane of pixels that lies on the ground."""

from __future__ import annotations

from typing import Any, Final, Protocol, runtime_checkable

import numpy as np

from georet.ground.wgs84 import continued, mean_side_m, span_m, wrapped
from georet.tiles.table import TileTable
from georet.types import Bools, Doubles, Pixels

_STEPS: Final = 4
"""Pieces into which each side of an outline is divided."""


@runtime_checkable
class Surface(Protocol):
    """``width`` x ``height`` pixels; positions [N, 2] are columns and rows from the top left."""

    width: int
    height: int

    def latlon_at(self, positions: Doubles) -> Doubles:
        """Return where float64[N, 2] lie on Earth, as [N, 2]; NaN where a map has no ground."""

    def void_shares(self, windows: Doubles) -> Doubles:
        """Return the share float64[R] without data of windows [R, 4], estimated where need be."""

    def block(self, box: tuple[int, int, int, int], size: tuple[int, int], name: str) -> Pixels:
        """Return the pixels of left, top, width, height, reduced to ``size`` (height, width).

        The box lies inside. uint8[h, w, 3]; what is without data is black. DataError with the
        tile's ``name`` where it can't be read.
        """

    def describe(self) -> dict[str, Any]:
        """Return JSON values that name the file and all that decides its pixels."""


def figure(value: float) -> str:
    """Return a number with three digits that count, and without an exponent, for messages."""
    return f"{float(f'{value:.3g}'):,.10g}"


def scales_m(surface: Surface, positions: Doubles, reach: Doubles) -> Doubles:
    """Return how many metres a pixel covers at [N, 2], float64[N, 2]: along rows, along columns.

    Measured ``reach`` [N, 2] pixels to both sides, less at the plane's edges.
    """
    extent = np.array([surface.width, surface.height], np.float64)
    inside = np.clip(positions, 0, extent)
    scales = np.empty(positions.shape)
    for axis in (0, 1):
        ends = [inside.copy(), inside.copy()]
        ends[0][:, axis] = np.maximum(inside[:, axis] - reach[:, axis], 0)
        ends[1][:, axis] = np.minimum(inside[:, axis] + reach[:, axis], extent[axis])
        before, after = np.split(surface.latlon_at(np.concatenate(ends)), 2)
        # By what is left of the reach: at an edge it is cut off.
        scales[:, axis] = span_m(before, after) / (ends[1][:, axis] - ends[0][:, axis])
    return scales


def table_of(surface: Surface, windows: Doubles, ids: list[str]) -> tuple[TileTable, Bools]:
    """Return the tiles of windows [R, 4] (left, top, width, height in pixels) that lie on Earth.

    Also bool[R], which these are: a part of a map may show no ground (the corners of a map of the
    whole globe). Centres and corners go through the surface's own transform.
    """
    path = _path(windows)
    latlon = surface.latlon_at(path.reshape(-1, 2)).reshape(path.shape)
    there: Bools = np.asarray(np.isfinite(latlon).all(axis=(1, 2)))
    latlon = latlon[there]
    # Step by step from the centre: neighbours in the path are never half a turn apart.
    latlon[:, :, 1] = np.unwrap(latlon[:, :, 1], period=360, axis=1)
    # Whole turns for the whole tile: its centre comes to -180..180, its outline stays in one piece.
    turns = wrapped(latlon[:, 0, 1]) - latlon[:, 0, 1]
    latlon[:, :, 1] += turns[:, None]
    ring = latlon[:, 2:]
    corners = ring[:, 2::_STEPS]
    # Round a pole the longitudes of an outline wind on by a whole turn. There each corner takes the
    # longitude that is nearest to the centre's.
    holds_pole = np.abs(ring[:, -1, 1] - ring[:, 0, 1]) > 180
    corners[holds_pole] = continued(latlon[holds_pole, :1], corners[holds_pole])
    kept = [name for name, is_there in zip(ids, there, strict=True) if is_there]
    return TileTable(kept, latlon[:, 0], corners, mean_side_m(ring)), there


def _path(windows: Doubles) -> Doubles:
    """Return positions [R, 2 + 16, 2]: the centre, half way to the left side, then around.

    The way around starts in the middle of the left side and goes up, so that the third of it is
    the top left corner.
    """
    share = np.arange(_STEPS) / _STEPS
    zero, one = np.zeros(_STEPS), np.ones(_STEPS)
    sides = [(share, zero), (one, share), (1 - share, one), (zero, 1 - share)]
    ring = np.concatenate([np.stack(side, axis=-1) for side in sides])
    ring = np.roll(ring, _STEPS // 2, axis=0)
    relative = np.concatenate([[[0.5, 0.5], [0.25, 0.5]], ring])
    return windows[:, None, :2] + relative * windows[:, None, 2:]
