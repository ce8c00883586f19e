"""This tree against another one: loading images, and a step of the mini run, in turns.

    git worktree add ../before COMMIT
    python benchmarks/against.py ../before [--rounds 9]

Each round starts one process a tree, the other way round every second time. A process loads the
pairs of ``benchmarks/loading.py`` and trains OrbitView's mini set, and takes the median of its own
turns and steps (loading included); printed are the medians of the rounds' ratios. CPU seconds are
user and system of the process; seconds by the clock depend on what else the machine does.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

TURNS, SKIPPED, EPOCHS = 8, 2, 6
HERE = Path(__file__).resolve()
PLUGIN = """
import time
from georet import hookimpl
TIMES = []
@hookimpl
def georet_step_end(step, loss):
    TIMES.append((time.process_time(), time.perf_counter()))
@hookimpl
def georet_fit_end(error):
    import json
    print("STEPS", json.dumps(TIMES), flush=True)
"""


def main() -> None:
    """Time both trees in turns, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--tree", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.tree is not None:
        print("TIMES", json.dumps(timed(args.tree)))
        return
    trees = {"before": args.other.resolve(), "now": HERE.parents[1]}
    rounds: list[dict[str, dict[str, float]]] = []
    for number in range(args.rounds + 1):
        order = list(trees) if number % 2 else list(reversed(trees))
        rounds.append({name: in_process(trees[name]) for name in order})
    print(f"{args.rounds} rounds in turns, medians; now / before: of the rounds' ratios")
    print(f"{'':22} {'before':>9} {'now':>9} {'now / before':>13} {'10th..90th percentile':>23}")
    for what in rounds[0]["now"]:
        # The first round fills caches: of the file system, of data that is generated.
        before, now = ([r[name][what] for r in rounds[1:]] for name in ("before", "now"))
        ratios = [own / base for base, own in zip(before, now, strict=True)]
        low, high = np.percentile(ratios, [10, 90])
        middle = statistics.median(ratios)
        print(
            f"{what:22} {statistics.median(before):9.4f} {statistics.median(now):9.4f} "
            f"{middle:13.3f} {low:14.3f}..{high:.3f}"
        )


def in_process(tree: Path) -> dict[str, float]:
    """Return what a process that imports from one tree has timed."""
    plugins = [folder for folder in (tree / "plugins").iterdir() if folder.is_dir()]
    path = os.pathsep.join(map(str, [tree, tree / "export", *plugins]))
    done = subprocess.run(
        [sys.executable, str(HERE), str(tree), "--tree", str(tree)],
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        cwd=tree,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("TIMES ")]
    found: dict[str, float] = json.loads(line.removeprefix("TIMES "))
    return found


def timed(tree: Path) -> dict[str, float]:
    """Return the seconds of this process, by what they are of."""
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
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        table = loading.write_pairs(Path(folder), 4)
        for name, fast in (("load 4 pairs", False), ("load 4 pairs, fast", True)):
            load = loading.georet_way(table, fast=fast)
            marks = [(time.process_time(), time.perf_counter())]
            for turn in range(TURNS + SKIPPED):
                load(turn)
                marks.append((time.process_time(), time.perf_counter()))
            found |= medians(name, marks)
        found |= medians("step of 16 pairs", step_marks(Path(folder)))
    return found


def step_marks(folder: Path) -> list[tuple[float, float]]:
    """Return CPU and clock time at the end of each step of a mini run."""
    plugin = folder / "stopwatch.py"
    plugin.write_text(PLUGIN)
    sets = ["dataset.size=mini", f"train.epochs={EPOCHS}", "sampler={name: random}"]
    sets += ["evaluate.every=100", "evaluate.final=[cross]"]
    command = [sys.executable, "-m", "georet", "train", "--plugins", f"sample4geo,{plugin}"]
    command += [word for each in sets for word in ("--set", each)]
    done = subprocess.run(
        [*command, "--out", str(folder / "run")], capture_output=True, check=True, text=True
    )
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("STEPS ")]
    marks: list[tuple[float, float]] = json.loads(line.removeprefix("STEPS "))
    return marks


def medians(name: str, marks: list[tuple[float, float]]) -> dict[str, float]:
    """Return the median CPU and clock seconds between marks, the first few left out."""
    spans = np.diff(np.array(marks), axis=0)[SKIPPED:]
    cpu, clock = np.median(spans, axis=0).tolist()
    return {f"{name}, CPU": cpu, f"{name}, clock": clock}


if __name__ == "__main__":
    main()
