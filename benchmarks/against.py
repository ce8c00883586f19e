"""This tree against another one: loading images, and steps of a run on OrbitView's mini set.

    git worktree add ../before COMMIT
    python benchmarks/against.py ../before [--starts 6] [--turns 25]

Each tree has a process of its own; they take turns, one batch or one step at a time, each going
first every second time, so that what else the machine does meets both alike. Processes are started
several times, since each has its own luck with memory; for the same reason malloc keeps what it
has (else one process asks the kernel for pages at each step, which costs up to 40 %, and another
never). Printed are medians, and of the ratios of turns side by side each start's median: their
median, least and greatest. CPU seconds are user and system of the process. A step has 16 pairs,
loading included.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from georet.types import Doubles

HERE, SKIPPED = Path(__file__).resolve(), 5
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**28),
}
"""Of glibc: take memory in large pieces and give none back."""
STOPWATCH = """
import sys, time
from georet import hookimpl

def now():
    return time.process_time(), time.perf_counter()

started = now()

@hookimpl
def georet_plan_ready(plan):
    global started
    started = now()

@hookimpl
def georet_step_end(step, loss):
    global started
    loss.item()
    cpu, clock = (stop - start for stop, start in zip(now(), started))
    print("TURN", cpu, clock, flush=True)
    sys.stdin.readline()
    started = now()
"""
TRAIN = (
    "dataset.size=mini",
    "sampler={name: random}",
    "train.epochs=200",
    "train.warmup_epochs=0",
    "evaluate.every=200",
)


def main() -> None:
    """Let both trees take turns at each work, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--starts", type=int, default=6)
    parser.add_argument("--turns", type=int, default=25)
    parser.add_argument("--load", choices=["full", "fast"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.load is not None:
        load(args.other, fast=args.load == "fast")
        return
    trees = [args.other.resolve(), HERE.parents[1]]
    print(f"{args.starts} starts of {args.turns} turns, seconds")
    print(f"{'':26} {'before':>8} {'now':>8} {'now / before':>13} {'least..greatest start':>22}")
    for work in ("load 4 pairs", "load 4 pairs, fast", "step of 16 pairs"):
        seconds = np.array([started(trees, work, args.turns) for _ in range(args.starts)])
        for column, clock in enumerate(("CPU", "clock")):
            report(f"{work}, {clock}", seconds[..., column])


def started(trees: list[Path], work: str, turns: int) -> list[list[tuple[float, float]]]:
    """Start a process for each tree, and return CPU and clock seconds [turns, 2, 2]."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        sides = [stack.enter_context(working(tree, work, Path(folder))) for tree in trees]
        return [turn(sides, number) for number in range(turns + SKIPPED)][SKIPPED:]


def turn(sides: list[subprocess.Popen[str]], number: int) -> list[tuple[float, float]]:
    """Return CPU and clock seconds of each side's next turn; the others wait meanwhile."""
    found = [(0.0, 0.0), (0.0, 0.0)]
    for side in (0, 1) if number % 2 else (1, 0):
        pipes = sides[side]
        assert pipes.stdin is not None
        assert pipes.stdout is not None
        if number:
            pipes.stdin.write("\n")
            pipes.stdin.flush()
        line = next(line for line in pipes.stdout if line.startswith("TURN "))
        cpu, clock = map(float, line.split()[1:])
        found[side] = cpu, clock
    return found


@contextmanager
def working(tree: Path, work: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a process that imports from one tree and does one turn of work for each line it gets.

    The first turn needs no line.
    """
    plugins = [found for found in (tree / "plugins").iterdir() if found.is_dir()]
    path = os.pathsep.join(map(str, [tree, tree / "export", *plugins]))
    command = [sys.executable, str(HERE), str(tree), "--load", "fast" if "fast" in work else "full"]
    if work.startswith("step"):
        stopwatch = folder / "stopwatch.py"
        stopwatch.write_text(STOPWATCH)
        sets = [word for each in TRAIN for word in ("--set", each)]
        plugged = ["--plugins", f"sample4geo,{stopwatch}", *sets]
        out = str(folder / f"run-{hash(tree)}")
        command = [sys.executable, "-m", "georet", "train", *plugged, "--out", out]
    process = subprocess.Popen(
        command,
        cwd=tree,  # -m looks there first
        env=os.environ | MALLOC | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def load(tree: Path, *, fast: bool) -> None:
    """Load the pairs of the tree's own benchmarks/loading.py, once for each line."""
    import cv2
    import torch

    import georet

    assert georet.__file__ is not None
    assert Path(georet.__file__).is_relative_to(tree), georet.__file__
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    spec = importlib.util.spec_from_file_location("loading", tree / "benchmarks" / "loading.py")
    assert spec is not None
    assert spec.loader is not None
    loading = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loading)
    with tempfile.TemporaryDirectory() as folder:
        way = loading.georet_way(loading.write_pairs(Path(folder), 4), fast=fast)
        for number in range(1_000_000):
            cpu, clock = time.process_time(), time.perf_counter()
            way(number)
            print("TURN", time.process_time() - cpu, time.perf_counter() - clock, flush=True)
            if not sys.stdin.readline():
                return


def report(name: str, seconds: Doubles) -> None:
    """Print a line of the table from float64[starts, turns, 2]."""
    ratios = np.median(seconds[..., 1] / seconds[..., 0], axis=1)
    before, now = np.median(seconds, axis=(0, 1))
    middle, least, most = np.median(ratios), ratios.min(), ratios.max()
    print(f"{name:26} {before:8.4f} {now:8.4f} {middle:13.3f} {least:14.3f}..{most:.3f}")


if __name__ == "__main__":
    main()
