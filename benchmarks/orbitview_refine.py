"""Photos from orbit among tiles of a continent: retrieval alone, and the best five refined.

python benchmarks/orbitview_refine.py RUN --out /tmp/orbit --num 200
python benchmarks/orbitview_refine.py RUN --out /tmp/orbit --json FILE.json

Held-out photos of the run's set `cross` against tiles of the photos' own imagery, and of an
independent map, which shows other things: there a refiner must abstain. Nothing is known of the
camera. Each photo is a line of a file in the folder, so that a call goes on where one was stopped.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from georet.facade import Gallery
from georet.files import write_json
from georet.gallery.making.build import build_gallery
from georet.geodesy import distance_m
from georet.locate.locator import Locator
from georet.locate.refine import make_refiner
from georet.photos.known import open_queries
from georet.plugins import UNSAID
from georet.sessions import SessionSpec
from georet.tiles.tiling import Tiling
from georet.types import QUERY, REFERENCE
from metres_summary import mean, quantile, read

SIDE_M, TOP = 420_000.0, 5
GROSS_M = SIDE_M / 10
TRACKS = {"orbitview": "run:{run}:cross", "relief": "dataset:orbitview:cross?track=relief"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--num", type=int, default=200)
    parser.add_argument("--track", nargs="*", choices=TRACKS, default=list(TRACKS))
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.json is not None:
        write_json(asked.json, {track: figures(read_track(asked, track)) for track in TRACKS})
        return
    for track in asked.track:
        located(asked, track)


def read_track(asked: argparse.Namespace, track: str) -> list[dict[str, Any]]:
    return read(asked.out / f"{track}.jsonl")


def located(asked: argparse.Namespace, track: str) -> None:
    """Locate photos that no file holds yet."""
    path = asked.out / f"{track}.gallery"
    if not (path / "gallery.json").is_file():
        tiling = Tiling(side_m=(SIDE_M,))
        spec = SessionSpec(asked.run, view=REFERENCE)
        build_gallery(TRACKS[track].format(run=asked.run), spec, path, tiling=tiling)
    gallery = Gallery.open(path)
    photos = open_queries(f"run:{asked.run}:cross")
    session = SessionSpec(asked.run, view=QUERY).open()
    refiner = make_refiner(f"sift:top={TOP},dense=false", UNSAID)
    locator = Locator(gallery, session, refiner=refiner, with_heat=False)
    done = {one["row"] for one in read_track(asked, track)}
    order = np.random.default_rng(0).permutation(len(photos.paths))[: asked.num]
    for row in order.tolist():
        if row in done:
            continue
        begun = time.process_time()
        (found,) = locator.locate([photos.paths[row]], k=TOP)
        spent = time.process_time() - begun
        tiles = np.array([one.latlon for one in found.candidates])
        truth = photos.latlon[row]
        refinement = found.refinement
        record = {
            "row": row,
            "error_m": float(distance_m(truth, np.array(found.latlon))),
            "tile_m": float(distance_m(truth, tiles[0])),
            "nearest_m": float(distance_m(truth[None], tiles).min()),
            "accepted": refinement is not None and refinement.is_accepted,
            "inliers": 0 if refinement is None else refinement.inliers,
            "ms": round(1000 * spent, 1),
        }
        with (asked.out / f"{track}.jsonl").open("a") as stream:
            stream.write(json.dumps(record) + "\n")


def figures(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the photos of a track come to, in metres."""
    kept = [one for one in records if one["accepted"]]
    return {
        "num": len(records),
        "tile_50_m": quantile([one["tile_m"] for one in records], 0.5),
        "tile_90_m": quantile([one["tile_m"] for one in records], 0.9),
        "accepted": len(kept) / max(1, len(records)),
        "wrong": sum(one["error_m"] > GROSS_M for one in kept),
        "refined_50_m": quantile([one["error_m"] for one in kept], 0.5),
        "all_50_m": quantile([one["error_m"] for one in records], 0.5),
        "all_90_m": quantile([one["error_m"] for one in records], 0.9),
        "ms": mean([one["ms"] for one in records]),
    }


if __name__ == "__main__":
    main()
