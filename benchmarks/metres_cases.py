"""Photos of real maps whose truth is known, and what of their cameras is told."""

from __future__ import annotations

import math
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from georet.cameras.lens import Lens
from georet.cameras.pinhole import Pinhole
from georet.cameras.pose import Pose
from georet.cameras.relief import HeightGrid
from georet.contracts.refining import Camera, Patch, Tile
from georet.ground.tangent import Tangent
from georet.types import Doubles, Pixels
from georet_ortho.looks import Look, look_at
from georet_ortho.render import FARTHEST, Shot, render
from metres_sites import VARIANTS, Site

TILTS: Final = (0, 20, 40)
SIZE, RELIEF_SIZE = (640, 480), (400, 300)
"""Photos' widths and heights; rays to a relief cost ten times those to a plane."""
RELIEF: Final = 0.03
"""Standard deviation of the hills of level ``old``, as a share of the camera's height."""
_TRIES: Final = 12


@dataclass(frozen=True)
class Level:
    """What separates photo and map: the map's version, the photo's look, relief."""

    version: str
    look: Look
    relief: float = 0.0


LEVELS: Final = {
    "weak": Level("", "weak"),
    "strong": Level("", "strong"),
    "sensor": Level("-ms", "weak"),
    "infrared": Level("-nir", "weak"),
    "old": Level("-old", "strong", RELIEF),
}


@dataclass(frozen=True)
class Case:
    """A photo, the camera that took it in metres around ``latlon``, and the nearest tile's row."""

    photo: Pixels
    camera: Pinhole
    latlon: Doubles
    look_m: Doubles
    site: Site
    version: str
    row: int
    told: Camera

    @property
    def heading_deg(self) -> float:
        """The heading as refiners count it."""
        pose = self.camera.pose
        steep = pose.tilt_rad < math.radians(15)
        return math.degrees(pose.up_heading_rad if steep else pose.heading_rad)

    def off_m(self, latlon: tuple[float, float]) -> Doubles:
        """Return how far, east and north [2], a place lies from what the photo's middle shows."""
        (metres,) = Tangent(*self.latlon.tolist()).metres(np.array([latlon]))
        found: Doubles = metres - self.look_m
        return found

    @property
    def tile(self) -> Tile:
        """The tile whose centre is nearest."""
        return tile_of(self.site.source(self.version), self.row)


def tile_of(source: Any, row: int) -> Tile:
    """Return a tile as a refiner gets it."""
    table = source.tiles()
    corners = table.corners_latlon[row]

    def around(side_m: float) -> Patch:
        return Patch.of(*source.read_around(row, side_m))

    return Tile(
        id=f"{id(source)}-{table.ids[row]}",
        row=row,
        latlon=(float(table.latlon[row, 0]), float(table.latlon[row, 1])),
        corners_latlon=corners,
        side_m=float(table.side_m[row]),
        score=0.5,
        belief=0.5,
        read=lambda: Patch(source.read(row), corners),
        read_around=around,
    )


def case_of(site: Site, level_name: str, tilt: int, number: int) -> Case:
    """Return a photo of a level: its camera, look, hills and place are drawn by its number."""
    level = LEVELS[level_name]
    seed = [2, number, tilt, sorted(LEVELS).index(level_name), *site.name.encode()]
    rng = np.random.default_rng(seed)
    version = f"{level.version}{number % VARIANTS}" if level_name == "old" else level.version
    table = site.source(version).tiles()
    latlon, camera = _drawn(site, table.latlon, tilt, rng, RELIEF_SIZE if level.relief else SIZE)
    relief = None
    if level.relief:
        relief = hills(level.relief * camera.pose.height_m, 0.8 * site.side_m, camera, rng)
    middle = np.array([[camera.lens.width / 2, camera.lens.height / 2]])
    px_m = float(camera.ground_px_m(middle)[0])
    name = f"{level_name}-{site.name}-{tilt}-{number}"
    kept = site.folder.parent / "photos" / f"{name}.pickle"
    if not kept.is_file():
        image = render(site.photos, Shot(latlon, camera), relief=relief)
        photo = look_at(image, level.look, rng, px_m=px_m).pixels
        kept.parent.mkdir(exist_ok=True)
        partial = kept.with_suffix(f".{os.getpid()}")
        partial.write_bytes(pickle.dumps((photo, rng.bit_generator.state)))
        partial.rename(kept)
    else:  # Drawn by an earlier call of this script, into a folder of its own.
        photo, rng.bit_generator.state = pickle.loads(kept.read_bytes())
    look_m = camera.ground(middle, relief)[0, :2]
    (place,) = Tangent(*latlon.tolist()).latlon(look_m[None])
    away = Tangent(*place.tolist()).metres(table.latlon)
    row = int(np.linalg.norm(away, axis=1).argmin())
    return Case(photo, camera, latlon, look_m, site, version, row, _told(camera, rng))


