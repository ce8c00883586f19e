"""How many of many workers' hands a training loader keeps busy, whatever the batch divides into.

    python benchmarks/loader_workers.py --json benchmarks/results/loader_workers.json
    PYTHONPATH=../before python benchmarks/loader_workers.py --label before --json ...

Filling a slot takes 10 to 30 ms, slept, so that workers needn't have cores of their own. Told is
the share of the rate at which workers that never waited would fill slots.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from feeding_parts import machine
from georet.data.samples import Filled, Job
from georet.data.workers import WorkerPool
from georet.files import write_json
from georet.progress import echo
from georet.types import Pixels

MEAN_S, WORKERS, BATCHES = 0.02, (5, 8, 12, 14), (16, 64)
SKIPPED, SLOTS = 4, 800


class Slow:
    """Fills slots of one view by sleeping."""

    sizes: Mapping[str, tuple[int, int]] = {"query": (8, 8)}

    def sizes_of(self, job: Job) -> Mapping[str, tuple[int, int]]:  # noqa: ARG002
        """Return the view's size."""
        return self.sizes

    def fill(self, job: Job, slot: int, out: Mapping[str, Pixels]) -> Filled:
        """Take between half and one and a half of the mean."""
        share = np.random.default_rng([job.step, slot]).uniform(0.5, 1.5)
        time.sleep(MEAN_S * share)
        out["query"][slot] = 1
        return Filled({}, {})

    def files(self, job: Job, slot: int) -> list[Path]:  # noqa: ARG002
        """Return none."""
        return []


def main() -> None:
    """Measure all numbers of workers, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="rows of other labels stay in it")
    parser.add_argument("--label", default="now", help="of the code that is on the path")
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    if args.json and args.json.exists():
        known = json.loads(args.json.read_text(encoding="utf-8"))["rows"]
        rows = [row for row in known if row["label"] != args.label]
    for batch in BATCHES:
        for workers in WORKERS:
            found = {"batch": batch, "workers": workers, "busy": busy(batch, workers)}
            rows.append({"label": args.label, **found})
            echo(str(rows[-1]))
    if args.json:
        write_json(args.json, {"machine": machine("cpu"), "rows": rows})


def busy(batch: int, workers: int) -> float:
    """Return the share of the workers' time that was spent on slots."""
    pool = WorkerPool(Slow(), capacity=batch, num_workers=workers)
    try:
        num = SLOTS // batch
        jobs = [Job(0, step, np.arange(batch)) for step in range(SKIPPED + num)]
        filled = pool.run(jobs, lambda job, images: None)  # noqa: ARG005
        for _ in range(SKIPPED):
            next(filled)
        begun = time.perf_counter()
        num_filled = sum(len(job.rows) for job, _, _ in filled)
        return num_filled * MEAN_S / workers / (time.perf_counter() - begun)
    finally:
        pool.close()


if __name__ == "__main__":
    main()
