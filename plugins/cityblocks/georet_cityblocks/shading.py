"""Colours of what a ray meets, compiled: materials, windows, sunlight and shadows."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from georet.types import Doubles, Floats
from georet_cityblocks.scene import GRASS, YARD, Scene
from georet_cityblocks.tracing import ENDS, GROUND, ROOF, SKY, Vector, compiled, trace

_SHADOW_M: Final = 120.0


class Light(NamedTuple):
    """What one camera's day looks like; colours float64[3] in 0..1.

    ``sun`` float64[3] is the unit vector to the sun, ``direct`` and ``ambient`` its light and the
    sky's. ``palette`` float64[10, 3] colours the ground's materials, ``leaf`` float64[2, 3] the two
    ends of the crowns' colours. ``haze_m``: how far off two thirds of the colour are haze.
    """

    sun: Doubles
    direct: float
    ambient: float
    palette: Doubles
    leaf: Doubles
    horizon: Doubles
    zenith: Doubles
    cloud: float
    haze_m: float
    seed: int


@compiled
def _scaled(rgb: Vector, by: float) -> Vector:
    return rgb[0] * by, rgb[1] * by, rgb[2] * by


@compiled
def _mixed(one: Vector, other: Vector, share: float) -> Vector:
    """Return (1 - share) one + share other."""
    return (
        one[0] + (other[0] - one[0]) * share,
        one[1] + (other[1] - one[1]) * share,
        one[2] + (other[2] - one[2]) * share,
    )


@compiled
def noise(i: int, j: int, seed: int) -> float:
    """Return a number in 0..1 that depends on three integers alone."""
    h = np.uint64(i * 73856093 ^ j * 19349663 ^ seed * 83492791)
    h = (h ^ (h >> np.uint64(15))) * np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return float((h >> np.uint64(40)) & np.uint64(0xFFFF)) / 65535.0


@compiled
def smooth(x: float, y: float, seed: int) -> float:
    """Return noise that varies smoothly over one unit."""
    i, j = int(np.floor(x)), int(np.floor(y))
    a, b = x - i, y - j
    a, b = a * a * (3.0 - 2.0 * a), b * b * (3.0 - 2.0 * b)
    low = noise(i, j, seed) * (1.0 - a) + noise(i + 1, j, seed) * a
    high = noise(i, j + 1, seed) * (1.0 - a) + noise(i + 1, j + 1, seed) * a
    return low * (1.0 - b) + high * b


@compiled
def _sky(d: Vector, light: Light) -> Vector:
    horizon = (light.horizon[0], light.horizon[1], light.horizon[2])
    zenith = (light.zenith[0], light.zenith[1], light.zenith[2])
    rgb = _mixed(horizon, zenith, max(d[2], 0.0) ** 0.6)
    if d[2] <= 0.03:
        return rgb
    x, y = d[0] / (d[2] + 0.15), d[1] / (d[2] + 0.15)
    veil = 0.6 * smooth(1.7 * x, 1.7 * y, light.seed) + 0.4 * smooth(5 * x, 5 * y, light.seed)
    return _mixed(rgb, (0.93, 0.93, 0.93), min(1.0, max(0.0, (veil - 1.0 + light.cloud) * 3.0)))


@compiled
def _ground(scene: Scene, x: float, y: float, light: Light) -> Vector:
    i = int((x - scene.low[0]) / scene.ground_m)
    j = int((y - scene.low[1]) / scene.ground_m)
    height, width = scene.ground.shape
    material = GRASS
    if 0 <= i < width and 0 <= j < height:
        material = int(scene.ground[j, i])
    rough = 0.85 + 0.2 * smooth(x / 4.0, y / 4.0, 3) + 0.1 * noise(int(x * 6), int(y * 6), 5)
    if material in (GRASS, YARD):
        rough *= 0.8 + 0.4 * smooth(x / 1.3, y / 1.3, 7)
    own = light.palette[material]
    return own[0] * rough, own[1] * rough, own[2] * rough


@compiled
def _colour(look: Floats, first: int) -> Vector:
    return float(look[first]), float(look[first + 1]), float(look[first + 2])


@compiled
def _wall(look: Floats, u: float, height: float, eaves: float) -> Vector:
    """Return the colour of a facade ``u`` metres along it and ``height`` metres up."""
    wall, glass, is_car = _colour(look, 0), _colour(look, 6), look[17] > 0.5
    if is_car:
        return glass if height > 0.55 * eaves else wall
    if height > eaves - 0.45:  # cornice
        return _scaled(wall, 0.7)
    floor, bay, seed = look[12], look[13], int(look[16])
    storey, column = int(height / floor), int(np.floor(u / bay))
    v, s = height / floor - storey, u / bay - column
    if storey == 0:
        if 0.08 < s < 0.92 and v < 0.82:
            return _colour(look, 9) if noise(column, 0, seed) < 0.55 else glass
        return wall
    from_side, from_sill = 0.5 * look[14] - abs(s - 0.5), 0.5 * look[15] - abs(v - 0.52)
    if from_side > 0.0 and from_sill > 0.0:
        if min(from_side, from_sill) < 0.05:  # frame
            return 0.85, 0.85, 0.85
        return _scaled(glass, 0.75 + 0.5 * noise(column, storey, seed))
    return _scaled(wall, 0.94 + 0.12 * noise(int(u * 3.0), int(height * 6.0), seed))


@compiled
def _roof(look: Floats, x: float, y: float, boxes: Doubles, row: int) -> Vector:
    """Return a roof's colour at a point in the box's axes; flat ones carry a rim and machines."""
    if look[17] > 0.5:
        return _colour(look, 0)
    seed, tiles = int(look[16]), _colour(look, 3)
    grain = 0.9 + 0.2 * smooth(x / 2.0, y / 2.0, seed)
    if boxes[row, 8] > 0.0:  # courses of tiles, across the slope
        return _scaled(tiles, grain * (0.92 if int(np.floor(x * 2.2)) % 2 == 0 else 1.0))
    if boxes[row, 4] - abs(x) < 0.5 or boxes[row, 5] - abs(y) < 0.5:
        return _scaled(tiles, 1.3)
    i, j = int(np.floor(x / 3.5)), int(np.floor(y / 3.5))
    s, v = x / 3.5 - i - 0.5, y / 3.5 - j - 0.5
    if abs(s) < 0.3 and abs(v) < 0.25 and noise(i, j, seed + 1) < 0.16:
        return _scaled((1.0, 1.0, 1.0), 0.32 if noise(i, j, seed + 2) < 0.4 else 0.72)
    return _scaled(tiles, grain)


@compiled
def _box(scene: Scene, row: int, face: int, p: Vector) -> tuple[Vector, Vector]:
    """Return colour and normal of a point on a box."""
    boxes = scene.boxes
    look = scene.looks[int(boxes[row, 10])]
    ux, uy = boxes[row, 2], boxes[row, 3]
    east, north = p[0] - boxes[row, 0], p[1] - boxes[row, 1]
    x, y = ux * east + uy * north, ux * north - uy * east
    if face == ENDS:
        sign = 1.0 if x > 0.0 else -1.0
        return _wall(look, y + boxes[row, 5], p[2], boxes[row, 6]), (ux * sign, uy * sign, 0.0)
    if face != ROOF:
        sign = 1.0 if y > 0.0 else -1.0
        return _wall(look, x + boxes[row, 4], p[2], boxes[row, 6]), (-uy * sign, ux * sign, 0.0)
    rgb = _roof(look, x, y, boxes, row)
    slope = boxes[row, 7] / boxes[row, 5]
    if slope == 0.0:
        return rgb, (0.0, 0.0, 1.0)
    flat = 1.0 / np.sqrt(1.0 + slope * slope)
    if boxes[row, 8] == 2.0 and boxes[row, 4] - abs(x) < boxes[row, 5] - abs(y):
        side = slope * flat * (1.0 if x > 0.0 else -1.0)
        return rgb, (ux * side, uy * side, flat)
    side = slope * flat * (1.0 if y > 0.0 else -1.0)
    return rgb, (-uy * side, ux * side, flat)


@compiled
def _tree(scene: Scene, row: int, light: Light, p: Vector) -> tuple[Vector, Vector]:
    """Return colour and normal of a point on a tree."""
    trees = scene.trees
    x, y, z = p[0] - trees[row, 0], p[1] - trees[row, 1], 1.2 * (p[2] - trees[row, 4])
    size = np.sqrt(x * x + y * y + z * z) + 1e-9
    normal = (x / size, y / size, z / size)
    if p[2] < trees[row, 4] - trees[row, 3]:
        return (0.32, 0.25, 0.19), normal
    one = (light.leaf[0, 0], light.leaf[0, 1], light.leaf[0, 2])
    other = (light.leaf[1, 0], light.leaf[1, 1], light.leaf[1, 2])
    leaf = noise(int(p[0] * 5.0), int(p[1] * 5.0), int(p[2] * 5.0))
    return _scaled(_mixed(one, other, trees[row, 5]), 0.55 + 0.75 * leaf), normal


@compiled
def cast(
    scene: Scene, light: Light, origins: Doubles, directions: Doubles, reach_m: float, seen: int
) -> tuple[Floats, Doubles]:
    """Return what M rays show: colours float32[M, 3] and distances float64[M] (metres, inf: sky).

    ``origins`` float64[M, 3] in metres, ``directions`` float64[M, 3] of unit length. ``seen`` is
    the camera's bit, ``reach_m`` how far it sees.
    """
    num = len(origins)
    colours, distances = np.empty((num, 3), np.float32), np.full(num, np.inf)
    num_boxes = scene.boxes.shape[0]
    sun = (light.sun[0], light.sun[1], light.sun[2])
    horizon = (light.horizon[0], light.horizon[1], light.horizon[2])
    for ray in range(num):
        o = (origins[ray, 0], origins[ray, 1], origins[ray, 2])
        d = (directions[ray, 0], directions[ray, 1], directions[ray, 2])
        # Both rays of a pixel, to the solid and on to the sun, pass this one call.
        rgb, n, start, strength, t = (0.0, 0.0, 0.0), (0.0, 0.0, 1.0), o, 1.0, np.inf
        for leg in range(2):
            ahead, reach = (d, reach_m) if leg == 0 else (sun, _SHADOW_M)
            away, what, face = trace(scene, start, ahead, reach, seen)
            if leg == 1:
                if what == SKY:
                    strength += light.direct * (n[0] * sun[0] + n[1] * sun[1] + n[2] * sun[2])
                break
            if what == SKY:
                rgb = _sky(d, light)
                break
            t = away
            p = (o[0] + t * d[0], o[1] + t * d[1], o[2] + t * d[2])
            if what == GROUND:
                rgb = _ground(scene, p[0], p[1], light)
            elif what < num_boxes:
                rgb, n = _box(scene, what, face, p)
            else:
                rgb, n = _tree(scene, what - num_boxes, light, p)
            strength = light.ambient * (0.75 + 0.25 * n[2])
            if light.direct <= 0.0 or n[0] * sun[0] + n[1] * sun[1] + n[2] * sun[2] <= 0.0:
                break
            start = (p[0] + 0.01 * n[0], p[1] + 0.01 * n[1], p[2] + 0.01 * n[2])
        distances[ray] = t
        if t < np.inf:
            rgb = _mixed(_scaled(rgb, strength), horizon, 1.0 - np.exp(-t / light.haze_m))
        colours[ray, 0], colours[ray, 1], colours[ray, 2] = rgb
    return colours, distances
