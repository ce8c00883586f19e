"""What hard negatives bring: the same run with three samplers, several seeds, under equal steps.

    python benchmarks/samplers.py --out runs/samplers

Trains random, gps, and gps-then-similarity (``sample4geo``) at batch 16 and 32 on OrbitView, with
the Americas held out and with Africa held out, three seeds each; prints a Markdown table of
recall@1 on the held-out region (mean, spread, per seed) and writes all of it to ``table.json``.
A run that is there already is not repeated, one that was cut off is resumed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from georet.run_layout import CONFIG, EVALUATION, EVENTS

SAMPLERS = ("random", "gps", "sample4geo")
REGIONS = ("americas", "africa")
BATCH_SIZES = (16, 32)


@dataclass(frozen=True)
class Case:
    """One training run of the table."""

    region: str
    batch_size: int
    sampler: str
    seed: int

    @property
    def name(self) -> str:
        """The run folder's name."""
        return f"{self.region}-b{self.batch_size}-{self.sampler}-s{self.seed}"

    @property
    def mines(self) -> bool:
        """Whether embeddings are made for planning, by a pass of their own."""
        return self.sampler == "sample4geo"

    def overrides(self, extra: list[str]) -> list[str]:
        """Return what differs from the recipe; the sampler's own options stay where it has them."""
        sampler = [] if self.sampler == "sample4geo" else [f"sampler={self.sampler}"]
        if self.sampler == "gps":
            sampler = ["sampler.name=gps", "sampler.select=8", "sampler.pool=32"]
        return [
            f"dataset.region={self.region}",
            f"train.batch_size={self.batch_size}",
            f"seed={self.seed}",
            "dataset.train_renders=1",
            "train.epochs=4",
            "evaluate.every=4",
            "evaluate.final=[cross]",
            *(["sampler.incremental=false", "sampler.mine_every=1"] if self.mines else []),
            *sampler,
            *extra,
        ]


def run(case: Case, out: Path, threads: int, extra: list[str]) -> Path:
    """Train the case unless it is there, and return its folder."""
    run_dir = out / case.name
    if (run_dir / EVALUATION / "cross.json").is_file():
        return run_dir
    georet = [sys.executable, "-m", "georet"]
    if (run_dir / CONFIG).is_file():
        command = [*georet, "train", "--resume", str(run_dir)]
    else:
        sets = [part for o in case.overrides(extra) for part in ("--set", o)]
        command = [*georet, "train", "--plugins", "sample4geo", *sets, "--out", str(run_dir)]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "passive"}
    with (out / f"{case.name}.log").open("a") as log:
        subprocess.run(command, check=True, stdout=log, stderr=log, env=environment)
    return run_dir


def recall(run_dir: Path) -> float:
    """Return recall@1 in percent of a finished run, on the places held out."""
    path = run_dir / EVALUATION / "cross.json"
    return float(json.loads(path.read_text())["metrics"]["recall@1"])


def num_steps(run_dir: Path) -> int:
    """Return how many batches the run trained on."""
    events = (run_dir / EVENTS).read_text().splitlines()
    return sum(1 for line in events if '"event": "step"' in line)


def table(cases: list[Case], out: Path) -> list[dict[str, object]]:
    """Return one row for each region, batch size and sampler."""
    rows: list[dict[str, object]] = []
    for region, batch_size, sampler in itertools.product(REGIONS, BATCH_SIZES, SAMPLERS):
        chosen = [
            out / c.name
            for c in cases
            if (c.region, c.batch_size, c.sampler) == (region, batch_size, sampler)
        ]
        if not chosen:
            continue
        values = [recall(run_dir) for run_dir in chosen]
        rows.append(
            {
                "region": region,
                "batch_size": batch_size,
                "sampler": sampler,
                "steps": [num_steps(run_dir) for run_dir in chosen],
                "recall@1": values,
                "mean": statistics.mean(values),
                "spread": statistics.stdev(values) if len(values) > 1 else 0.0,
            }
        )
    return rows


def markdown(rows: list[dict[str, object]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [
        "| held out | batch | sampler | steps | R@1 mean | std | R@1 by seed |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        steps = "/".join(str(s) for s in sorted(set(row["steps"])))  # type: ignore[call-overload]
        seeds = " / ".join(f"{v:.2f}" for v in row["recall@1"])  # type: ignore[attr-defined]
        lines.append(
            f"| {row['region']} | {row['batch_size']} | {row['sampler']} | "
            f"{steps} | {row['mean']:.2f} | {row['spread']:.2f} | {seeds} |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run all cases and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=Path("runs/samplers"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--regions", nargs="+", default=list(REGIONS))
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=list(BATCH_SIZES))
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time")
    parser.add_argument("--threads", type=int, default=1, help="threads of each run")
    parser.add_argument("--set", dest="extra", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    cases = [
        Case(region, batch_size, sampler, seed)
        for region in arguments.regions
        for batch_size in arguments.batch_sizes
        for seed in arguments.seeds
        for sampler in SAMPLERS
    ]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        list(pool.map(lambda c: run(c, arguments.out, arguments.threads, arguments.extra), cases))
    rows = table(cases, arguments.out)
    (arguments.out / "table.json").write_text(json.dumps(rows, indent=2) + "\n")
    print(markdown(rows))


if __name__ == "__main__":
    main()
