"""Real maps for benchmarks/metres.py, made from wheels: what each shows, and its other versions.

The maps are not part of georet: orthophotos of NEON at 0.1 m in the wheel `deepforest`; Las Vegas
(0.3 m), Atlanta (0.5 m), three pieces of Rotterdam by a panchromatic (0.5 m) and a multispectral
sensor (1 m), and Landsat over Nebraska (30 m) in the wheel `solaris`.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import from_origin

from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling
from georet.types import Doubles, Pixels
from georet_ortho.looks import look_at
from georet_ortho.scene import Scene

NEON: Final = "deepforest/data/2019_YELL_2_"
SOLARIS: Final = "solaris/data/"
FOREST: Final = "528000_4978000_image_crop2.png"
FOREST_2: Final = "541000_4977000_image_crop.png"
VARIANTS: Final = 4
"""So many outdated maps are drawn of each site."""
REPLACED: Final = 0.25
BLOCK_PX: Final = 128


@dataclass(frozen=True)
class Site:
    """A map, the side of its tiles and pixels in metres, and how much coarser its old version is.

    Thresholds were chosen on sites that are not ``unseen``.
    """

    name: str
    folder: Path
    side_m: float
    pixel_m: float
    coarser: int
    unseen: bool
    _opened: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def photos(self) -> Scene:
        """What photos are rendered from."""
        return Scene.of(self.source(""), self.name)

    def source(self, version: str) -> Any:
        """Return the tiles of a version: '', '-ms', '-nir' or '-old0' to '-old3'."""
        if version not in self._opened:
            if version.startswith("-old"):
                self._age(int(version[4:]))
            path = self.folder / f"{self.name}{version}.tif"
            found = open_source(path, Tiling(side_m=(self.side_m,), overlap=0.5))
            self._opened[version] = found
        return self._opened[version]

    def gsd_m(self, version: str) -> float:
        """Return the side of a pixel of a version of the map."""
        if version.startswith("-old"):
            return self.coarser * self.pixel_m
        return 2 * self.pixel_m if version in ("-ms", "-nir") else self.pixel_m

    def _age(self, variant: int) -> None:
        """Write an outdated map: a quarter replaced, other light and season, coarser pixels."""
        path = self.folder / f"{self.name}-old{variant}.tif"
        if path.is_file():
            return
        with rasterio.open(self.folder / f"{self.name}.tif") as raster:
            image = np.ascontiguousarray(np.moveaxis(raster.read(), 0, -1))
            crs, transform = raster.crs, raster.transform
        rng = np.random.default_rng([15, variant, *self.name.encode()])
        height, width = image.shape[:2]
        unit = self.side_m / 4 / self.pixel_m
        for _ in range(int(REPLACED * height * width / unit**2)):
            size = int(unit * rng.uniform(0.6, 1.4))
            to_row, from_row = rng.integers(0, height - size, 2)
            to_column, from_column = rng.integers(0, width - size, 2)
            piece = image[from_row : from_row + size, from_column : from_column + size].copy()
            image[to_row : to_row + size, to_column : to_column + size] = piece
        k = self.coarser
        small = cv2.resize(image, (width // k, height // k), interpolation=cv2.INTER_AREA)
        seen = look_at(np.asarray(small), "strong", rng, px_m=self.pixel_m * k).pixels
        scale = rasterio.Affine.scale(width / (width // k), height / (height // k))
        write(path, np.moveaxis(seen, -1, 0), crs, transform * scale)


def sites(folder: Path, wheels: Path) -> dict[str, Site]:
    """Return the sites, their maps written into ``folder`` unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    deepforest, solaris = (_wheel(wheels, name) for name in ("deepforest", "solaris"))
    found = {}
    for name, (wheel, read, side_m, pixel_m, coarser, unseen) in SITES.items():
        if not (folder / f"{name}.tif").is_file():
            for version, (planes, crs, transform) in read(
                deepforest if wheel == "d" else solaris
            ).items():
                write(folder / f"{name}{version}.tif", planes, crs, transform)
        found[name] = Site(name, folder, side_m, pixel_m, coarser, unseen)
    return found


Made = dict[str, tuple[Any, Any, Any]]
Reading = Callable[[zipfile.ZipFile], Made]
Part = tuple[int, int, int, int]
"""First and last row, first and last column: without open water and what has no data."""
WHOLE: Final = (0, 100_000, 0, 100_000)
PLAINS: Final = (500, 2300, 360, 1400)


def _part(raster: Any, bands: tuple[int, ...], part: Part) -> tuple[Any, Any, Any]:
    rows, columns = slice(*part[:2]), slice(*part[2:])
    planes = np.stack([stretched(raster.read(band)[rows, columns]) for band in bands])
    return planes, raster.crs, raster.transform * rasterio.Affine.translation(part[2], part[0])


