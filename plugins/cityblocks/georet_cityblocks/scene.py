"""What the cameras see of a city: solids in a grid of cells over a map of ground materials."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from georet.types import Doubles, Floats, Ints, Pixels

CELL_M: Final = 8.0
FLAT, GABLE, HIP = 0, 1, 2
IN_PHOTOS, IN_TILES, IN_BOTH = 1, 2, 3

BOX_FIELDS: Final = (
    "x", "y", "ux", "uy", "half_length", "half_width", "eaves", "rise", "roof", "seen", "look",
)  # fmt: skip
"""Columns of ``Scene.boxes``: the centre, the long axis, halves of length and width, the height of
the eaves and of the ridge above them, the roof's kind, the cameras that see it, its row in looks.
"""
LOOK_FIELDS: Final = (
    "wall_r", "wall_g", "wall_b", "roof_r", "roof_g", "roof_b", "glass_r", "glass_g", "glass_b",
    "shop_r", "shop_g", "shop_b", "floor_m", "bay_m", "window_width", "window_height", "seed",
    "is_car",
)  # fmt: skip
"""Columns of ``Scene.looks``: colours in 0..1, the storey's height, windows' spacing and shares."""
TREE_FIELDS: Final = ("x", "y", "radius", "half_height", "middle", "tint")
"""Columns of ``Scene.trees``: a crown is an ellipsoid about ``middle`` metres above the ground."""

MATERIALS: Final = (
    "yard", "asphalt", "sidewalk", "paint", "grass", "plaza", "soil", "tar", "gravel", "water",
)  # fmt: skip
YARD, ASPHALT, SIDEWALK, PAINT, GRASS, PLAZA, SOIL, TAR, GRAVEL, WATER = range(10)


class Scene(NamedTuple):
    """Arrays that compiled code walks through; lengths in metres, x to the east, y to the north.

    ``start`` int64[cells + 1] and ``members`` int64[M] list for each cell the solids that reach
    into it: boxes by their row, trees by their row + B. ``ground`` uint8[h, w] has a material a
    pixel of ``ground_m``, row 0 in the south.
    """

    boxes: Doubles
    looks: Floats
    trees: Doubles
    start: Ints
    members: Ints
    low: Doubles
    num_x: int
    num_y: int
    ground: Pixels
    ground_m: float


def make_scene(
    boxes: Doubles,
    looks: Doubles,
    trees: Doubles,
    ground: Pixels,
    low: Doubles,
    ground_m: float,
) -> Scene:
    """Return the scene whose ground begins at ``low`` float64[2]; solids are sorted into cells."""
    num_y, num_x = (int(np.ceil(side * ground_m / CELL_M)) for side in ground.shape)
    reach = np.concatenate([_box_reach(boxes), trees[:, 2:3].repeat(2, axis=1)])
    centre = np.concatenate([boxes[:, :2], trees[:, :2]])
    first = np.floor((centre - reach - low) / CELL_M).astype(int)
    last = np.floor((centre + reach - low) / CELL_M).astype(int)
    cells: list[list[int]] = [[] for _ in range(num_x * num_y)]
    for number, ((x0, y0), (x1, y1)) in enumerate(zip(first, last, strict=True)):
        for y in range(max(y0, 0), min(y1, num_y - 1) + 1):
            for x in range(max(x0, 0), min(x1, num_x - 1) + 1):
                cells[y * num_x + x].append(number)
    start = np.concatenate([[0], np.cumsum([len(cell) for cell in cells])]).astype(np.int64)
    members = np.array([number for cell in cells for number in cell], np.int64)
    return Scene(
        boxes,
        looks.astype(np.float32),
        trees,
        start,
        members,
        np.asarray(low, np.float64),
        num_x,
        num_y,
        ground,
        ground_m,
    )


def corners(box: NDArray[np.float64]) -> Doubles:
    """Return a box's corners on the ground float64[4, 2], in order."""
    x, y, ux, uy, length, width = box[:6]
    along, across = np.array([ux, uy]) * length, np.array([-uy, ux]) * width
    around = np.array([along + across, along - across, -along - across, -along + across])
    found: Doubles = np.array([x, y]) + around
    return found


def _box_reach(boxes: Doubles) -> Doubles:
    ux, uy, length, width = np.abs(boxes[:, 2:6]).T
    return np.stack([ux * length + uy * width, uy * length + ux * width], axis=1)
