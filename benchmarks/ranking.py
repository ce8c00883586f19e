"""Exact ranks and hard negatives against the matrix product that no way of doing it can avoid.

python benchmarks/ranking.py                 everything: some minutes, 6 GB
python benchmarks/ranking.py --quick         a tenth of the references
python benchmarks/ranking.py --only speed    one of the tables: speed, memory, growth
python benchmarks/ranking.py --json out.json

Times are taken in turn, round after round in one process, and the ratios within each round: other
load on the machine then meets all alike. Memory is what the peak rose to in a process of its own,
over what it held with the embeddings (Linux). Embeddings and positives are random: the worst
case, for half a gallery then scores above a positive. Compilation is not part of the time.

OMP_WAIT_POLICY is set to passive unless it is set: torch's threads otherwise spin for milliseconds
after each product and hold the cores that are to count.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when torch is imported

import torch

from georet.evaluate import rank_embeddings
from georet.sampling import visual_neighbours
from georet.sweep import score_pairs, sweep, vectors
from georet.types import Floats, Ints

K = 128
BLOCK = 1024
Times = dict[str, list[float]]


def embeddings(
    num_queries: int, num_references: int, embed_dim: int
) -> tuple[Floats, Floats, Ints]:
    """Random embeddings of unit length, and a positive for each query."""
    rng = np.random.default_rng(0)
    sides = []
    for num in (num_queries, num_references):
        rows = rng.standard_normal((num, embed_dim), dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        sides.append(rows)
    return sides[0], sides[1], rng.integers(0, num_references, num_queries)


def product(query: Floats, reference: Floats) -> None:
    """Multiply, a block of queries at a time into one buffer, and look at nothing."""
    left, right = torch.from_numpy(query), torch.from_numpy(reference).T
    out = torch.empty(BLOCK, len(reference))
    for first in range(0, len(query), BLOCK):
        block = left[first : first + BLOCK]
        torch.mm(block, right, out=out[: len(block)])


def naive(query: Floats, reference: Floats, positives: Ints) -> tuple[Ints, Ints]:
    """Hold the whole matrix: ranks by comparing it, neighbours by torch's top-k."""
    scores = torch.from_numpy(query) @ torch.from_numpy(reference).T
    own = scores.gather(1, torch.from_numpy(positives)[:, None])
    return (scores > own).sum(1).numpy(), scores.topk(K, 1).indices.numpy()


def ways(query: Floats, reference: Floats, positives: Ints) -> dict[str, Callable[[], object]]:
    """Return what is compared: the product first."""

    def swept(k: int) -> object:
        sides = vectors(query, "query"), vectors(reference, "reference")
        rows = np.arange(len(query))
        score = score_pairs(*sides, rows, positives)
        return sweep(*sides, threshold=score, start=np.arange(len(query) + 1), k=k)

    return {
        "product": lambda: product(query, reference),
        "ranks": lambda: swept(0),
        "ranks, top 10": lambda: swept(10),
        f"ranks, top {K}": lambda: swept(K),
        "full matrix": lambda: naive(query, reference, positives),
    }


def timed(compared: dict[str, Callable[[], object]], num_rounds: int) -> tuple[Times, Times]:
    """Return wall and processor seconds of each way, in rounds."""
    for way in compared.values():
        way()
    wall: Times = {name: [] for name in compared}
    processor: Times = {name: [] for name in compared}
    for _ in range(num_rounds):
        for name, way in compared.items():
            start, used = time.perf_counter(), time.process_time()
            way()
            wall[name].append(time.perf_counter() - start)
            processor[name].append(time.process_time() - used)
    return wall, processor


def speed(num_queries: int, num_references: int, embed_dim: int, num_rounds: int) -> object:
    """Print and return the table of one shape: median seconds, and the product's share of them."""
    arrays = embeddings(num_queries, num_references, embed_dim)
    wall, processor = timed(ways(*arrays), num_rounds)
    print(
        f"\n{num_queries:,} queries x {num_references:,} references x {embed_dim}, "
        f"{torch.get_num_threads()} threads, median of {num_rounds} rounds"
    )
    print(f"{'':16}{'wall s':>9}{'of product':>12}{'processor s':>13}{'of product':>12}")
    table = {}
    for name in wall:
        row = [float(np.median(wall[name])), share(wall, name)]
        row += [float(np.median(processor[name])), share(processor, name)]
        print(f"{name:16}{row[0]:9.2f}{row[1]:11.1f}%{row[2]:13.2f}{row[3]:11.1f}%", flush=True)
        table[name] = dict(zip(("wall_s", "wall_%", "cpu_s", "cpu_%"), row, strict=True))
    return table


