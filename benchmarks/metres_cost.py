"""What placing a photo costs: CPU milliseconds of each part, one thread.

python benchmarks/metres_cost.py --wheels WHEELS --out /tmp/metres --json FILE.json

Photos and maps are those of benchmarks/metres.py; ten candidates a photo, the right one last, their
features known as from an earlier photo. ``dense`` is asked about four.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np

from georet.files import write_json
from georet.refiners import sift as sift_module
from georet.refiners.dense import Dense
from georet.refiners.features import features_of
from georet.refiners.sift import Sift
from metres import USED, elsewhere
from metres_cases import TILTS, case_of, known, tile_of
from metres_sites import sites

LISTED, DENSE_LISTED, FIRST = 10, 4, 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--wheels", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--num", type=int, default=24)
    parser.add_argument("--json", type=Path, required=True)
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    spent: dict[str, list[float]] = defaultdict(list)
    area = sites(asked.out / "maps", asked.wheels)
    used = [name for name in USED["strong"] if name != "plains"]
    for at in range(asked.num):
        name, tilt = used[at % len(used)], TILTS[at // len(used) % len(TILTS)]
        case = case_of(area[name], "strong", tilt, FIRST + at // (len(used) * len(TILTS)))
        rng = np.random.default_rng([17, at])
        wrong = [tile_of(*elsewhere(case, area, name, rng)) for _ in range(LISTED - 1)]
        told = known(case.told, "all")
        shrink = min(1.0, sift_module.WORK_PX / max(case.photo.shape))
        small = sift_module._shrunk(case.photo, shrink)
        spent["photo's features"].append(ms(features_of, small))
        refiner, photo, right = Sift(dense=False), case.photo, [case.tile]
        refiner(photo, [*wrong, *right], told)
        with mock.patch.object(sift_module, "_again", lambda best, *_: best):
            one = ms(refiner, photo, right, told)
            all_ = ms(refiner, photo, [*wrong, *right], told)
        spent["one cached candidate more"].append((all_ - one) / (LISTED - 1))
        twice = ms(refiner, photo, right, told)
        if refiner(photo, right, told).is_accepted:
            spent["photo with one cached candidate"].append(one)
            spent["second pass"].append(twice - one)
        listed = [*wrong[: DENSE_LISTED - 1], *right]
        spent["dense, a candidate of four"].append(ms(Dense(), photo, listed, told) / DENSE_LISTED)
    write_json(asked.json, [figures(name, values) for name, values in spent.items()])


def ms(work: Callable[..., object], *given: object) -> float:
    """Return how many CPU milliseconds work takes."""
    begun = time.process_time()
    work(*given)
    return 1000 * (time.process_time() - begun)


def figures(name: str, values: list[float]) -> dict[str, Any]:
    low, middle, high = np.quantile(values, [0.1, 0.5, 0.9]).round(1).tolist()
    return {"part": name, "num": len(values), "ms_10": low, "ms_50": middle, "ms_90": high}


if __name__ == "__main__":
    main()
