"""Flights of 300 frames over real maps: 20 % useless frames, a turn, odometry off by 5 %.

python benchmarks/flights.py fly forest --maps /tmp/maps --out /tmp/flights
python benchmarks/flights.py fly town --maps /tmp/maps --out /tmp/flights
python benchmarks/flights.py collect --out /tmp/flights --json benchmarks/results/flights.json

``--maps`` holds what benchmarks/adapt.py writes (forest.tif, town.tif, town-pan.tif ...) and, from
``georet adapt SITE.tif --side 40m --overlap 0.5 --pairs 800 --judged 100 --out run-SITE`` (60m and
``--photos-from SITE-pan.tif`` for the towns), the run and gallery of each site.

All thresholds were chosen on the forest. Photos of the towns are of another sensor than the map.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from flights_draw import drawn, fly
from georet.contracts.tracking import Tracker
from georet.files import read_json, write_json
from georet.flights.films import film_of
from georet.flights.flying import Flight, Pilot, make_tracker
from georet.flights.profile import Truth, errors_of, profile
from georet.gallery.encoders import open_encoder
from georet.gallery.stored import StoredGallery
from georet.locate.locator import Locator
from georet.locate.refine import make_refiner
from georet.photos.camera.cameras import cameras_of
from georet.plugins import UNSAID
from georet.sources.opening import open_source
from georet.tiles.tiling import Tiling
from georet.types import QUERY
from georet_ortho.scene import Scene

SITES: Final = {
    "forest": (40.0, "forest.tif", "forest-other.tif"),
    "town": (60.0, "town-pan.tif", "forest.tif"),
    "town-other": (60.0, "town-other-pan.tif", "forest.tif"),
}
"""Tile side, what frames are rendered from, and what those of another place show."""
WAYS: Final = {
    "adapted": ("adapted", None, False),
    "adapted, live": ("adapted", None, True),
    "adapted, refined": ("adapted", "sift", False),
    "untrained": ("untrained", None, False),
    "untrained, refined": ("untrained", "sift", False),
}
UNTRAINED: Final = "timm:tf_efficientnet_lite0?weights=lite0&stage=3&pool=gem&size=128"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["fly", "collect"])
    parser.add_argument("site", nargs="?", choices=SITES)
    parser.add_argument("--maps", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--ways", nargs="+", default=list(WAYS))
    parser.add_argument("--tracker", default="grid")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    if asked.what == "collect":
        found = [read_json(path) for path in sorted(asked.out.glob("result-*.json"))]
        write_json(asked.json, {"flights": found})
        return
    for seed in asked.seeds:
        for way in asked.ways:
            flown(asked, seed, way)


def flown(asked: argparse.Namespace, seed: int, way: str) -> None:
    side_m, photos, other = SITES[asked.site]
    kind, refiner, is_live = WAYS[way]
    path = asked.out / f"result-{asked.site}-{seed}-{way.replace(', ', '-')}.json"
    if path.is_file():
        return
    gallery = StoredGallery.open(gallery_of(asked, kind, side_m))
    folder = asked.out / f"{asked.site}-{seed}"
    if not (folder / "truth.csv").is_file():
        latlon = gallery.centres[0]
        flight = fly(latlon, side_m, seed, asked.frames)
        there, away = (scene(asked.maps / name, side_m) for name in (photos, other))
        drawn(folder, flight, there, away, side_m, "strong", seed)
    begun = time.process_time()
    tracker = make_tracker(asked.tracker, UNSAID)
    result = tracked(folder, gallery, tracker, refiner, is_live)
    spent = time.process_time() - begun
    told = {"site": asked.site, "seed": seed, "way": way, "side_m": side_m, "cpu_s": spent}
    write_json(path, told | result)
    print(path.stem, {k: round(v, 3) if isinstance(v, float) else v for k, v in result.items()})


def tracked(
    folder: Path, gallery: StoredGallery, tracker: Tracker, refiner: str | None, is_live: bool
) -> dict[str, Any]:
    cameras = cameras_of(telemetry=folder / "telemetry.csv")
    film = film_of([folder], cameras)
    session = open_encoder(gallery, QUERY, selection=UNSAID)
    made = None if refiner is None else make_refiner(refiner, UNSAID)
    locator = Locator(gallery, session, refiner=made, with_heat=False)
    pilot = Pilot(locator, tracker, cameras)
    kept = folder.with_name(f".{folder.name}")
    if is_live:
        flight = pilot.follow(film, kept.with_name(f"{kept.name}-live"), {}, _go, lambda _: None)
    else:
        where = kept.with_name(f"{kept.name}-{gallery.path.resolve().parent.name}")
        flight = pilot.fly(film, where, {}, _go)
    truth = Truth.read(folder / "truth.csv", film.shots)
    return profile(flight, truth) | refined_of(flight, truth) | {"fitted": flight.told}


def refined_of(flight: Flight, truth: Truth) -> dict[str, Any]:
    """Return the errors of the refined frames alone, as their refiner gave them, and of the lost.

    ``found_again``: frames from the end of the longest row of useless ones until one is not gross.
    """
    off = errors_of(flight, truth)
    is_refined = np.array([point.is_refined for point in flight.points])
    told = {"refined_median_m": float(np.median(off[is_refined])) if is_refined.any() else None}
    gross = off > 1.5 * float(np.median(flight.flown.ground.side_m))
    shows = np.array([not point.reason.startswith("nothing") for point in flight.points])
    runs = np.flatnonzero(gross & shows)
    return told | {"gross_frames": runs.tolist()}


def gallery_of(asked: argparse.Namespace, kind: str, side_m: float) -> Path:
    """Return the adapted gallery, or one by the encoder as it comes, made where it isn't yet."""
    adapted: Path = asked.maps / f"run-{asked.site}" / "area.gallery"
    if kind == "adapted":
        return adapted
    from georet import Gallery

    folder: Path = asked.out / f"untrained-{asked.site}" / "area.gallery"
    if not (folder / "gallery.json").is_file():
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(folder, ignore_errors=True)
        tiling = Tiling(side_m=(side_m,), overlap=0.5, max_nodata=0.05)
        source = open_source(str(asked.maps / f"{asked.site}.tif"), tiling, selection=UNSAID)
        Gallery.build(source, UNTRAINED, folder)
    return folder


def scene(path: Path, side_m: float) -> Scene:
    tiling = Tiling(side_m=(side_m,), overlap=0.5, max_nodata=0.05)
    return Scene.of(open_source(str(path), tiling, selection=UNSAID), str(path))


def _go() -> None:
    """Never stop."""


if __name__ == "__main__":
    main()