def _drawn(
    site: Site, centres: Doubles, tilt: int, rng: np.random.Generator, size: tuple[int, int]
) -> tuple[Doubles, Pinhole]:
    """Draw a place and a camera whose photo lies on the map by nine tenths, or the best of some."""
    best: tuple[float, Doubles, Pinhole] | None = None
    for _ in range(_TRIES):
        centre = centres[rng.integers(len(centres))]
        off = rng.uniform(-0.25, 0.25, (1, 2)) * site.side_m
        (latlon,) = Tangent(*centre.tolist()).latlon(off)
        fov = math.radians(rng.uniform(60, 84))
        share = math.exp(rng.uniform(math.log(0.6), math.log(1.7)))
        height_m = site.side_m * share / 2 / math.tan(fov / 2)
        pose = Pose.looking_at(
            (0.0, 0.0), height_m, rng.uniform(-math.pi, math.pi),
            math.radians(abs(tilt + rng.uniform(-3, 5))), math.radians(rng.normal(0, 1.5)),
        )  # fmt: skip
        camera = Pinhole(Lens.of_fov(*size, fov), pose)
        outline = camera.footprint(reach_m=FARTHEST * height_m, per_side=3)
        inside = site.photos.share_inside(latlon, outline)
        if best is None or inside > best[0]:
            best = inside, latlon, camera
        if inside >= 0.9:
            break
    assert best is not None
    return best[1], best[2]


def _told(camera: Pinhole, rng: np.random.Generator) -> Camera:
    pose = camera.pose
    return Camera(
        heading_deg=math.degrees(pose.heading_rad) + rng.normal(0, 5),
        tilt_deg=max(0.0, math.degrees(pose.tilt_rad) + rng.normal(0, 2)),
        height_m=pose.height_m * (1 + float(np.clip(rng.normal(0, 0.05), -0.15, 0.15))),
        fov_deg=math.degrees(camera.lens.fov_rad),
    )


def known(told: Camera, what: str) -> Camera:
    """Return what is told of a camera: 'lens', 'heading', 'height' (with tilt), or 'all'."""
    heading, height = what in ("heading", "all"), what in ("height", "all")
    return Camera(
        heading_deg=told.heading_deg if heading else None,
        tilt_deg=told.tilt_deg if height else None,
        height_m=told.height_m if height else None,
        fov_deg=told.fov_deg,
    )


def hills(sigma_m: float, wave_m: float, camera: Pinhole, rng: np.random.Generator) -> HeightGrid:
    """Return smooth hills, 0 at (0, 0): sums of sines of a standard deviation."""
    reach = FARTHEST * camera.pose.height_m
    cells = min(600, max(64, int(16 * reach / wave_m)))
    steps = ((np.arange(cells) + 0.5) / cells * 2 - 1) * reach
    x, y = np.meshgrid(steps, -steps)
    total, power = np.zeros_like(x), 0.0
    for number, shorter in enumerate((1.0, 0.6, 0.37), 1):
        for _ in range(3):
            angle, phase = rng.uniform(0, 2 * math.pi, 2)
            k = 2 * math.pi / (wave_m * shorter)
            total += np.sin(k * (x * math.cos(angle) + y * math.sin(angle)) + phase) / number
            power += 1 / number**2 / 2
    grid = HeightGrid.north_up(
        np.asarray(sigma_m * total / math.sqrt(power), np.float32),
        2 * reach / cells,
        (-reach, reach),
    )
    at = grid.heights(np.zeros((1, 2)))[0]
    return HeightGrid(np.asarray(grid.grid - at, np.float32), grid.to_cells)


def wrong_rows(case: Case, source: Any) -> Sequence[int]:
    """Return the tiles of a source that are far from what a case's photo shows."""
    table = source.tiles()
    pose = case.camera.pose
    shown_m = 2 * pose.height_m * math.tan(case.camera.lens.fov_rad / 2)
    reach = 1.5 * case.site.side_m + 1.2 * shown_m
    away = np.linalg.norm(Tangent(*case.latlon.tolist()).metres(table.latlon), axis=1)
    rows: list[int] = np.flatnonzero(away > reach).tolist()
    return rows
