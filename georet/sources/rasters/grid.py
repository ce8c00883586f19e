"""Cuts a surface into windows that have the asked size on the ground, wherever they lie.

Windows stand in bands from top to bottom. What a pixel covers changes over most maps, so each
window gets its own size in pixels: its middle lines are ``side_m`` long on the ground. Steps are
those of the smallest window of a band, so that nothing is left out between larger ones. The last
window of a band and the last band are moved inward to end with the surface; a surface that is
smaller than a tile lies in the middle of one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from georet.errors import UsageError
from georet.sources.rasters.surface import Surface, figure, scales_m
from georet.types import Doubles

MIN_PX: Final = 4
SNAP_PX: Final = 100
"""Windows of at least so many pixels are moved to whole ones, which costs at most half a percent
of their size and spares interpolation."""

_LEAST: Final = SNAP_PX - 1e-6
"""So that 50 m of pixels of 0.5 m are whole ones, whatever the last bits say."""

MAX_WINDOWS: Final = 50_000_000
_PROBES: Final = 17
"""Places across a band at which its smallest window is looked for."""
_ROUNDS: Final = 2
"""How often sizes are measured, each time with the sizes found before."""


class Band(NamedTuple):
    """One row of windows float64[R, 4]: left, top, width, height in pixels."""

    number: int
    windows: Doubles


def bands(surface: Surface, side_m: float, overlap: float) -> Iterator[Band]:
    """Yield the bands of windows from top to bottom; UsageError where tiles are too small."""
    height = surface.height
    smallest = _first_guess(surface, side_m)
    # A guess, so that what is far too much is refused before it is counted band by band.
    extent = np.array([surface.width, surface.height])
    guess = np.maximum(extent / [_step(size, overlap) for size in smallest.tolist()], 1)
    _check_number(int(guess.prod() / 4), side_m)
    top, number, num_windows = 0.0, 0, 0
    while True:
        smallest = _smallest(surface, top, smallest, side_m)
        # A hair's tolerance, or rounding would add a band that shows nothing new.
        is_last = top + smallest[1] >= height * (1 - 1e-9)
        if is_last:
            # Moved up, the band lies where a pixel may cover another length.
            smallest = _smallest(surface, height - smallest[1], smallest, side_m)
            top = max(min(top, height - smallest[1]), 0.0)
        windows = _windows(surface, top, smallest, side_m, overlap)
        num_windows += len(windows)
        _check_number(num_windows, side_m)
        yield Band(number, windows)
        if is_last:
            return
        top, number = top + _step(smallest[1], overlap), number + 1


def _check_number(num_windows: int, side_m: float) -> None:
    if num_windows > MAX_WINDOWS:
        raise UsageError(
            f"tiles of {side_m:g} m would be more than {MAX_WINDOWS:,}",
            hint="Choose larger tiles, or cut the area into parts and merge the galleries.",
        )


def _step(size: float, overlap: float) -> float:
    """Return how far apart windows of a size stand: whole pixels where the size is."""
    # Whole steps keep whole windows on whole pixels. Rounded down they may be 0, and never advance.
    step = size * (1 - overlap)
    return max(1.0, float(np.floor(step))) if size == round(size) else float(step)


def covered_m(surface: Surface) -> Doubles:
    """Return how much ground a surface covers, width and height [2] in metres, about."""
    return np.asarray(_usual_scale(surface) * [surface.width, surface.height])


def _usual_scale(surface: Surface) -> Doubles:
    """Return how many metres a pixel covers in the middle of the surface [2]: along x, along y."""
    # The rim of a map is where it is stretched most, or shows no ground at all.
    extent = np.array([surface.width, surface.height], np.float64)
    grid = np.stack(np.meshgrid(*(np.linspace(0.1, 0.9, 9),) * 2), axis=-1).reshape(-1, 2)
    scales = scales_m(surface, grid * extent, np.full((len(grid), 2), 1.0))
    scales = scales[np.isfinite(scales).all(axis=1) & (scales > 0).all(axis=1)]
    if not len(scales):
        raise UsageError("the map shows no ground that could be cut into tiles")
    return np.asarray(np.median(scales, axis=0))


def _first_guess(surface: Surface, side_m: float) -> Doubles:
    """Return width and height in pixels [2] of a tile in the middle of the surface."""
    scale = _usual_scale(surface)
    if side_m / scale.min() < MIN_PX:
        px = side_m / scale
        raise UsageError(
            f"tiles of {side_m:g} m would have {px[0]:.1f} x {px[1]:.1f} pixels",
            hint=f"A pixel covers {figure(scale[0])} x {figure(scale[1])} m: choose at least "
            f"{figure(MIN_PX * scale.max())} m, better {SNAP_PX} pixels, "
            f"{figure(SNAP_PX * scale.max())} m.",
        )
    return np.asarray(side_m / scale)


def _smallest(surface: Surface, top: float, guess: Doubles, side_m: float) -> Doubles:
    """Return width and height [2] of the smallest window of the band that begins at ``top``.

    Where the band shows no ground this is the ``guess``.
    """
    columns = (np.arange(_PROBES) + 0.5) / _PROBES * surface.width
    centres = np.stack([columns, np.full(_PROBES, top + guess[1] / 2)], axis=-1)
    sizes = _sizes(surface, centres, guess, side_m)
    smallest = np.where(np.isfinite(sizes), sizes, np.inf).min(axis=0)
    smallest = np.where(np.isfinite(smallest), smallest, guess)
    return np.asarray(np.round(smallest) if (smallest >= _LEAST).all() else smallest)


def _sizes(surface: Surface, centres: Doubles, guess: Doubles, side_m: float) -> Doubles:
    """Return the width and height in pixels [M, 2] that tiles need at their centres [M, 2]."""
    sizes = np.broadcast_to(guess, centres.shape).copy()
    extent = np.array([surface.width, surface.height], np.float64)
    for _ in range(_ROUNDS):
        # Over an eighth of the tile, so that it is the scale of its middle; at least over a pixel.
        reach = np.clip(np.where(np.isfinite(sizes), sizes, guess) / 16, 0.5, extent / 8 + 0.5)
        scales = scales_m(surface, centres, reach)
        with np.errstate(divide="ignore"):
            # At a pole a row of a geographic map has no length: the surface must do.
            sizes = np.minimum(side_m / scales, np.maximum(extent, 1.25 * guess))
    return sizes


def _windows(
    surface: Surface, top: float, smallest: Doubles, side_m: float, overlap: float
) -> Doubles:
    """Return the windows of the band that begins at ``top``."""
    extent = np.array([surface.width, surface.height], np.float64)
    width = smallest[0]
    step = _step(width, overlap)
    # Less a hair, or rounding would add a column that shows nothing new.
    num = 1 + max(0, int(np.ceil((extent[0] - width) / step - 1e-9)))
    _check_number(num, side_m)
    columns = width / 2 + step * np.arange(num)
    columns = np.minimum(columns, extent[0] - width / 2) if num > 1 else extent[:1] / 2
    centres = np.stack([columns, np.full(num, top + smallest[1] / 2)], axis=-1)
    sizes = np.broadcast_to(smallest, centres.shape)
    # At the sides a window's centre depends on its size, and its size on where the centre is.
    for _ in range(_ROUNDS):
        centres = _kept_inside(centres, sizes, extent)
        sizes = _sizes(surface, centres, smallest, side_m)
    on_ground = np.isfinite(sizes).all(axis=1)
    return _snapped(centres[on_ground], sizes[on_ground], extent)


def _kept_inside(centres: Doubles, sizes: Doubles, extent: Doubles) -> Doubles:
    """Move windows inward that stick out; those larger than the surface to its middle."""
    half = np.where(np.isfinite(sizes), sizes, 0) / 2
    inside = np.clip(centres, np.minimum(half, extent / 2), np.maximum(extent - half, extent / 2))
    return np.where(2 * half >= extent, extent / 2, inside)


def _snapped(centres: Doubles, sizes: Doubles, extent: Doubles) -> Doubles:
    """Return windows [R, 4], whole pixels where they are large."""
    whole = np.maximum(np.round(sizes), 1)
    corner = np.clip(np.round(centres - whole / 2), 0, np.maximum(extent - whole, 0))
    corner = np.where(whole > extent, np.round((extent - whole) / 2), corner)
    is_large = (sizes >= _LEAST).all(axis=1, keepdims=True)
    exact_corner = _kept_inside(centres, sizes, extent) - sizes / 2
    windows = np.where(is_large, np.hstack([corner, whole]), np.hstack([exact_corner, sizes]))
    return np.asarray(windows)
