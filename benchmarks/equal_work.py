"""The same training by another tree and by this one: a whole network, published augmentations.

    git worktree add ../before 30c9e1c
    python benchmarks/equal_work.py ../before --json benchmarks/results/equal_work.json

EfficientNet-Lite0, nothing frozen, at 64 px in batches of 16 on OrbitView in the layout of CVUSA,
with the joint and image transforms of the published recipe that fit square photos. One thread, no
loader workers. Trees take turns, each in a process of its own that ends after --steps steps; CPU
seconds of a step are medians, the first ten not counted. Rows are *before*, and *now* with either
memory layout; a probe would choose between these.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
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
    "data.workers=0",
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
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    ways = {
        "before": (args.before.resolve(), ()),
        "now, channels first": (ROOT, ("train.threads=1", "train.channels_last=false")),
        "now, channels last": (ROOT, ("train.threads=1", "train.channels_last=true")),
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export = [sys.executable, "-m", "georet", "data", "export", "--layout", "cvusa"]
        subprocess.run([*export, str(folder / "cvusa"), "--set", "train_renders=1"], check=True)
        (folder / "stopwatch.py").write_text(STOPWATCH)
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
        echo(json.dumps(rows[-1]))
    if args.json:
        write_json(args.json, {"machine": machine("cpu"), "steps": args.steps, "rows": rows})


def step_s(tree: Path, folder: Path, name: str, said: tuple[str, ...], steps: int) -> float:
    """Train some steps by one tree and return the median of their CPU seconds."""
    plugins = [path for path in (tree / "plugins").iterdir() if path.is_dir()]
    values = (f"dataset.root={folder / 'cvusa'}", *SET, *said)
    sets = [word for value in values for word in ("--set", value)]
    command = [sys.executable, "-m", "georet", "train", "--recipe", "sample4geo/cvusa", *sets]
    command += ["--plugins", f"sample4geo,datasets,{folder / 'stopwatch.py'}"]
    done = subprocess.run(
        [*command, "--out", str(folder / name)],
        env=os.environ
        | {
            "PYTHONPATH": os.pathsep.join(map(str, [tree, tree / "export", *plugins])),
            "OMP_NUM_THREADS": "1",
            "STEPS": str(steps),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("MARKS ")]
    if not lines:
        raise SystemExit(done.stdout + done.stderr)
    marks = json.loads(lines[-1].removeprefix("MARKS "))[SKIPPED:]
    took = [float(end[0] - start[0]) for start, end in pairwise(marks)]
    return statistics.median(took)


if __name__ == "__main__":
    main()
