"""Hard negatives found exactly and by sign bits: time, memory, and how many are the same.

    python benchmarks/mining.py RUN --json benchmarks/results/mining.json

RUN is a run that mined: queries and references are those of its bank, each copied with a step in
the direction of another, so that they lie as a trained encoder puts them; --dim turns them into
more dimensions by one random rotation, which keeps all cosines. Each figure comes from a process
of its own, which has compiled everything before. The 64 best are compared.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

from feeding_parts import machine
from georet.files import write_json
from georet.progress import echo
from georet.sampling import visual, visual_neighbours
from georet.testing.footprint import Footprint
from georet.types import Floats, Ints

WANTED, STEP = 64, 0.35
WAYS: dict[str, tuple[int, int]] = {
    "exact": (0, 0),
    "256 bits, 8": (256, 8),
    "512 bits, 4": (512, 4),
    "512 bits, 8": (512, 8),
    "1024 bits, 8": (1024, 8),
}
"""Bits, and candidates for each neighbour that is wanted."""


def main() -> None:
    """Measure each size in processes of its own, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--json", type=Path, help="rows that are in it are not measured again")
    parser.add_argument(
        "--cases",
        nargs="*",
        default=["10000,10000,256", "100000,100000,256", "20000,100000,1024"],
        metavar="QUERIES,REFERENCES,DIM",
    )
    parser.add_argument("--ways", nargs="*", default=list(WAYS), choices=list(WAYS))
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        echo(json.dumps(one(args.run, *args.one)))
        return
    known: list[dict[str, Any]] = []
    if args.json and args.json.exists():
        known = json.loads(args.json.read_text(encoding="utf-8"))["rows"]
    for case in args.cases:
        for way in args.ways:
            if any(row["case"] == case and row["way"] == way for row in known):
                continue
            command = [sys.executable, __file__, str(args.run), "--one", case, way]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
            known.append(json.loads(done.stdout.splitlines()[-1]))
            echo(json.dumps(known[-1]))
            if args.json:
                write_json(args.json, {"machine": machine("cpu"), "rows": known})


def one(run: Path, case: str, way: str) -> dict[str, Any]:
    """Find the neighbours one way, in this process."""
    num_queries, num_references, dim = map(int, case.split(","))
    query, reference, own = made(run, num_queries, num_references, dim)
    # The first call compiles.
    found_by(way, query[:600], reference[:2000], own[:600] % 2000)
    with Footprint() as footprint:
        cpu, clock = time.process_time(), time.perf_counter()
        found = found_by(way, query, reference, own)
        took = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - clock}
    took["beyond_mb"] = (footprint.most_bytes - footprint.before_bytes) / 1e6
    some = np.arange(0, num_queries, max(1, num_queries // 1000))
    exact = visual_neighbours(query[some], reference, own[some], WANTED)
    num_same = sum(len(np.intersect1d(a, b)) for a, b in zip(exact, found[some], strict=True))
    embeddings_mb = (query.nbytes + reference.nbytes) / 1e6
    about = {"case": case, "way": way, "overlap": num_same / exact.size}
    return {**about, **took, "embeddings_mb": embeddings_mb, "num_compared": len(some)}


def found_by(way: str, query: Floats, reference: Floats, own: Ints) -> Ints:
    """Return the neighbours int64[Q, 64] found this way."""
    bits, candidates = WAYS[way]
    if not bits:
        return visual_neighbours(query, reference, own, WANTED)
    visual.NUM_BITS, visual.CANDIDATES = bits, candidates  # type: ignore[misc]
    return visual_neighbours(query, reference, own, WANTED, by="sign_bits")


def made(run: Path, num_queries: int, num_references: int, dim: int) -> tuple[Floats, Floats, Ints]:
    """Return queries and references of a run's bank, jittered, and each query's own reference."""
    bank = load_file(next((run / "banks").glob("*.safetensors")))
    query, reference = bank["query"], bank["reference"]
    # The places in their order, once for each render.
    per_place = len(query) // len(reference)
    rng = np.random.default_rng(0)
    places = rng.integers(0, len(reference), num_references)
    own = rng.permutation(num_references)[:num_queries]
    shown = places[own] + len(reference) * rng.integers(0, per_place, num_queries)
    turn = np.linalg.qr(rng.standard_normal((dim, dim)))[0][: query.shape[1]].astype(np.float32)
    return jittered(query, shown, rng) @ turn, jittered(reference, places, rng) @ turn, own


def jittered(real: Floats, rows: Ints, rng: np.random.Generator) -> Floats:
    """Return unit-length float32[M, D]: real rows, each moved in the direction of another."""
    other = real[rng.integers(0, len(real), len(rows))] - real.mean(axis=0)
    moved = real[rows] + STEP * rng.random((len(rows), 1), np.float32) * other
    unit: Floats = moved / np.linalg.norm(moved, axis=1, keepdims=True)
    return unit


if __name__ == "__main__":
    main()
