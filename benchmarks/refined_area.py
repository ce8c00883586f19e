"""A real map, its adapted encoder, and a refiner over the best ten: how near, and do radii hold?

georet adapt forest.tif --side 40m --overlap 0.5 --pairs 700 --judged 120 --out RUN
python benchmarks/refined_area.py RUN --out /tmp/refined --json benchmarks/results/refined_area.json

Photos that the encoder was not trained on, with telemetry that is wrong by 5 degrees of heading, 2
of tilt and 5 % of height. Does what `georet gallery calibrate RUN/area.gallery --refine NAME` does
with a copy of the gallery (no threshold was chosen on this map), and keeps each photo's answer.
"""

from __future__ import annotations

import argparse
import csv
import shutil
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from georet.files import write_json
from georet.gallery.encoders import open_encoder
from georet.gallery.pictures.originals import Originals
from georet.gallery.stored import StoredGallery
from georet.locate.calibrating.attempts import Trial
from georet.locate.calibrating.calibrate import calibrate
from georet.locate.calibrating.fitting import KnownQueries
from georet.locate.calibrating.refined import Attempts
from georet.locate.refine import make_refiner
from georet.photos.camera.cameras import cameras_of
from georet.photos.framing import Framing
from georet.photos.known import embed_readable, open_queries
from georet.plugins import UNSAID
from georet.types import QUERY
from metres_summary import mean, median, quantile

NEAR_M = 1.0
SPLITS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--num", type=int, default=240)
    parser.add_argument("--sets", nargs="+", default=["new", "elsewhere"])
    parser.add_argument("--refine", default="sift:dense=false")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    queries, telemetry = lists(asked)
    folder = asked.out / "area.gallery"
    if not folder.is_dir():
        shutil.copytree(asked.run / "area.gallery", folder)
    gallery, cameras = StoredGallery.open(folder), cameras_of(telemetry=telemetry)
    known = open_queries(str(queries))
    session = open_encoder(gallery, QUERY, selection=UNSAID)
    framing = Framing.of_tiles(gallery.centres[1], session.identity)
    embeddings, rows = embed_readable(known, session, framing=framing, cameras=cameras)
    photos = [known.paths[row] for row in rows]
    refiner, originals = make_refiner(asked.refine, UNSAID), Originals(gallery, UNSAID)
    trial = Trial(refiner, originals, photos, known.latlon[rows], cameras)
    seen: list[Attempts] = []

    def tried(queries: KnownQueries) -> Attempts:
        seen.append(trial.attempts(queries))
        return seen[0]

    begun = time.process_time()
    calibration, _ = calibrate(
        gallery, embeddings, known.latlon[rows], about="photos of the map", seeds=range(SPLITS),
        tried=tried,
    )  # fmt: skip
    spent = time.process_time() - begun
    told = figures(seen[0]) | {"cpu_s": spent, "refine": asked.refine, "map": asked.run.name}
    write_json(asked.json or asked.out / "result.json", told | dict(calibration.held_out))


def figures(attempts: Attempts) -> dict[str, Any]:
    """Return shares of all photos, and errors in metres of the accepted ones."""
    kept = np.array([one.is_accepted for one in attempts.found])
    error_m = attempts.error_m[kept]
    return {
        "num": len(kept),
        "accepted": float(kept.mean()),
        "near": float((error_m <= NEAR_M).sum()) / len(kept),
        "wrong": int((error_m > attempts.reach_m[kept]).sum()),
        "error_50_m": median(error_m.tolist()),
        "error_90_m": quantile(error_m.tolist(), 0.9),
        "floor_m": attempts.floor_m,
        "wrong_lists": len(attempts.wrong),
        "wrong_lists_accepted": sum(one.is_accepted for one in attempts.wrong),
        "inliers": mean([one.inliers for one in attempts.found]),
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
