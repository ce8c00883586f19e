"""From the tile to the metre: photos of real maps with exact truth, refined.

python benchmarks/metres.py cells --wheels WHEELS --out /tmp/metres --level strong --num 204
python benchmarks/metres.py wrong --wheels WHEELS --out /tmp/metres --num 1000
python benchmarks/metres.py collect --out /tmp/metres --json benchmarks/results/metres.json

WHEELS holds the wheels of `deepforest` and `solaris` (`pip download --no-deps`). Every photo is a
line of a file in the folder, so that a call goes on where one was stopped, and several levels may
run at once. Photos are kept: after a change of a refiner, remove
the `.jsonl` alone. A photo of a number is the same whatever was run before.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from georet.contracts.refining import Refinement
from georet.files import write_json
from georet.refiners.dense import Dense
from georet.refiners.sift import Sift
from georet.types import Doubles
from metres_cases import LEVELS, TILTS, Case, case_of, known, tile_of, wrong_rows
from metres_sites import SITES, Site, map_shift_m, sites
from metres_summary import read, summary

USED: Final = {
    "weak": ("forest-2", "town-2", "town-3", "plains"),
    "strong": ("forest-2", "town-2", "town-3", "plains"),
    "sensor": ("town-2", "town-3"),
    "infrared": ("town-2", "town-3"),
    "old": ("forest-2", "plains"),
}
"""The sites of each level; no threshold was chosen on them."""
TOLD: Final = {"lens": "lens", "heading": "heading", "height and tilt": "height", "all": "all"}
"""What is told of the camera beside its lens."""
BOTH: Final = "sift or dense, all"
LISTED: Final = 4
"""So many wrong tiles are asked about at once, as retrieval's best are."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["cells", "wrong", "collect"])
    parser.add_argument("--wheels", type=Path, default=Path())
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--level", choices=[*LEVELS], nargs="*", default=[*LEVELS])
    parser.add_argument("--num", type=int, default=60, help="photos a level, over sites and tilts")
    parser.add_argument("--first", type=int, default=0, help="the number of the first photo")
    parser.add_argument("--seen", action="store_true", help="sites that thresholds were chosen on")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    asked.out.mkdir(parents=True, exist_ok=True)
    if asked.what == "cells":
        for level in asked.level:
            cells(level, asked)
    elif asked.what == "wrong":
        wrong(asked)
    else:
        write_json(asked.json, summary(asked.out))