def _forest(crop: str, corner: tuple[int, int]) -> Callable[[zipfile.ZipFile], Made]:
    def read(wheel: zipfile.ZipFile) -> Made:
        picture = Image.open(io.BytesIO(wheel.read(NEON + crop))).convert("RGB")
        pixels = np.asarray(picture)
        # The crops don't say where in their 1 km sheets they lie: its south-western corner.
        top = from_origin(corner[0], corner[1] + 0.1 * len(pixels), 0.1, 0.1)
        return {"": (np.moveaxis(pixels, -1, 0), "EPSG:32612", top)}

    return read


def _band(name: str, part: Part = WHOLE) -> Reading:
    def read(wheel: zipfile.ZipFile) -> Made:
        with rasterio.MemoryFile(wheel.read(SOLARIS + name)) as memory, memory.open() as raster:
            return {"": _part(raster, (1, 1, 1), part)}

    return read


def _rotterdam(number: int, first_row: int = 0) -> Reading:
    def read(wheel: zipfile.ZipFile) -> Made:
        whole = (first_row, 600, 0, 600)
        half = (first_row // 2, 300, 0, 300)
        made = _band(f"preproc_tutorial/pan{number}.tif", whole)(wheel)
        content = wheel.read(f"{SOLARIS}preproc_tutorial/ms{number}.tif")
        with rasterio.MemoryFile(content) as memory, memory.open() as raster:
            for version, bands in (("-ms", (1, 2, 3)), ("-nir", (4, 4, 4))):
                made[version] = _part(raster, bands, half)
        return made

    return read


SITES: Final[dict[str, tuple[str, Reading, float, float, int, bool]]] = {
    "forest": ("d", _forest(FOREST, (528_000, 4_978_000)), 40, 0.1, 4, False),
    "vegas": ("s", _band("road_mask_input.tif"), 100, 0.27, 2, False),
    "atlanta": ("s", _band("sample_geotiff.tif"), 100, 0.5, 2, False),
    "town-1": ("s", _rotterdam(1), 80, 0.5, 2, False),
    "forest-2": ("d", _forest(FOREST_2, (541_000, 4_977_000)), 25, 0.1, 2, True),
    "town-2": ("s", _rotterdam(2, 330), 80, 0.5, 2, True),
    "town-3": ("s", _rotterdam(3, 250), 80, 0.5, 2, True),
    "plains": ("s", _band("nebraska_landsat5_with_nodata_wgs84.tif", PLAINS), 6000, 31, 2, True),
}  # fmt: skip


def map_shift_m(site: Site, version: str) -> Doubles:
    """Return how far, east and north [2], a version of the map shows what the photos' map shows.

    Phase correlation of edges at the finer map's pixels: the median over blocks, since the shift
    varies over a map, and one correlation of all of it follows its few strongest edges.
    """
    edges: list[Doubles] = []
    for name in ("", version):
        with rasterio.open(site.folder / f"{site.name}{name}.tif") as raster:
            image = np.asarray(np.moveaxis(raster.read(), 0, -1))
        if edges:
            image = np.asarray(
                cv2.resize(image, edges[0].shape[::-1], interpolation=cv2.INTER_CUBIC)
            )
        grey = cv2.GaussianBlur(
            cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float64), (0, 0), 2
        )
        edges.append(np.hypot(cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1)))
    window = cv2.createHanningWindow((BLOCK_PX, BLOCK_PX), cv2.CV_64F)
    found = []
    for row in range(0, edges[0].shape[0] - BLOCK_PX + 1, BLOCK_PX // 2):
        for column in range(0, edges[0].shape[1] - BLOCK_PX + 1, BLOCK_PX // 2):
            block = np.s_[row : row + BLOCK_PX, column : column + BLOCK_PX]
            one, other = (np.ascontiguousarray(edge[block]) for edge in edges)
            (right, down), _ = cv2.phaseCorrelate(one, other, window)
            found.append((right, -down))
    shift: Doubles = np.median(found, axis=0) * site.pixel_m
    return shift


def stretched(band: Any) -> Pixels:
    """Return a band as uint8, its first and last percent cut off; 0 is without data."""
    values = band.astype(np.float64)
    there = np.isfinite(values) & (values > 0)
    low, high = np.percentile(values[there], [1, 99])
    scaled = np.clip((values - low) / (high - low), 0, 1) * 254 + 1
    return np.asarray(np.where(there, scaled, 0), np.uint8)


def write(path: Path, planes: Any, crs: Any, transform: Any) -> None:
    """Write a GeoTIFF of three bands."""
    size = {"width": planes.shape[2], "height": planes.shape[1], "count": 3}
    with rasterio.open(
        path, "w", driver="GTiff", dtype="uint8", tiled=True, **size, crs=crs, transform=transform
    ) as raster:
        raster.write(np.ascontiguousarray(planes))


def _wheel(folder: Path, name: str) -> zipfile.ZipFile:
    found = sorted(folder.glob(f"{name}-*.whl"))
    if not found:
        raise SystemExit(f"{folder} has no wheel of {name}: pip download --no-deps {name}")
    return zipfile.ZipFile(found[-1])
