"""A real map, its adapted encoder, and a refiner over the best ten: how near, and do radii hold?

georet adapt forest.tif --side 40m --overlap 0.5 --pairs 700 --judged 120 --out RUN
python benchmarks/refined_area.py RUN --out /tmp/refined --json benchmarks/results/refined_area.json

Photos that the encoder was not trained on, with telemetry that is wrong by 5 degrees of heading, 2
of tilt and 5 % of height. How much of a fit must be left on lit ground was chosen on the first 42
of them, which are left out. Each is a line of a file in the folder, so that a call goes on where
one was stopped; the figures are of all lines that there are.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from georet.files import write_json
from georet.gallery.encoders import open_encoder
from georet.gallery.stored import StoredGallery
from georet.geodesy import distance_m
from georet.locate.calibrating.refined import means
from georet.locate.locator import Locator
from georet.locate.refine import make_refiner
from georet.photos.camera.cameras import cameras_of
from georet.photos.known import open_queries
from georet.plugins import UNSAID
from georet.types import QUERY
from metres_summary import SPLITS, halved, held, mean, quantile, read

NEAR_M = 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--num", type=int, default=240)
    parser.add_argument("--first", type=int, default=42, help="the number of the first photo")
    parser.add_argument("--sets", nargs="+", default=["new", "elsewhere"])
    parser.add_argument("--refine", default="sift")
    parser.add_argument("--pixel-m", type=float, default=0.1, help="the map's")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    path = asked.out / "answers.jsonl"
    if asked.json is None:
        answer(asked, path)
    else:
        records = [one for one in read(path) if one["row"] >= asked.first]
        write_json(asked.json, figures(records) | {"refine": asked.refine, "top": 10})


def answer(asked: argparse.Namespace, path: Path) -> None:
    """Locate photos that no line holds yet."""
    queries, telemetry = lists(asked)
    gallery, cameras = (
        StoredGallery.open(asked.run / "area.gallery"),
        cameras_of(telemetry=telemetry),
    )
    known, session = open_queries(str(queries)), open_encoder(gallery, QUERY, selection=UNSAID)
    refiner = make_refiner(asked.refine, UNSAID)
    locator = Locator(gallery, session, refiner=refiner, with_heat=False, uncalibrated=True)
    done = {one["row"] for one in read(path)}
    for row, photo in enumerate(known.paths):
        if row in done or row < asked.first:
            continue
        begun = time.process_time()
        (found,) = locator.locate([photo], cameras=cameras)
        spent, refined = time.process_time() - begun, found.refinement
        assert refined is not None
        truth, tile = known.latlon[row], found.candidates[0]
        record = {
            "row": row, "accepted": refined.is_accepted, "by": refined.by, "side_m": tile.side_m,
            "inliers": refined.inliers, "clearness": refined.clearness, "reason": refined.reason,
            "scatter_m": refined.scatter_m, "sigma_m": refined.scatter_m,
            "pixel_m": asked.pixel_m, "ms": round(1000 * spent, 1),
            "tile_m": float(distance_m(truth, np.array(tile.latlon))),
            "error_of_map_m": float(distance_m(truth, np.array(found.latlon))),
        }  # fmt: skip
        with path.open("a") as stream:
            stream.write(json.dumps(record) + "\n")


def figures(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return shares of all photos, errors in metres, and how radii learnt on half of them hold."""
    kept = [one for one in records if one["accepted"]]
    errors = [one["error_of_map_m"] for one in kept]
    return {
        "num": len(records),
        "accepted": len(kept) / len(records),
        "near": sum(error <= NEAR_M for error in errors) / len(records),
        "wrong": sum(one["error_of_map_m"] > one["side_m"] / 10 for one in kept),
        "tile_50_m": quantile([one["tile_m"] for one in records], 0.5),
        "tile_90_m": quantile([one["tile_m"] for one in records], 0.9),
        "error_50_m": quantile(errors, 0.5),
        "error_90_m": quantile(errors, 0.9),
        "all_50_m": quantile([one["error_of_map_m"] for one in records], 0.5),
        "all_90_m": quantile([one["error_of_map_m"] for one in records], 0.9),
        "ms": mean([one["ms"] for one in records]),
        "radii": means([held(*halved(kept, seed)) for seed in range(SPLITS)]),
    }


def lists(asked: argparse.Namespace) -> tuple[Path, Path]:
    """Write the photos' places and what telemetry says of them; return both files."""
    folder = (asked.run / "adapt").resolve()
    with (folder / "truth.csv").open(newline="") as stream:
        found = list(csv.DictReader(stream))
    by_set = [[r for r in found if r["photo"].startswith(f"{name}/")] for name in asked.sets]
    chosen = [row for rows in by_set for row in rows][: asked.num]
    queries, telemetry = asked.out / "queries.csv", asked.out / "telemetry.csv"
    rng = np.random.default_rng(0)
    with queries.open("w", newline="") as one, telemetry.open("w", newline="") as other:
        places, cameras = csv.writer(one), csv.writer(other)
        places.writerow(["photo", "lat", "lon"])
        cameras.writerow(["photo", "heading_deg", "tilt_deg", "height_m", "fov_deg"])
        for row in chosen:
            path = folder / row["photo"]
            places.writerow([path, row["lat"], row["lon"]])
            heading = (float(row["heading_deg"]) + rng.normal(0, 5)) % 360
            tilt = max(0.0, float(row["tilt_deg"]) + rng.normal(0, 2))
            height = float(row["height_m"]) * (1 + rng.normal(0, 0.05))
            cameras.writerow([path, heading, tilt, height, row["fov_deg"]])
    return queries, telemetry


if __name__ == "__main__":
    main()
