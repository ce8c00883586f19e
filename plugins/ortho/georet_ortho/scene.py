"""A map as ground to look at: pieces of it around a place, in metres east and north of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from georet.errors import DataError, UsageError
from georet.ground.tangent import Tangent
from georet.sources.rasters.cut import CutSource, read_window
from georet.sources.rasters.surface import Surface, scales_m
from georet.sources.sheets import SheetSource
from georet.tiles.table import TileSource
from georet.types import Bools, Doubles, Floats, Pixels

MAX_READ_PX: Final = 2048
_ROUNDS: Final = 12
_GRID: Final = 5
_LEAST_PX: Final = 16


@dataclass(frozen=True)
class Piece:
    """The map around a place: mip levels uint8[h, w, 3], each half of the one before.

    ``terms`` float64[2, 5] bring metres (x, y, x^2, x y, y^2) from the place to pixels of the first
    level, ``origin`` [2] is the place itself there; ``px_m`` is a pixel's side on the ground.
    """

    levels: Sequence[Pixels]
    origin: Doubles
    terms: Doubles
    px_m: float

    def positions(self, metres: Doubles) -> Doubles:
        """Return the pixels float64[..., 2] of the first level at metres [..., 2]."""
        x, y = metres[..., 0], metres[..., 1]
        powers = np.stack([x, y, x * x, x * y, y * y], axis=-1)
        found: Doubles = self.origin + powers @ self.terms.T
        return found

    def colours(self, metres: Doubles, footprint_m: Doubles) -> Floats:
        """Return colours float32[h, w, 3] at metres [h, w, 2], averaged over footprints [h, w].

        Blended between the two levels whose pixels are just finer and just coarser than the
        footprint (a pixel's side on the ground). Mirrored beyond the piece; NaN gives black.
        """
        there: Bools = np.asarray(np.isfinite(metres).all(axis=-1))
        at = self.positions(np.where(there[..., None], metres, 0.0))
        with np.errstate(invalid="ignore"):
            level = np.log2(np.maximum(np.where(there, footprint_m, self.px_m) / self.px_m, 1e-6))
        level = np.clip(level, 0, len(self.levels) - 1)
        out = np.zeros((*at.shape[:2], 3), np.float32)
        for number in range(int(level.min()), int(np.ceil(level.max())) + 1):
            weight = np.clip(1 - np.abs(level - number), 0, 1).astype(np.float32)
            if not weight.any():
                continue
            image = self.levels[number]
            scale = np.array(image.shape[1::-1]) / self.levels[0].shape[1::-1]
            x, y = np.moveaxis((at * scale - 0.5).astype(np.float32), -1, 0)
            mode = cv2.BORDER_REFLECT_101
            seen = cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=mode)
            out += weight[..., None] * seen
        out[~there] = 0
        return out


class Scene:
    """The surfaces of a source that is cut from rasters or archives; ``where`` names it."""

    def __init__(self, surfaces: Sequence[Surface], where: str) -> None:
        self.surfaces, self.where = list(surfaces), where
        self._found: tuple[tuple[float, ...], Surface, Doubles] | None = None

    @classmethod
    def of(cls, source: TileSource, where: str) -> Scene:
        """Return the scene that a source is cut from; UsageError for one of single images."""
        parts = [part for _, part in source.sheets] if isinstance(source, SheetSource) else [source]
        surfaces = [part.parts[0][1] for part in parts if isinstance(part, CutSource)]
        if not surfaces:
            raise UsageError(
                "holds tiles that are single images: photos can't be rendered over their edges",
                where=where,
                hint="Name a raster (GeoTIFF, COG) or a tile archive, with --side.",
            )
        return cls(surfaces, where)

    def position_of(self, latlon: Doubles) -> tuple[Surface, Doubles]:
        """Return the surface that shows a place [2], and its pixel [2]; DataError if none does."""
        # One place is asked for many times in a row: by cameras that are tried, then by the photo.
        place = tuple(latlon.tolist())
        if self._found is not None and self._found[0] == place:
            return self._found[1], self._found[2]
        for surface in self.surfaces:
            found = _inverse(surface, latlon)
            if found is not None:
                self._found = place, surface, found
                return surface, found
        raise DataError(f"{latlon[0]:.6f}, {latlon[1]:.6f} is not on the map", where=self.where)

    def piece(self, latlon: Doubles, reach_m: float, finest_m: float) -> Piece:
        """Return the map up to ``reach_m`` around a place [2].

        Its first level is a little finer than ``finest_m`` metres a pixel where the map is.
        """
        surface, at = self.position_of(latlon)
        return _piece(surface, at, latlon, reach_m, finest_m)

    def tile(self, latlon: Doubles, side_m: float, name: str) -> Pixels:
        """Return the tile around a place [2] as a gallery would cut it, uint8[h, w, 3]."""
        surface, at = self.position_of(latlon)
        size = self.side_px(surface, at, side_m)
        corner = np.clip(at - size / 2, 0, np.maximum(np.array(_extent(surface)) - size, 0))
        if (size >= 100).all():
            corner, size = np.round(corner), np.round(size)
        return read_window(surface, np.concatenate([corner, size]), name)

    def share_inside(self, latlon: Doubles, metres: Doubles) -> float:
        """Return which share of points [N, 2], metres from a place, lies on its surface."""
        surface, at = self.position_of(latlon)
        scale = scales_m(surface, at[None], np.full((1, 2), 2.0))[0]
        pixels = at + metres * [1, -1] / scale
        return float(((pixels >= 0) & (pixels <= _extent(surface))).all(axis=1).mean())

    def side_px(self, surface: Surface, at: Doubles, side_m: float) -> Doubles:
        """Return a tile's width and height in pixels [2] at a pixel [2]."""
        scale = scales_m(surface, at[None], np.full((1, 2), 8.0))[0]
        found: Doubles = side_m / scale
        return found


def _extent(surface: Surface) -> tuple[int, int]:
    return surface.width, surface.height


def _inverse(surface: Surface, latlon: Doubles) -> Doubles | None:
    """Return the pixel [2] that shows a place, by Newton's method from the middle; or None."""
    plane = Tangent(float(latlon[0]), float(latlon[1]))
    extent = np.array(_extent(surface), np.float64)
    at = extent / 2
    for _ in range(_ROUNDS):
        probes = at + np.array([[0, 0], [1, 0], [0, 1]]) * 0.5
        found = surface.latlon_at(probes)
        if not np.isfinite(found).all():
            return None
        off = plane.metres(found)
        slope = np.column_stack([off[1] - off[0], off[2] - off[0]]) / 0.5
        if not np.isfinite(slope).all() or abs(np.linalg.det(slope)) < 1e-12:
            return None
        step = np.linalg.solve(slope, off[0])
        at = np.clip(at - step, -0.25 * extent, 1.25 * extent)
        if np.abs(step).max() < 1e-7:
            break
    is_inside = (at >= -1e-3).all() and (at <= extent + 1e-3).all()
    return at if is_inside and np.abs(step).max() < 1e-3 else None


def _piece(
    surface: Surface, at: Doubles, latlon: Doubles, reach_m: float, finest_m: float
) -> Piece:
    extent = np.array(_extent(surface), np.float64)
    scale = scales_m(surface, at[None], np.full((1, 2), 2.0))[0]
    reach = np.maximum(reach_m / scale, _LEAST_PX)
    first = np.floor(np.clip(at - reach, 0, np.maximum(extent - _LEAST_PX, 0))).astype(int)
    last = np.ceil(np.clip(at + reach, np.minimum(_LEAST_PX, extent), extent)).astype(int)
    shape = np.maximum(last - first, 1)
    shrink = max(1.0, finest_m / float(scale.mean()), float(shape.max()) / MAX_READ_PX)
    # Whole steps, so that each pixel read is the mean of as many of the map's.
    shrink = float(int(shrink))
    size = np.maximum(np.round(shape / shrink), 1).astype(int)
    box = (int(first[0]), int(first[1]), int(shape[0]), int(shape[1]))
    image = surface.block(box, (int(size[1]), int(size[0])), "around a photo")
    factor = size / shape
    terms = _terms(surface, at, latlon, reach) * factor[:, None]
    return Piece(_levels(image), (at - first) * factor, terms, float((scale / factor).mean()))


def _terms(surface: Surface, at: Doubles, latlon: Doubles, reach: Doubles) -> Doubles:
    """Fit metres to pixels around a place by least squares, to the second order."""
    steps = np.linspace(-1, 1, _GRID)
    offsets = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2) * reach
    inside = np.clip(at + offsets, 0, _extent(surface)) - at
    found = surface.latlon_at(at + inside)
    is_there = np.isfinite(found).all(axis=1)
    metres = Tangent(float(latlon[0]), float(latlon[1])).metres(found[is_there])
    x, y = metres.T
    powers = np.column_stack([x, y, x * x, x * y, y * y])
    # Columns of one size, or metres squared would drown what the fit can tell of metres.
    weight = np.maximum(np.abs(powers).max(axis=0), 1e-12)
    solved = np.linalg.lstsq(powers / weight, inside[is_there], rcond=None)[0]
    terms: Doubles = (solved / weight[:, None]).T
    return terms


def _levels(image: Pixels) -> list[Pixels]:
    levels = [image]
    while min(levels[-1].shape[:2]) >= 2 * _LEAST_PX:
        height, width = levels[-1].shape[:2]
        size = (width // 2, height // 2)
        half = cv2.resize(levels[-1], size, interpolation=cv2.INTER_AREA)
        levels.append(np.asarray(half, np.uint8))
    return levels
