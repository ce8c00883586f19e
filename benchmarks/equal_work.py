"""The same training by another tree and by this one: a whole network, published augmentations.

    git worktree add ../before 30c9e1c
    python benchmarks/equal_work.py ../before --json benchmarks/results/equal_work.json

EfficientNet-Lite0, nothing frozen, at 64 px in batches of 16 on OrbitView in the layout of CVUSA,
with the joint and image transforms of the published recipe that fit square photos. One thread, no
loader workers. Trees take turns, each in a process of its own that ends after --steps steps; CPU
seconds of a step are medians, the first ten not counted. Rows are *before*, and *now* with either
memory layout; a probe would choose between these. With --whole the trees take turns at the whole
training instead, with the threads, workers and memory layout that each chooses by itself: wall time
and CPU seconds until the last evaluation, and recall@1 on `val`.
With --recalls N they train wholly with N seeds, by one thread: recall@1 alone, which differs more
by seed and by rounding than by tree.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from feeding_parts import machine
from georet.files import write_json
from georet.progress import echo

ROOT = Path(__file__).parents[1]
SKIPPED: Final = 10
STOPWATCH: Final = """
import json, os, time
from georet import hookimpl
marks = []

@hookimpl
def georet_step_end(step, loss):
    float(loss)
    marks.append((time.process_time(), time.perf_counter()))
    if step == int(os.environ["STEPS"]):
        print("MARKS", json.dumps(marks), flush=True)
        os._exit(0)
"""
SET: Final = (
    "precision=fp32",
    "data.size={query: [64, 64], reference: [64, 64]}",
    "data.joint=[{name: flip, p: 0.5}]",
    "encoder.backbone={name: 'sample4geo:timm', model: tf_efficientnet_lite0, weights: lite0}",
    "sampler.select=8",
    "sampler.pool=32",
    "train.batch_size=16",
    "train.epochs=4",
)


def main() -> None:
    """Let both trees take turns, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("before", type=Path)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--whole", action="store_true", help="whole trainings, not steps")
    parser.add_argument("--recalls", type=int, default=0, help="so many seeds of whole trainings")
    parser.add_argument("--renders", type=int, default=1, help="photos a place; the whole has 3")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export = [sys.executable, "-m", "georet", "data", "export", "--layout", "cvusa"]
        renders = f"train_renders={args.renders}"
        subprocess.run([*export, str(folder / "cvusa"), "--set", renders], check=True)
        kind, judge = "rows", steps
        if args.whole or args.recalls:
            kind, judge = ("recalls", recalls) if args.recalls else ("whole", whole)
        rows = judge(args, folder)
    for row in rows:
        echo(json.dumps(row))
    if args.json:
        kept = json.loads(args.json.read_text()) if args.json.exists() else {}
        about = {"steps": args.steps} if kind == "rows" else {"renders": args.renders}
        kept |= {"machine": machine("cpu"), **about, kind: rows}
        write_json(args.json, kept)


def whole(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Train wholly by both trees in turns: wall and CPU seconds and recall@1, and their ratios."""
    found: dict[str, list[dict[str, float]]] = {"before": [], "now": []}
    for turn in range(args.turns):
        for way, tree in {"before": args.before.resolve(), "now": ROOT}.items():
            out = folder / f"{turn}-{way}"
            spent, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
            trained = trained_by(tree, folder, out, (f"seed={turn}",))
            wall, now = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
            if trained.returncode:
                raise SystemExit(trained.stdout + trained.stderr)
            cpu = now.ru_utime + now.ru_stime - spent.ru_utime - spent.ru_stime
            found[way].append({"wall_s": wall, "cpu_s": cpu, "recall_at_1": recall(out)})
            echo(f"{way}: {json.dumps(found[way][-1])}")
    return [
        {"way": way, "turns": each}
        | {
            f"{key}_of_before": statistics.median(
                now[key] / then[key] for now, then in zip(each, found["before"], strict=True)
            )
            for key in ("wall_s", "cpu_s")
        }
        for way, each in found.items()
    ]


def recalls(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Train wholly by both trees, by one thread, with several seeds: recall@1 of each."""
    rows: list[dict[str, Any]] = []
    for seed in range(args.recalls):
        rows.append({"seed": seed, "threads": 1})
        for way, tree in {"before": args.before.resolve(), "now": ROOT}.items():
            out, said = folder / f"{seed}-{way}", (f"seed={seed}", "data.workers=0")
            trained = trained_by(tree, folder, out, said, environ={"OMP_NUM_THREADS": "1"})
            if trained.returncode:
                raise SystemExit(trained.stdout + trained.stderr)
            rows[-1][way] = recall(out)
        echo(json.dumps(rows[-1]))
    return rows


def steps(args: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Train some steps by each way in turns: CPU seconds of one, and their ratios."""
    ways = {
        "before": (args.before.resolve(), ()),
        "now, channels first": (ROOT, ("train.threads=1", "train.channels_last=false")),
        "now, channels last": (ROOT, ("train.threads=1", "train.channels_last=true")),
    }
    (folder / "stopwatch.py").write_text(STOPWATCH)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(args.turns):
        for way, (tree, said) in ways.items():
            found[way].append(step_s(tree, folder, f"{turn}-{len(way)}", said, args.steps))
            echo(f"{way}: {found[way][-1]:.4f} CPU s a step")
    before = found["before"]
    rows: list[dict[str, Any]] = []
    for way, each in found.items():
        ratios = [now / then for now, then in zip(each, before, strict=True)]
        rows.append({"way": way, "step_s": statistics.median(each), "turns": each})
        rows[-1]["of_before"] = statistics.median(ratios)
    return rows


def step_s(tree: Path, folder: Path, name: str, said: tuple[str, ...], steps: int) -> float:
    """Train some steps by one tree and return the median of their CPU seconds."""
    done = trained_by(
        tree,
        folder,
        folder / name,
        ("data.workers=0", *said),
        (str(folder / "stopwatch.py"),),
        {"OMP_NUM_THREADS": "1", "STEPS": str(steps)},
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("MARKS ")]
    if not lines:
        raise SystemExit(done.stdout + done.stderr)
    marks = json.loads(lines[-1].removeprefix("MARKS "))[SKIPPED:]
    took = [float(end[0] - start[0]) for start, end in pairwise(marks)]
    return statistics.median(took)


def trained_by(
    tree: Path,
    folder: Path,
    out: Path,
    said: tuple[str, ...],
    observers: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run ``georet train`` of a tree on the exported set in ``folder``."""
    plugins = [path for path in (tree / "plugins").iterdir() if path.is_dir()]
    sets = [
        word
        for value in (f"dataset.root={folder / 'cvusa'}", *SET, *said)
        for word in ("--set", value)
    ]
    command = [sys.executable, "-m", "georet", "train", "--recipe", "sample4geo/cvusa", *sets]
    command += ["--plugins", ",".join(("sample4geo", "datasets", *observers)), "--out", str(out)]
    paths = os.pathsep.join(map(str, [tree, tree / "export", *plugins]))
    environ = os.environ | {"PYTHONPATH": paths, **(environ or {})}
    return subprocess.run(
        command, env=environ, cwd=tree, capture_output=True, text=True, check=False
    )


def recall(run: Path) -> float:
    """Recall@1 in percent that a run's last evaluation found on `val`."""
    return float(json.loads((run / "evaluation/val.json").read_text())["metrics"]["recall@1"])


if __name__ == "__main__":
    main()
