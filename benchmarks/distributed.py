"""Trainings by 1, 2 and 3 ranks on this machine: what is the same, and where the time goes.

    python benchmarks/distributed.py --json benchmarks/results/distributed-cpu.json
    python benchmarks/distributed.py --only cases
    python benchmarks/distributed.py --only stages

``cases`` are small trainings of every kind (``georet.testing.rank_runs``), each compared with that
of one process: batches, losses, figures and weights. ``stages`` is one training of a ConvNeXt by
``georet train --nproc``: seconds by stage, the memory of the rank that takes most, what lies on
disk, and what ``--dry-run`` said of it before.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
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

from georet.run_layout import CHECKPOINTS, TIMING
from georet.testing.rank_runs import OWN, cases, write_cases
from georet.testing.tiny import tiny_dataset
from georet.train.checkpoint import load_checkpoint
from georet.train.events import read_events
from georet.version import __version__

SAID = {
    "steps": r"steps\W+([\d,]+)",
    "step_s": r"a step\W+([\d.]+) s",
    "training_s": r"training\W+([\d.]+) s",
    "mining_s": r"mining\W+([\d.]+) s",
    "evaluation_s": r"evaluation\W+([\d.]+) s",
    "memory_gib": r"memory\W+([\d.]+) GiB",
    "disk_gib": r"disk\W+([\d.]+) GiB",
}
"""What is read from the table of a dry run."""


def convnext(root: Path, epochs: int) -> dict[str, Any]:
    """Return a training of a network that takes some time, with mining and evaluation."""
    return {
        "recipe": "none",
        "dataset": {"name": "tiny", "root": str(root), "num_places": 128, "size": 96},
        "data": {"size": {"query": [96, 96], "reference": [96, 96]}, "workers": 0},
        "encoder": {
            "backbone": {"name": "sample4geo:timm", "model": "convnext_atto", "weights": "none"}
        },
        "losses": ["info_nce"],
        "sampler": {"name": "sample4geo", "select": 4, "pool": 8, "mine_every": 1},
        "train": {"epochs": epochs, "batch_size": 16, "lr": 1e-3, "channels_last": True},
        "evaluate": {"every": 1, "batch_size": 16},
        "device": "cpu",
    }


def differences(run: Path, alone: Path) -> dict[str, Any]:
    """Return what differs between a run and that of one process."""
    events = [read_events(path) for path in (run, alone)]

    def of(kind: str, key: str) -> Sequence[Any]:
        return [[e[key] for e in listed if e["event"] == kind] for listed in events]

    losses = of("step", "loss")
    groups = [load_checkpoint(path).tensors for path in (run, alone)]
    return {
        "same_plans": of("plan", "example_pairs")[0] == of("plan", "example_pairs")[1],
        "same_figures": of("eval", "metrics")[0] == of("eval", "metrics")[1],
        "steps": len(losses[0]),
        "largest_difference_of_losses": max(
            abs(a - b) for a, b in zip(losses[0], losses[1], strict=True)
        ),
        "largest_difference_of_weights": max(
            float((groups[0]["encoder"][name].double() - value.double()).abs().max())
            for name, value in groups[1]["encoder"].items()
        ),
    }


def of_cases(folder: Path, sizes: Sequence[int], epochs: int) -> list[dict[str, Any]]:
    """Train every case by each number of ranks, and compare."""
    tiny_dataset(folder / "images", size=32)
    given = cases(folder / "images", epochs)
    write_cases(folder, given)
    env = os.environ | {"GLOO_SOCKET_IFNAME": "lo", "TORCH_CPP_LOG_LEVEL": "ERROR"}
    own = [sys.executable, "-m", "georet.testing.rank_runs"]
    for size in sizes:
        started = [
            subprocess.Popen([*own, str(rank), str(size), str(folder)], env=env)
            for rank in range(size)
        ]
        if any(process.wait() for process in started):
            raise SystemExit(f"{size} ranks failed")
    return [
        {"case": name, "ranks": size, **differences(folder / str(size) / name, folder / "1" / name)}
        for name in given
        for size in sizes
        if size > 1
    ]


def command(config: Path, *more: str) -> tuple[str, float, int]:
    """Run ``georet train``; return stdout, seconds, and the most bytes of any of its processes."""
    given = [sys.executable, "-m", "georet", "train", "--plugins", ",".join(OWN)]
    with tempfile.TemporaryFile("w+") as shown, tempfile.TemporaryFile("w+") as said:
        begun = time.perf_counter()
        process = subprocess.Popen(
            [*given, "--config", str(config), *more], stdout=shown, stderr=said
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begun
        shown.seek(0)
        said.seek(0)
        if status:
            raise SystemExit(said.read())
        return shown.read(), seconds, usage.ru_maxrss * 1024


def of_stages(folder: Path, sizes: Sequence[int], epochs: int) -> list[dict[str, Any]]:
    """Train the larger network by each number of ranks; what was estimated, and what it took."""
    tiny_dataset(folder / "larger", size=96, num_places=128)
    config, rows = folder / "larger.yaml", []
    config.write_text(yaml.safe_dump(convnext(folder / "larger", epochs)))
    for size in sizes:
        out = folder / f"larger-{size}"
        shown, *_ = command(config, "--nproc", str(size), "--dry-run")
        estimated = {
            name: float(found.group(1).replace(",", ""))
            for name, pattern in SAID.items()
            if (found := re.search(pattern, shown))
        }
        _, seconds, most = command(config, "--nproc", str(size), "--out", str(out))
        spent: dict[str, float] = defaultdict(float)
        for line in (out / TIMING).read_text().splitlines():
            noted = json.loads(line)
            spent[noted["stage"]] += noted["seconds"]
        files = [path for path in (out / CHECKPOINTS).rglob("*") if path.is_file()]
        steps = sum(event["event"] == "step" for event in read_events(out))
        rows.append(
            {
                "ranks": size,
                **differences(out, folder / f"larger-{sizes[0]}"),
                "steps": steps,
                "seconds": {name: round(value, 2) for name, value in spent.items()},
                "step_s": round(spent["train"] / steps, 3),
                "command_s": round(seconds, 1),
                "memory_gib": round(most / 2**30, 2),
                "disk_gib": round(sum(path.stat().st_size for path in files) / 2**30, 3),
                "estimated": estimated,
            }
        )
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Measure, print as JSON, and keep it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--only", choices=("cases", "stages"), help="the one, and keep the other")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--json", type=Path, help="where the result is kept")
    arguments = parser.parse_args()
    sizes = sorted({1, *arguments.ranks})
    found: dict[str, Any] = {}
    if arguments.json is not None and arguments.only and arguments.json.is_file():
        kept = json.loads(arguments.json.read_text())
        found = {key: kept[key] for key in ("cases", "stages") if key in kept}
    with tempfile.TemporaryDirectory() as name:
        for what, measure in (("cases", of_cases), ("stages", of_stages)):
            if arguments.only in (None, what):
                load = round(os.getloadavg()[0], 1)
                rows = measure(Path(name), sizes, arguments.epochs)
                found[what] = {"date": time.strftime("%Y-%m-%d"), "load": load, "rows": rows}
    found |= {
        "georet": __version__,
        "torch": torch.__version__,
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "backend": "gloo",
    }
    text = json.dumps(found, indent=2)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
