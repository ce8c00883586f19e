"""What the host's work around training grows like: time and memory at 1e4, 1e5 and 1e6 pairs.

    python benchmarks/growth.py --json benchmarks/results/growth.json

Pairs at random places on the Earth, one reference each, and embeddings of 128 dimensions around
random centres. Each figure comes from a process of its own, which has compiled everything before:
CPU seconds, and memory beyond what the work is given. Mining and evaluation compare --queries
queries with all references; of all queries they take so many times longer, in the same memory.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from feeding_parts import machine
from georet.evaluate import evaluate_embeddings
from georet.files import write_json
from georet.progress import echo
from georet.sampling import geographic_neighbours, plan_batches, visual_neighbours
from georet.sampling.visual import Way
from georet.testing.footprint import Footprint
from georet.types import Doubles, Floats

DIM, NEIGHBOURS, BATCH = 128, 64, 128
SMALL: Final = 600


def main() -> None:
    """Measure each work at each size in processes of its own, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--sizes", nargs="*", type=int, default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--queries", type=int, default=4000)
    parser.add_argument("--json", type=Path, help="rows that are in it are not measured again")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        echo(json.dumps(one(args.one[0], int(args.one[1]), args.queries)))
        return
    rows: list[dict[str, Any]] = []
    if args.json and args.json.exists():
        rows = json.loads(args.json.read_text(encoding="utf-8"))["rows"]
    for work in WORKS:
        for num in args.sizes:
            if any(row["work"] == work and row["num"] == num for row in rows):
                continue
            command = [sys.executable, __file__, "--one", work, str(num)]
            command += ["--queries", str(args.queries)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            rows.append(json.loads(done.stdout.splitlines()[-1]))
            echo(json.dumps(rows[-1]))
            if args.json:
                slopes = {w: {k: slope(rows, w, k) for k in ("cpu_s", "beyond_mb")} for w in WORKS}
                about = {"machine": machine("cpu"), "num_queries": args.queries}
                write_json(args.json, {**about, "rows": rows, "exponents": slopes})


def slope(rows: list[dict[str, Any]], work: str, key: str) -> float | None:
    """Return the exponent: the slope of a figure against the number of pairs, in logarithms."""
    own = [row for row in rows if row["work"] == work and row[key] > 0]
    x, y = (np.log([row[name] for row in own]) for name in ("num", key))
    return float(np.polyfit(x, y, 1)[0]) if len(own) > 1 else None


def one(work: str, num: int, num_queries: int) -> dict[str, Any]:
    """Do the work once for few pairs, and measure it for ``num``, in this process."""
    WORKS[work](SMALL, SMALL)()
    do = WORKS[work](num, num_queries)
    with Footprint(every_s=0.02) as footprint:
        cpu, clock = time.process_time(), time.perf_counter()
        do()
        took = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - clock}
    beyond = (footprint.most_bytes - footprint.before_bytes) / 1e6
    return {"work": work, "num": num, **took, "beyond_mb": beyond}


def places(num: int) -> Doubles:
    """Return latitudes and longitudes float64[N, 2] in degrees, even over the sphere."""
    rng = np.random.default_rng(0)
    latitude = np.degrees(np.arcsin(rng.uniform(-1, 1, num)))
    return np.stack([latitude, rng.uniform(-180, 180, num)], axis=1)


def embeddings(num: int, seed: int) -> Floats:
    """Return float32[N, 128] of unit length around a thousand centres."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).standard_normal((1000, DIM), np.float32) + 1
    found = centres[np.arange(num) % 1000] + rng.standard_normal((num, DIM), np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def neighbours(num: int, _: int) -> Callable[[], object]:
    """Return the work of finding the geographic neighbours of all references."""
    given = places(num)
    return lambda: geographic_neighbours(given, NEIGHBOURS)


def planning(num: int, _: int) -> Callable[[], object]:
    """Return the work of planning an epoch."""
    pairs = np.stack([np.arange(num)] * 2, axis=1)
    table = np.random.default_rng(0).integers(0, num, (num, NEIGHBOURS))
    batch = min(BATCH, num // 4)
    return lambda: plan_batches(
        pairs, table, batch_size=batch, select=NEIGHBOURS // 2, pool=NEIGHBOURS, seed=0
    )


def mining(way: Way) -> Callable[[int, int], Callable[[], object]]:
    """Return what makes the work of finding the visual neighbours of some queries."""

    def made(num: int, num_queries: int) -> Callable[[], object]:
        query, reference = embeddings(num_queries, 1), embeddings(num, 2)
        own = np.arange(num_queries) % num
        return lambda: visual_neighbours(query, reference, own, NEIGHBOURS, by=way)

    return made


def evaluation(num: int, num_queries: int) -> Callable[[], object]:
    """Return the work of ranking the positives of some queries among all references."""
    query, reference = embeddings(num_queries, 1), embeddings(num, 2)
    own = np.arange(num_queries)[:, None] % num
    return lambda: evaluate_embeddings(query, reference, own, protocol="cvusa/sample4geo")


WORKS: dict[str, Callable[[int, int], Callable[[], object]]] = {
    "geographic neighbours": neighbours,
    "planning": planning,
    "mining, exact": mining("exact"),
    "mining, sign bits": mining("sign_bits"),
    "evaluation": evaluation,
}


if __name__ == "__main__":
    main()