def cells(level: str, asked: argparse.Namespace) -> None:
    """Refine the photos of a level in every mode, unless a file holds them."""
    area = sites(asked.out / "maps", asked.wheels)
    used = [name for name in SITES if not SITES[name][-1]] if asked.seen else USED[level]
    path = asked.out / f"{'seen' if asked.seen else 'cells'}-{level}.jsonl"
    done = {(one["site"], one["tilt"], one["number"]) for one in read(path)}
    sift, dense = Sift(dense=False), Dense()
    shifts: dict[str, Doubles] = {}
    for at in range(asked.num):
        # Sites and tilts in turn, so that a run that was cut short has its share of all.
        name, tilt = used[at % len(used)], TILTS[at // len(used) % len(TILTS)]
        number = asked.first + at // (len(used) * len(TILTS))
        if (name, tilt, number) in done:
            continue
        site = area[name]
        begun = time.process_time()
        case = case_of(site, level, tilt, number)
        record = about(case, level, tilt, number) | {"render_ms": ms_since(begun)}
        if name not in shifts:
            other = case.version in ("-ms", "-nir")
            shifts[name] = map_shift_m(site, case.version) if other else np.zeros(2)
        record["map_shift_m"] = shifts[name].tolist()
        modes = {f"sift, {m}": judged(case, sift, w, shifts[name]) for m, w in TOLD.items()}
        both = own = modes["sift, all"]
        if not own["accepted"]:
            # What the refiner `sift` does by itself, without its features computed twice.
            both = judged(case, dense, "all", shifts[name])
            both = both | {"ms": both["ms"] + own["ms"], "dense_ms": both["ms"]}
        record["modes"] = modes | {BOTH: both}
        add(path, record)


def judged(case: Case, refiner: Sift | Dense, what: str, shift_m: Doubles) -> dict[str, Any]:
    """Return what a refiner makes of the tile nearest to the truth, with errors and its time."""
    begun = time.process_time()
    found: Refinement = refiner(case.photo, [case.tile], known(case.told, what))
    told: dict[str, Any] = {"ms": ms_since(begun), "accepted": found.is_accepted, "by": found.by}
    told |= {"inliers": found.inliers, "clearness": found.clearness, "reason": found.reason}
    if not found.is_accepted or found.latlon is None or found.covariance_m2 is None:
        return told
    off = case.off_m(found.latlon)
    heading = abs(((found.heading_deg or 0.0) - case.heading_deg + 180) % 360 - 180)
    told |= {
        "off_m": off.tolist(),
        "error_m": float(np.linalg.norm(off)),
        "error_of_map_m": float(np.linalg.norm(off - shift_m)),
        "heading_deg": heading,
        "sigma_m": math.sqrt(float(np.trace(found.covariance_m2)) / 2),
        "scatter_m": found.scatter_m,
    }
    if found.height_m is not None:
        told["height"] = found.height_m / case.camera.pose.height_m - 1
    return told


def wrong(asked: argparse.Namespace) -> None:
    """Ask about lists of tiles that don't show the photo: far off on its map, or of other maps."""
    area = sites(asked.out / "maps", asked.wheels)
    path = asked.out / f"{'seen' if asked.seen else 'wrong'}-windows.jsonl"
    done = {one["number"] for one in read(path)}
    photos, sift, dense = list(pairs(asked)), Sift(dense=False), Dense()
    for number in range(asked.first, asked.first + asked.num // LISTED):
        if number in done:
            continue
        rng = np.random.default_rng([9, number])
        level, name, tilt = photos[number % len(photos)]
        case = case_of(area[name], level, tilt, 1000 + number // len(photos))
        tiles = [tile_of(*elsewhere(case, area, name, rng)) for _ in range(LISTED)]
        record: dict[str, Any] = {"number": number, "level": level, "site": name, "tiles": LISTED}
        for mode, refiner, what in (("sift", sift, "lens"), ("dense", dense, "all")):
            begun = time.process_time()
            found = refiner(case.photo, tiles, known(case.told, what))
            record[mode] = {
                "accepted": found.is_accepted, "inliers": found.inliers,
                "clearness": found.clearness, "ms": ms_since(begun),
            }  # fmt: skip
        add(path, record)


def pairs(asked: argparse.Namespace) -> Iterator[tuple[str, str, int]]:
    """Yield levels, sites and tilts of the photos that are shown wrong tiles."""
    used = [n for n in SITES if (SITES[n][-1] != asked.seen) and n != "plains"]
    for tilt in TILTS:
        for name in used:
            yield "strong", name, tilt
            if name.startswith("town"):
                yield "sensor", name, tilt


def elsewhere(
    case: Case, area: dict[str, Site], name: str, rng: np.random.Generator
) -> tuple[Any, int]:
    """Draw a tile that doesn't show the case's photo: half the time of its own map."""
    own = case.site.source(case.version)
    rows = wrong_rows(case, own)
    if rows and rng.random() < 0.5:
        return own, int(rng.choice(rows))
    others = [n for n, one in area.items() if one.unseen == case.site.unseen and n != name]
    other = area[str(rng.choice([n for n in others if n != "plains"]))]
    source = other.source("")
    return source, int(rng.integers(len(source.tiles())))


def about(case: Case, level: str, tilt: int, number: int) -> dict[str, Any]:
    """Return what is known of a photo."""
    pose, site = case.camera.pose, case.site
    (centre,) = case.site.source(case.version).tiles().latlon[[case.row]]
    return {
        "level": level,
        "site": site.name,
        "tilt": tilt,
        "number": number,
        "side_m": site.side_m,
        "pixel_m": site.gsd_m(case.version),
        "tilt_deg": math.degrees(pose.tilt_rad),
        "height_m": pose.height_m,
        "tile_error_m": float(np.linalg.norm(case.off_m((float(centre[0]), float(centre[1]))))),
    }


def ms_since(begun: float) -> float:
    return round(1000 * (time.process_time() - begun), 1)


def add(path: Path, record: dict[str, Any]) -> None:
    with path.open("a") as stream:
        stream.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
