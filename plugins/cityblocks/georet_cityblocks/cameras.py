"""Two cameras over a scene: panoramas at street level, and orthographic tiles from above.

A panorama is equirectangular, 360 by 180 degrees, H x 2H pixels: column u (its middle, at u + 1/2)
looks at azimuth ``heading + (u + 1/2 - H) 180/H`` degrees clockwise from north, row v looks
``90 - (v + 1/2) 180/H`` degrees above the horizon. A tile is north up; its pixel (row i, column j)
lies at east ``(j + 1/2 - S/2) side/S``, north ``(S/2 - i - 1/2) side/S`` of its centre.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from georet.types import Doubles, Floats
from georet_cityblocks.lights import photo_light
from georet_cityblocks.scene import IN_PHOTOS, IN_TILES, Scene
from georet_cityblocks.shading import Light, cast

REACH_M: Final = 220.0
"""How far a panorama sees; beyond it is sky."""
_ABOVE_M: Final = 400.0


def panorama(
    scene: Scene, eye: Doubles, heading_rad: float, light: Light, height: int, samples: int = 2
) -> Floats:
    """Return float32[H, 2H, 3], linear colours in 0..1, from ``eye`` float64[3] in metres.

    ``samples`` squared rays a pixel are averaged.
    """
    rays = _street_rays(heading_rad, height, samples)
    colours, _ = cast(scene, light, np.broadcast_to(eye, rays.shape), rays, REACH_M, IN_PHOTOS)
    return _averaged(colours, height, 2 * height, samples)


def depth(scene: Scene, eye: Doubles, heading_rad: float, height: int) -> Floats:
    """Return float32[H, 2H]: metres along the ray of each pixel's middle, inf for sky."""
    rays, light = _street_rays(heading_rad, height, 1), photo_light(np.random.default_rng(0))
    _, metres = cast(scene, light, np.broadcast_to(eye, rays.shape), rays, REACH_M, IN_PHOTOS)
    return metres.reshape(height, 2 * height).astype(np.float32)


def overhead(
    scene: Scene, centre: Doubles, side_m: float, light: Light, side: int, samples: int = 2
) -> Floats:
    """Return float32[S, S, 3], linear colours: ``side_m`` metres of ground, north up."""
    steps = (np.arange(side * samples) + 0.5) / samples
    origins = np.full((side * samples, side * samples, 3), _ABOVE_M)
    origins[..., 0] = centre[0] + (steps - side / 2) * side_m / side
    origins[..., 1] = (centre[1] + (side / 2 - steps) * side_m / side)[:, None]
    starts = origins.reshape(-1, 3)
    down = np.broadcast_to(np.array([0.0, 0.0, -1.0]), starts.shape)
    colours, _ = cast(scene, light, starts, down, 2 * _ABOVE_M, IN_TILES)
    return _averaged(colours, side, side, samples)


def _street_rays(heading_rad: float, height: int, samples: int) -> Doubles:
    steps = (np.arange(2 * height * samples) + 0.5) / samples * np.pi / height
    azimuth, up = heading_rad + steps - np.pi, np.pi / 2 - steps[: height * samples, None]
    rays = [np.sin(azimuth) * np.cos(up), np.cos(azimuth) * np.cos(up)]
    return np.stack([*rays, np.broadcast_to(np.sin(up), rays[0].shape)], axis=-1).reshape(-1, 3)


def _averaged(colours: Floats, height: int, width: int, samples: int) -> Floats:
    parts = colours.reshape(height, samples, width, samples, 3)
    mean: Floats = parts.mean(axis=(1, 3), dtype=np.float32)
    return mean
