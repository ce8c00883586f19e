"""Rays through a scene, compiled: the first solid or ground that a ray meets, exactly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import numpy as np
from numba import njit

from georet.types import Doubles
from georet_cityblocks.scene import CELL_M, Scene

_F = TypeVar("_F", bound=Callable[..., Any])
compiled: Callable[[_F], _F] = njit(cache=True, nogil=True, error_model="numpy")

Vector = tuple[float, float, float]
SKY: Final = -1
GROUND: Final = -2
ROOF: Final = 0
ENDS: Final = 1
FLANKS: Final = 2
"""Faces of a box: its roof, the two at the ends of its long axis, the two along it."""
NEAREST_M: Final = 1e-3
_TRUNK_M: Final = 0.2


@compiled
def box_hit(boxes: Doubles, row: int, o: Vector, d: Vector) -> tuple[float, int]:
    """Return where the ray o + t d enters a box (t in metres, inf: never) and by which face."""
    x, y, half_length, half_width = boxes[row, 0], boxes[row, 1], boxes[row, 4], boxes[row, 5]
    far = (x - o[0]) * d[1] - (y - o[1]) * d[0]
    reach2 = half_length * half_length + half_width * half_width
    flat2 = d[0] * d[0] + d[1] * d[1]
    if far * far > reach2 * flat2:
        return np.inf, -1
    ux, uy = boxes[row, 2], boxes[row, 3]
    ox, oy = ux * (o[0] - x) + uy * (o[1] - y), uy * (x - o[0]) + ux * (o[1] - y)
    dx, dy = ux * d[0] + uy * d[1], ux * d[1] - uy * d[0]
    enter, leave, face = -np.inf, np.inf, -1
    roof, eaves, rise = int(boxes[row, 8]), boxes[row, 6], boxes[row, 7]
    # Half-spaces n . p <= limit: four sides, then the roof's one, two or four planes.
    for plane in range(4 + (1 if roof == 0 else 2 * roof)):
        sign = 1.0 - 2.0 * (plane & 1)
        if plane < 2:
            along, room = sign * dx, half_length - sign * ox
        elif plane < 4:
            along, room = sign * dy, half_width - sign * oy
        elif roof == 0:
            along, room = d[2], eaves - o[2]
        else:
            slope = sign * rise / half_width
            if plane < 6:
                along, room = slope * dy + d[2], eaves + rise - slope * oy - o[2]
            else:
                ridge = eaves + rise * half_length / half_width
                along, room = slope * dx + d[2], ridge - slope * ox - o[2]
        if along < 0.0:
            t = room / along
            if t > enter:
                enter = t
                face = ENDS if plane < 2 else FLANKS if plane < 4 else ROOF
        elif along > 0.0:
            leave = min(leave, room / along)
        elif room < 0.0:
            return np.inf, -1
    if enter >= leave or enter < NEAREST_M:
        return np.inf, -1
    return enter, face


@compiled
def tree_hit(trees: Doubles, row: int, o: Vector, d: Vector) -> float:
    """Return where a ray enters a tree's crown or trunk, inf if it does not."""
    x, y, z = o[0] - trees[row, 0], o[1] - trees[row, 1], o[2] - trees[row, 4]
    radius = trees[row, 2]
    far = x * d[1] - y * d[0]
    flat2 = d[0] * d[0] + d[1] * d[1]
    if far * far > radius * radius * flat2:
        return np.inf
    best = np.inf
    r2, h2 = 1.0 / (radius * radius), 1.0 / (trees[row, 3] * trees[row, 3])
    a = flat2 * r2 + d[2] * d[2] * h2
    b = (x * d[0] + y * d[1]) * r2 + z * d[2] * h2
    c = (x * x + y * y) * r2 + z * z * h2 - 1.0
    inside = b * b - a * c
    if inside > 0.0 and c > 0.0:
        t = (-b - np.sqrt(inside)) / a
        if t > NEAREST_M:
            best = t
    if flat2 > 0.0:
        b, c = x * d[0] + y * d[1], x * x + y * y - _TRUNK_M * _TRUNK_M
        inside = b * b - flat2 * c
        if inside > 0.0 and c > 0.0:
            t = (-b - np.sqrt(inside)) / flat2
            if NEAREST_M < t < best and 0.0 <= o[2] + t * d[2] <= trees[row, 4]:
                best = t
    return best


@compiled
def trace(scene: Scene, o: Vector, d: Vector, reach_m: float, seen: int) -> tuple[float, int, int]:
    """Return distance in metres, what a ray of unit direction meets first, and the face of it.

    What: the row of a box, B + the row of a tree, GROUND, or SKY where it meets nothing within
    ``reach_m``. ``seen`` is the camera's bit: boxes without it are not there. The ray goes from
    cell to cell of the grid, and ends in the first one that it leaves behind what it has met.
    """
    best, what, face = reach_m, SKY, -1
    if d[2] < 0.0:
        t = -o[2] / d[2]
        if t < best:
            best, what = t, GROUND
    x, y = o[0] - scene.low[0], o[1] - scene.low[1]
    i, j = int(np.floor(x / CELL_M)), int(np.floor(y / CELL_M))
    step_i, step_j = (1 if d[0] > 0.0 else -1), (1 if d[1] > 0.0 else -1)
    across_x = np.inf if d[0] == 0.0 else CELL_M / abs(d[0])
    across_y = np.inf if d[1] == 0.0 else CELL_M / abs(d[1])
    next_x = np.inf if d[0] == 0.0 else ((i + (step_i > 0)) * CELL_M - x) / d[0]
    next_y = np.inf if d[1] == 0.0 else ((j + (step_j > 0)) * CELL_M - y) / d[1]
    num_boxes = scene.boxes.shape[0]
    entered = 0.0
    while 0 <= i < scene.num_x and 0 <= j < scene.num_y and entered < best:
        cell = j * scene.num_x + i
        for k in range(scene.start[cell], scene.start[cell + 1]):
            member = scene.members[k]
            if member >= num_boxes:
                t = tree_hit(scene.trees, member - num_boxes, o, d)
                if t < best:
                    best, what, face = t, member, ROOF
            elif int(scene.boxes[member, 9]) & seen:
                t, side = box_hit(scene.boxes, member, o, d)
                if t < best:
                    best, what, face = t, member, side
        if next_x < next_y:
            entered = next_x
            i += step_i
            next_x += across_x
        else:
            entered = next_y
            j += step_j
            next_y += across_y
    return best, what, face
