"""One training by 1, 2 and 3 ranks on this machine: what is the same, and where the time goes.

    python benchmarks/distributed.py --json benchmarks/results/distributed-cpu.json

Trains the tiny data set of georet.testing once for each number of ranks, by ``georet train
--nproc``, and compares batches, losses, figures and weights with those of one process. Times are
those of ``timing.jsonl``, and the whole command's with the start of its processes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from georet.run_layout import TIMING
from georet.testing.tiny import tiny_dataset
from georet.train.checkpoint import load_checkpoint
from georet.train.events import read_events
from georet.version import __version__

PLUGINS = "sample4geo,georet.testing.plugin"


def settings(root: Path, epochs: int) -> dict[str, Any]:
    """Return a small run with mining and evaluation."""
    return {
        "recipe": "none",
        "dataset": {"name": "tiny", "root": str(root), "num_places": 24, "size": 32},
        "data": {"size": {"query": [32, 32], "reference": [32, 32]}, "workers": 0},
        "encoder": {"backbone": {"name": "georet.testing.plugin:tiny"}},
        "losses": ["info_nce"],
        "sampler": {"name": "sample4geo", "select": 2, "pool": 4, "mine_every": 2},
        "train": {"epochs": epochs, "batch_size": 4, "lr": 3e-3, "checkpoint_every": 50},
        "evaluate": {"every": 2},
    }


def trained(config: Path, out: Path, num: int) -> float:
    """Train with so many ranks; return the seconds that the command took."""
    command = [sys.executable, "-m", "georet", "train", "--plugins", PLUGINS]
    command += ["--config", str(config), "--out", str(out), "--nproc", str(num)]
    begun = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - begun


def compared(run: Path, alone: Path, num: int, command_s: float) -> dict[str, Any]:
    """Return what differs between a run and that of one process, and seconds by stage."""
    events = [read_events(path) for path in (run, alone)]

    def of(kind: str, key: str) -> Sequence[Any]:
        return [[e[key] for e in listed if e["event"] == kind] for listed in events]

    losses = of("step", "loss")
    weights = [load_checkpoint(path).tensors["encoder"] for path in (run, alone)]
    seconds: dict[str, float] = defaultdict(float)
    for line in (run / TIMING).read_text().splitlines():
        noted = json.loads(line)
        seconds[noted["stage"]] += noted["seconds"]
    return {
        "ranks": num,
        "same_plans": of("plan", "example_pairs")[0] == of("plan", "example_pairs")[1],
        "same_figures": of("eval", "metrics")[0] == of("eval", "metrics")[1],
        "steps": len(losses[0]),
        "largest_difference_of_losses": max(
            abs(a - b) for a, b in zip(losses[0], losses[1], strict=True)
        ),
        "largest_difference_of_weights": max(
            float((weights[0][name] - weights[1][name]).abs().max()) for name in weights[0]
        ),
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "command_s": round(command_s, 1),
    }


def main() -> None:
    """Measure, print as JSON, and keep it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--json", type=Path, help="where the result is kept")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny_dataset(folder / "images", size=32)
        config = folder / "settings.yaml"
        config.write_text(yaml.safe_dump(settings(folder / "images", arguments.epochs)))
        for num in sorted({1, *arguments.ranks}):
            command_s = trained(config, folder / f"run-{num}", num)
            rows.append(compared(folder / f"run-{num}", folder / "run-1", num, command_s))
    found = {
        "georet": __version__,
        "torch": torch.__version__,
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "date": time.strftime("%Y-%m-%d"),
        "backend": "gloo",
        "rows": rows,
    }
    text = json.dumps(found, indent=2)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