def share(times: Times, name: str) -> float:
    """Return the median over the rounds of the product's time in percent of another's."""
    return float(100 * np.median(np.divide(times["product"], times[name])))


def measure(what: str, num_queries: int, num_references: int, embed_dim: int) -> dict[str, float]:
    """Return seconds and the rise of the peak in bytes of one piece of work in this process."""
    query, reference, positives = embeddings(num_queries, num_references, embed_dim)
    work: dict[str, Callable[[], object]] = {
        "ranks": lambda: rank_embeddings(query, reference, positives),
        "mining": lambda: visual_neighbours(query, reference, positives, K),
        "full matrix": lambda: naive(query, reference, positives),
    }
    rank_embeddings(query[:9], reference[:9], np.arange(9))
    visual_neighbours(query[:9], reference[:9], np.arange(9), 3)
    # Making the embeddings took more than they hold: let Linux forget that peak.
    Path("/proc/self/clear_refs").write_text("5")
    held = memory("VmRSS")
    start = time.perf_counter()
    work[what]()
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "held": held, "extra": memory("VmHWM") - held}


def memory(field: str) -> float:
    """Return a field of this process's status in bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def measured(what: str, *shape: int) -> dict[str, float]:
    """Print and return what ``measure`` gives in a fresh process."""
    command = [sys.executable, __file__, "--measure", what, *map(str, shape)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout)
    print(
        f"{what:12} {shape[0]:>7,} x {shape[1]:>9,} x {shape[2]:<5} {result['seconds']:8.1f} s"
        f"   embeddings and process {result['held'] / 1e6:8.1f} MB"
        f"   beyond that {result['extra'] / 1e6:8.1f} MB",
        flush=True,
    )
    return result


def growth(what: str, sizes: list[int]) -> dict[str, object]:
    """Measure one piece of work as the gallery grows, and fit the exponent of its time."""
    results = {num: measured(what, 2048, num, 256) for num in sizes}
    times = [result["seconds"] for result in results.values()]
    slope = float(np.polyfit(np.log(sizes), np.log(times), 1)[0])
    print(f"{what}: time grows with R: exponent {slope:.2f}")
    return {"results": results, "exponent": slope}


def speeds(scale: int, num_rounds: int) -> object:
    """Print the table of times of three shapes."""
    shapes = ((4096, 35_532, 1024), (4096, 90_618, 1024), (4096, 35_532, 256))
    return {
        f"{num_queries} x {num_references // scale} x {embed_dim}": speed(
            num_queries, num_references // scale, embed_dim, num_rounds
        )
        for num_queries, num_references, embed_dim in shapes
    }


def memories(scale: int) -> object:
    """Print what ranking and mining take; 1e5 queries of a million would take minutes.

    A query adds its embedding and less than a kilobyte, and no more.
    """
    ranks = ((52_609 // scale, 90_618 // scale, 1024), (2048, 1_000_000 // scale, 1024))
    mining = (8_884, 35_532 // scale, 1024)
    return {
        "ranks": [measured("ranks", *shape) for shape in ranks],
        "mining": [measured(what, *mining) for what in ("mining", "full matrix")],
    }


def growths(scale: int) -> object:
    """Print how time and memory grow with the gallery."""
    sizes = [num // scale for num in (10_000, 100_000, 1_000_000)]
    return {what: growth(what, sizes) for what in ("ranks", "mining")}


def main() -> None:
    """Print the tables, and write them where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("speed", "memory", "growth"), help="one of the tables")
    parser.add_argument("--quick", action="store_true", help="a tenth of the references")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each table of times")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there too")
    parser.add_argument("--measure", nargs=4, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        what, *shape = asked.measure
        print(json.dumps(measure(what, *map(int, shape))))
        return
    scale = 10 if asked.quick else 1
    tables: dict[str, Callable[[], object]] = {
        "speed": lambda: speeds(scale, asked.rounds),
        "memory": lambda: memories(scale),
        "growth": lambda: growths(scale),
    }
    figures = {name: make() for name, make in tables.items() if asked.only in (None, name)}
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
