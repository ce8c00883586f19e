"""Photos of an area: drawn by a seed, rendered once, kept with the truth about each."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from georet.cameras.pinhole import Pinhole
from georet.errors import DataError
from georet.files import replaced_file, write_atomic
from georet.ground.tangent import Tangent
from georet.sources.rasters.heights import Heights
from georet.tiles.table import TileSource, TileTable
from georet.types import Bools, Doubles, Pixels
from georet_ortho.flights import Flights
from georet_ortho.looks import Look, look_at
from georet_ortho.render import FARTHEST, Shot, render
from georet_ortho.scene import Scene

TRUTH: Final = "truth.csv"
_TRIES: Final = 6
_INSIDE: Final = 0.9
COLUMNS: Final = (
    "photo", "lat", "lon", "camera_lat", "camera_lon", "height_m", "heading_deg", "tilt_deg",
    "roll_deg", "fov_deg", "k1", "width", "height", "look", "tile",
)  # fmt: skip
"""The truth about a photo; ``lat`` and ``lon`` are the ground in its middle."""


@dataclass(frozen=True)
class Area:
    """A map that is cut into tiles, and what photos of it are rendered from.

    ``photos`` is the scene that they show: the map itself, or another layer of the same ground.
    """

    source: TileSource
    tiles: TileTable
    scene: Scene
    photos: Scene
    side_m: float
    overlap: float
    heights: Heights | None = None

    @property
    def tile_px(self) -> float:
        """How many pixels a tile has across of what photos show, in the middle of it."""
        surface = self.photos.surfaces[0]
        middle = np.array([surface.width, surface.height]) / 2
        return float(self.photos.side_px(surface, middle, self.side_m).mean())


@dataclass(frozen=True)
class Plan:
    """What photos to draw: how many, by which cameras, in which looks, ``width`` pixels wide."""

    name: str
    number: int
    flights: Flights
    look: Look
    seed: int
    width: int = 240


@dataclass(frozen=True)
class Drawn:
    """A photo of a plan: the tile in whose middle part it looks, its shot, its own seed."""

    plan: Plan
    number: int
    row: int
    shot: Shot

    @property
    def name(self) -> str:
        """The photo's file."""
        return f"{self.plan.name}/{self.number:06d}.jpg"

    def generator(self, purpose: int) -> np.random.Generator:
        """Return the random numbers of one purpose; no other photo or purpose has the same."""
        return np.random.default_rng([self.plan.seed, self.number, purpose])


def draw(area: Area, plan: Plan, allowed: Callable[[Doubles], Bools] | None = None) -> list[Drawn]:
    """Draw a plan's photos; ``allowed`` says of places [N, 2] which may be looked at.

    A photo looks at a place from which no other tile's centre is nearer. Of up to six cameras the
    first is taken whose photo lies on the map by nine tenths, or else the best. DataError where no
    place is allowed.
    """
    rng = np.random.default_rng([plan.seed, 1])
    rows, places = np.empty(0, np.int64), np.empty((0, 2))
    for _ in range(200):
        found, latlon = _places(area, max(plan.number, 64), rng)
        keep = np.ones(len(found), np.bool_) if allowed is None else allowed(latlon)
        rows, places = np.concatenate([rows, found[keep]]), np.concatenate([places, latlon[keep]])
        if len(rows) >= plan.number:
            break
    if len(rows) < plan.number:
        raise DataError(f"there is too little ground for the photos {plan.name!r}")
    return [
        _drawn(area, plan, number, int(rows[number]), places[number])
        for number in range(plan.number)
    ]


def take(area: Area, drawn: Drawn, folder: Path) -> Pixels:
    """Return a photo uint8[H, W, 3], rendered and kept in ``folder`` unless it is there."""
    path = folder / drawn.name
    if not path.is_file():
        camera, relief = drawn.shot.camera, None
        if area.heights is not None:
            reach = FARTHEST * camera.pose.height_m
            relief = area.heights.around(drawn.shot.latlon, reach)
        image = render(area.photos, drawn.shot, relief=relief)
        middle = np.array([[camera.lens.width / 2, camera.lens.height / 2]])
        px_m = float(camera.ground_px_m(middle)[0])
        content = look_at(image, drawn.plan.look, drawn.generator(2), px_m=px_m).content
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced_file(path, synced=False) as temporary:
            temporary.write_bytes(content)
    read = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if read is None:
        raise DataError("is no picture any more", where=str(path), hint="Delete it and go on.")
    return np.asarray(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), np.uint8)


def write_truth(folder: Path, photos: Sequence[Drawn], area: Area) -> None:
    """Write what is known of the photos as a table that ``calibrate`` and ``locate`` read."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(_truths(photos, area))
    folder.mkdir(parents=True, exist_ok=True)
    write_atomic(folder / TRUTH, text.getvalue())


def _truths(photos: Sequence[Drawn], area: Area) -> Iterator[list[object]]:
    for drawn in photos:
        camera, place = drawn.shot.camera, drawn.shot.latlon
        pose, lens = camera.pose, camera.lens
        below = Tangent(*place.tolist()).latlon(np.array([[pose.east_m, pose.north_m]]))[0]
        angles = [math.degrees(a) for a in (pose.heading_rad, pose.tilt_rad, pose.roll_rad)]
        k1 = lens.distortion[0] if lens.distortion else 0.0
        numbers = [*place, *below, pose.height_m, *angles, math.degrees(lens.fov_rad), k1]
        yield [
            drawn.name, *(f"{value:.10g}" for value in numbers), lens.width, lens.height,
            drawn.plan.look, area.tiles.ids[drawn.row],
        ]  # fmt: skip


def _places(area: Area, number: int, rng: np.random.Generator) -> tuple[np.ndarray, Doubles]:
    """Draw tiles int64[N], and places [N, 2] in their middle parts, evenly."""
    rows = rng.integers(len(area.tiles), size=number)
    u, v = 0.5 + rng.uniform(-0.5, 0.5, (2, number, 1)) * (1 - area.overlap)
    top_left, top_right, bottom_right, bottom_left = np.moveaxis(
        area.tiles.corners_latlon[rows], 1, 0
    )
    top = top_left + u * (top_right - top_left)
    bottom = bottom_left + u * (bottom_right - bottom_left)
    return rows, top + v * (bottom - top)


def _drawn(area: Area, plan: Plan, number: int, row: int, latlon: Doubles) -> Drawn:
    rng = np.random.default_rng([plan.seed, number, 0])
    best: tuple[float, Pinhole] | None = None
    for _ in range(_TRIES):
        camera = plan.flights.draw(area.side_m, plan.width, rng)
        outline = camera.footprint(reach_m=FARTHEST * camera.pose.height_m, per_side=3)
        inside = area.photos.share_inside(latlon, outline)
        if best is None or inside > best[0]:
            best = inside, camera
        if inside >= _INSIDE:
            break
    assert best is not None
    return Drawn(plan, number, row, Shot(latlon, best[1]))


def seeded(plan: Plan, name: str, number: int, offset: int) -> Plan:
    """Return a plan of other photos by the same cameras."""
    return replace(plan, name=name, number=number, seed=plan.seed + offset)
