"""Maps and curves for notebooks, drawn by matplotlib, which is imported when something is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from georet.extras import need
from georet.geodesy import destination
from georet.types import Doubles, Floats

_CIRCLE = 120
_MOST_TILES = 20_000
"""More outlines than that are one grey, and seconds of drawing; dots at their centres stand in."""


def axes_for(axes: Any = None) -> Any:
    """Return matplotlib axes: those given, or new ones."""
    if axes is not None:
        return axes
    pyplot = need("matplotlib.pyplot", extra="plot", what="drawing")
    return pyplot.subplots(layout="constrained")[1]


def draw_tiles(axes: Any, corners: Doubles, values: Doubles | Floats | None = None) -> Any:
    """Draw tiles by corners float64[R, 4, 2] (latitude, longitude); values [R] colour them.

    Returns the axes, in degrees, true to scale in the middle.
    """
    lonlat = _unrolled(corners)[..., ::-1]
    if len(lonlat) > _MOST_TILES:
        centre = lonlat.mean(axis=1)
        axes.scatter(centre[:, 0], centre[:, 1], s=1, c="0.6" if values is None else values)
    else:
        collections = need("matplotlib.collections", extra="plot", what="drawing")
        tiles = collections.PolyCollection(
            list(lonlat), edgecolor="0.6", facecolor="none", linewidth=0.5
        )
        if values is not None:
            tiles.set_array(values)
            tiles.set_alpha(0.7)
        axes.add_collection(tiles)
    return _scaled(axes, lonlat.reshape(-1, 2))


def draw_place(
    axes: Any,
    latlon: Sequence[float],
    radii_m: Mapping[str, float | None],
    tiles: Iterable[tuple[str, Doubles]],
) -> Any:
    """Draw a place, circles round it in metres, and tiles as (name, corners float64[4, 2]).

    Returns the axes, in degrees, true to scale in the middle.
    """
    seen = [np.array([latlon], float)]
    for name, corners in tiles:
        outline = _near(np.vstack([corners, corners[:1]]), latlon[1])
        axes.plot(outline[:, 1], outline[:, 0], color="0.5", linewidth=1)
        axes.annotate(name, outline[0, ::-1], fontsize="small", color="0.4")
        seen.append(outline)
    bearings = np.linspace(0, 2 * np.pi, _CIRCLE)
    for name, radius_m in radii_m.items():
        if radius_m is not None:
            ring = _near(destination(np.array(latlon), bearings, radius_m), latlon[1])
            axes.plot(ring[:, 1], ring[:, 0], label=f"{name}: {radius_m:,.0f} m")
            seen.append(ring)
    axes.plot(latlon[1], latlon[0], "x", color="C3", markersize=9)
    if any(radius_m is not None for radius_m in radii_m.values()):
        axes.legend(fontsize="small")
    return _scaled(axes, np.vstack(seen)[:, ::-1])


def draw_track(axes: Any, latlon: Doubles, kinds: Sequence[str], truth: Doubles | None) -> Any:
    """Draw a track float64[T, 2] as a line with dots, one colour for each kind [T] of point.

    ``truth`` [T, 2] is a thin line. Returns the axes, in degrees, true to scale in the middle;
    axes that show a map already keep what they show.
    """
    has_map = bool(axes.collections or axes.lines)
    near = float(latlon[0, 1])
    seen = [_near(latlon, near)]
    if truth is not None:
        seen.append(_near(truth, near))
        axes.plot(seen[1][:, 1], seen[1][:, 0], color="0.2", linewidth=1, label="truth")
    axes.plot(seen[0][:, 1], seen[0][:, 0], color="C3", linewidth=0.8)
    for kind in dict.fromkeys(kinds):
        rows = np.array([one == kind for one in kinds])
        axes.plot(seen[0][rows, 1], seen[0][rows, 0], ".", label=kind)
    axes.legend(fontsize="small")
    there = np.vstack(seen)
    there = there[np.isfinite(there).all(axis=1)]
    return axes if has_map else _scaled(axes, there[:, ::-1])


def draw_curves(axes: Any, curves: Mapping[str, tuple[Doubles, Doubles]], x: str, y: str) -> Any:
    """Draw named curves (x float64[M], y float64[M]) on axes with those titles; return the axes."""
    for name, (across, up) in curves.items():
        axes.plot(across, up, label=name, marker="." if len(across) < 30 else None)
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    if len(curves) > 1:
        axes.legend(fontsize="small")
    return axes


def _unrolled(corners: Doubles) -> Doubles:
    """Bring all longitudes to one side of the Earth's back, so that no tile crosses the map."""
    return _near(corners, float(corners[0, 0, 1])) if len(corners) else corners


def _near(latlon: Doubles, longitude: float) -> Doubles:
    near = latlon.copy()
    near[..., 1] = longitude + (latlon[..., 1] - longitude + 180) % 360 - 180
    return near


def _scaled(axes: Any, lonlat: Doubles) -> Any:
    low, high = lonlat.min(axis=0), lonlat.max(axis=0)
    room = np.maximum(0.05 * (high - low), 1e-6)
    axes.set_xlim(low[0] - room[0], high[0] + room[0])
    axes.set_ylim(low[1] - room[1], high[1] + room[1])
    # One degree of longitude is shorter than one of latitude by the cosine of the latitude.
    squeeze = np.cos(np.radians(np.clip((low[1] + high[1]) / 2, -85, 85)))
    axes.set_aspect(1 / float(squeeze))
    axes.set_xlabel("longitude")
    axes.set_ylabel("latitude")
    return axes
