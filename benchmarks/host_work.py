"""Host work around training, side by side in one run: neighbours and batch plans.

python benchmarks/host_work.py                 everything; the full matrix takes 10 GB and minutes
python benchmarks/host_work.py --quick         a tenth of the sizes
python benchmarks/host_work.py --json out.json

Each measurement runs in a process of its own. Memory is what the peak rose to while it ran, over
what the process held before; compilation is not part of the time.
"""

from __future__ import annotations

import argparse
import json
import resource
import runpy
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from georet.geodesy import distance_m
from georet.sampling import geographic_neighbours, plan_batches
from georet.types import Doubles, Ints

K = 128
BATCH_SIZE = 128
ORACLE_PATH = Path(__file__).parents[1] / "tests" / "sampling" / "conftest.py"
KIBIBYTES = 1 if sys.platform == "darwin" else 1024
Result = dict[str, float]


def country(num: int) -> Doubles:
    """Positions float64[num, 2] strewn over a country."""
    rng = np.random.default_rng(0)
    return np.stack([rng.uniform(30, 48, num), rng.uniform(-120, -75, num)], axis=1)


def full_matrix(latlon: Doubles, k: int) -> Ints:
    """Neighbours by way of all distances float64[R, R] at once."""
    matrix = np.empty((len(latlon), len(latlon)))
    for row, place in enumerate(latlon):
        matrix[row] = distance_m(place, latlon)
    np.fill_diagonal(matrix, np.inf)
    nearest = np.empty((len(latlon), k), np.int64)
    for row, distances in enumerate(matrix):
        some = np.argpartition(distances, k)[:k]
        nearest[row] = some[np.argsort(distances[some])]
    return nearest


def line_of_neighbours(num: int, k: int, *, scattered: bool) -> Ints:
    """Neighbours int64[num, k] along a line; scattered, its places stand in random rows.

    Scattered rows cost a miss of the processor's caches at every step once the tables outgrow
    them; rows in the order of their places show what the planning itself costs.
    """
    rows = np.arange(num)
    row_of = np.random.default_rng(0).permutation(num) if scattered else rows
    table = np.empty((num, k), np.int64)
    for column in range(k):
        step = column // 2 + 1
        table[row_of, column] = np.roll(row_of, step if column % 2 else -step)
    return table


def peak_bytes() -> int:
    """Return the most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIBIBYTES


def timed(work: Callable[[], Ints], repeats: int = 1) -> tuple[Result, Ints]:
    """Return the shortest time and the rise of the peak, and what came out."""
    before, times = peak_bytes(), []
    for _ in range(repeats):
        start = time.perf_counter()
        out = work()
        times.append(time.perf_counter() - start)
    return {"seconds": min(times), "bytes": float(peak_bytes() - before)}, out


def measure(what: str, num: int, k: int) -> Result:
    """Return seconds and bytes of one piece of work in this process."""
    if what == "tree":
        latlon = country(num)
        return timed(lambda: geographic_neighbours(latlon, k))[0]
    if what == "matrix":
        latlon = country(num)
        result, nearest = timed(lambda: full_matrix(latlon, k))
        agree = (nearest == geographic_neighbours(latlon, k)).mean()
        return result | {"agree": float(agree)}
    pairs = np.stack([np.arange(num)] * 2, axis=1)
    table = line_of_neighbours(num, k, scattered=what != "ordered")
    if what in ("planner", "ordered"):
        plan_batches(pairs[:1000], table[:1000], BATCH_SIZE)
        result, plan = timed(lambda: plan_batches(pairs, table, BATCH_SIZE), repeats=3)
        return result | {"planned": plan.size / num}
    oracle = runpy.run_path(str(ORACLE_PATH))["Oracle"](pairs, table, BATCH_SIZE)
    result, plan = timed(lambda: np.array(oracle.run()))
    return result | {"agree": float(np.array_equal(plan, plan_batches(pairs, table, BATCH_SIZE)))}


def measured(what: str, num: int, k: int = K) -> Result:
    """Return what ``measure`` gives in a fresh process."""
    command = [sys.executable, __file__, "--measure", what, str(num), str(k)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: Result = json.loads(done.stdout)
    print(
        f"{what:8} N = {num:>9,}  K = {k:>3}  {result['seconds']:10.4f} s"
        f"  {result['bytes'] / 1e6:10.1f} MB"
        + "".join(f"  {key} {value:.4f}" for key, value in list(result.items())[2:]),
        flush=True,
    )
    return result


def exponent(results: dict[int, Result]) -> float:
    """Return the slope of log time over log size."""
    times = [result["seconds"] for result in results.values()]
    return float(np.polyfit(np.log(list(results)), np.log(times), 1)[0])


def neighbours(scale: int) -> dict[str, object]:
    """Measure the k-d tree against the full matrix, and alone on a million points."""
    num = 35_532 // scale
    tree, matrix = measured("tree", num), measured("matrix", num)
    million = {k: measured("tree", 1_000_000 // scale, k) for k in (64, K)}
    faster, smaller = (matrix[key] / tree[key] for key in ("seconds", "bytes"))
    print(
        f"k-d tree against full matrix: {faster:.0f} times faster, {smaller:.0f} times less memory"
    )
    ratios = {"faster": faster, "smaller": smaller}
    return {"tree": tree, "matrix": matrix, "million": million, "ratios": ratios}


def planner(scale: int) -> dict[str, object]:
    """Measure the planner as pairs and neighbours grow, and against plain Python."""
    sizes = [num // scale for num in (10_000, 100_000, 1_000_000)]
    by_pairs = {num: measured("planner", num) for num in sizes}
    ordered = {num: measured("ordered", num) for num in sizes}
    by_k = {k: measured("planner", 100_000, k) for k in (32, 64, K)}
    plain = measured("oracle", 100_000 // scale)
    compiled = measured("planner", 100_000 // scale)
    faster = plain["seconds"] / compiled["seconds"]
    slopes = {
        "N, rows in order": exponent(ordered),
        "N, rows scattered": exponent(by_pairs),
        "K": exponent(by_k),
    }
    for name, slope in slopes.items():
        print(f"planner: time grows with {name}: exponent {slope:.2f}")
    print(f"planner against plain Python, identical batches: {faster:.0f} times faster")
    by = {"scattered": by_pairs, "ordered": ordered, "k": by_k}
    return {**by, "plain": plain, "slopes": slopes, "faster": faster}


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the figures there too")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.measure:
        what, num, k = asked.measure
        print(json.dumps(measure(what, int(num), int(k))))
        return
    scale = 10 if asked.quick else 1
    figures = {"neighbours": neighbours(scale), "planner": planner(scale)}
    if asked.json:
        asked.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
