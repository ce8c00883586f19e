"""How long until recall@1 of 75 on OrbitView's Americas, from a cold start, in turns.

    python benchmarks/modern/time_to_quality.py --out runs/time --seeds 0,1,2

Trains the README's run and a short one by `modern/orbitview`, seed by seed, each as a command of
its own with an empty memory, all galleries judged at the end. Counted are the seconds and the CPU
seconds of the whole command; the data set has been generated before. A training that is there is
not repeated. --save writes benchmarks/results/modern_time.json.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from georet.run_layout import EVALUATION

RESULTS = Path(__file__).parents[1] / "results/modern_time.json"
WAYS = {
    "README": ("sample4geo/orbitview", ()),
    "modern": (
        "modern/orbitview",
        ("dataset.train_renders=1", "train.epochs=4", "evaluate.every=4"),
    ),
}


def trained(way: str, seed: int, out: Path) -> dict[str, Any]:
    """Return the figures of one command, run unless its figures are there."""
    path = out / f"{way}-s{seed}.json"
    if path.is_file():
        read: dict[str, Any] = json.loads(path.read_text())
        return read
    (recipe, sets), run_dir = WAYS[way], out / f"{way}-s{seed}"
    options = [part for each in (*sets, f"seed={seed}") for part in ("--set", each)]
    command = [sys.executable, "-m", "georet", "train", "--recipe", recipe, *options]
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with (out / f"{way}-s{seed}.log").open("w") as log:
        subprocess.run(
            [*command, "--out", str(run_dir)], check=True, stdout=log, stderr=log, env=environment
        )
    whole_s, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    metrics = json.loads((run_dir / EVALUATION / "cross.json").read_text())["metrics"]
    found = {
        "way": way,
        "seed": seed,
        "recall@1": metrics["recall@1"],
        "seconds": round(whole_s, 1),
        "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "load": round(os.getloadavg()[0], 1),
    }
    path.write_text(json.dumps(found, indent=1) + "\n")
    return found


def main() -> None:
    """Train in turns and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=Path("runs/time"))
    parser.add_argument("--seeds", type=lambda t: [int(s) for s in t.split(",")], default=[0, 1, 2])
    parser.add_argument("--save", action="store_true", help=f"write {RESULTS.name}")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    found = []
    for seed in arguments.seeds:
        for way in WAYS:
            found.append(trained(way, seed, arguments.out))
            print(found[-1], flush=True)
    if arguments.save:
        RESULTS.write_text(json.dumps({"rows": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
