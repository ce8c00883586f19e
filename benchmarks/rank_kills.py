"""Ten failures in a row of a training by three ranks, which goes on after each of them.

    python benchmarks/rank_kills.py --json benchmarks/results/rank_kills.json

One run is started, and resumed after each failure; in each start one rank is killed (SIGKILL) or
stopped (SIGSTOP) as soon as it says itself that it is training, mining, evaluating or saving.
Everything is slow enough for that (``georet.testing.slow_plugin``). After the last failure the run
is resumed to its end and compared with one that nothing happened to. Seconds are the supervisor's
own: from the rank's last sign of life, at most one second before the signal, until all had ended.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml

from georet.testing.rank_runs import settings
from georet.testing.tiny import tiny_dataset
from georet.train.checkpoint import has_checkpoint, load_checkpoint
from georet.train.events import read_events
from georet.version import __version__

PLUGINS = "sample4geo,georet.testing.plugin,georet.testing.slow_plugin"
RANKS = 3
FAILURES = (
    ("training", r"training, step \d", 1, signal.SIGKILL),
    ("training", r"training, step \d", 2, signal.SIGSTOP),
    ("mining", "mining", 1, signal.SIGKILL),
    ("mining", "mining", 0, signal.SIGSTOP),
    ("evaluation", "evaluation", 2, signal.SIGKILL),
    ("evaluation", "evaluation", 1, signal.SIGSTOP),
    ("saving, the one that writes", "saving at step", 0, signal.SIGKILL),
    ("saving, the one that writes", "saving at step", 0, signal.SIGSTOP),
    ("saving, one that waits", "saving at step", 2, signal.SIGKILL),
    ("evaluation, the first rank", "evaluation", 0, signal.SIGKILL),
)
ENDED = re.compile(r"ended, ([\d.]+) s after its last sign of life")
WAS_AT = re.compile(r"it was at: ([^\n]*)")


def failed(
    arguments: Sequence[str], folder: Path, at: str, rank: int, number: int
) -> tuple[int, str]:
    """Start ranks, send ``number`` to one when it is ``at``; return exit code and stderr."""
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "georet", "train", "--nproc", str(RANKS), *arguments],
        env=os.environ | {"TMPDIR": str(folder), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    is_hit = not at
    while not is_hit and process.poll() is None:
        for path in folder.glob(f"*/signs/rank-{rank}.json"):
            try:
                beat = json.loads(path.read_text())
            except (OSError, ValueError):
                continue
            if re.search(at, beat["at"]):
                os.kill(beat["pid"], number)
                is_hit = True
        time.sleep(0.01)
    said = process.communicate()[1]
    return process.returncode, said


def row(what: str, at: str, rank: int, number: int, code: int, said: str) -> dict[str, Any]:
    """Return what became of one failure."""
    seconds, place = ENDED.search(said), WAS_AT.search(said)
    return {
        "while": what,
        "rank": rank,
        "signal": signal.Signals(number).name,
        "exit_code": code,
        "names_the_rank": f"rank {rank} of {RANKS}" in said,
        "it_was_at": place.group(1) if place else None,
        "was_there": bool(place and re.search(at, place.group(1))),
        "ended_after_s": float(seconds.group(1)) if seconds else None,
    }


def compared(run: Path, undisturbed: Path) -> dict[str, Any]:
    """Return how the run that went on after all failures differs from one without any."""
    events = [read_events(path) for path in (run, undisturbed)]

    def of(kind: str, key: str) -> list[list[Any]]:
        return [[e[key] for e in listed if e["event"] == kind] for listed in events]

    losses, plans, figures = of("step", "loss"), of("plan", "example_pairs"), of("eval", "metrics")
    return {
        "steps": [len(some) for some in losses],
        "largest_difference_of_losses": max(
            abs(a - b) for a, b in zip(losses[0], losses[1], strict=True)
        ),
        "same_plans": plans[0] == plans[1],
        "same_figures": figures[0] == figures[1],
    }


def main() -> None:
    """Run, print as JSON, and keep it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", type=int, default=len(FAILURES), help="so many of them")
    parser.add_argument("--json", type=Path, help="where the result is kept")
    arguments = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as name:
        folder, begun = Path(name), time.perf_counter()
        tiny_dataset(folder / "images", size=32)
        own = settings(folder / "images", epochs=4)
        own["encoder"]["backbone"] = "georet.testing.slow_plugin:slow"
        own["evaluate"] = {"every": 1, "batch_size": 2}
        own["train"]["checkpoint_every"] = 3
        config = folder / "settings.yaml"
        config.write_text(yaml.safe_dump(own))
        start = ["--plugins", PLUGINS, "--config", str(config), "--out"]
        run, undisturbed = folder / "run", folder / "undisturbed"
        for number, (what, at, rank, sent) in enumerate(FAILURES[: arguments.only]):
            is_begun = run.is_dir() and has_checkpoint(run)
            given = ["--plugins", PLUGINS, "--resume", str(run)] if is_begun else [*start, str(run)]
            rows.append(
                row(what, at, rank, sent, *failed(given, folder / f"t{number}", at, rank, sent))
            )
            rows[-1]["saved_step"] = (
                load_checkpoint(run).state["step"] if has_checkpoint(run) else 0
            )
            print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
        code, said = failed(["--plugins", PLUGINS, "--resume", str(run)], folder / "last", "", 0, 0)
        if code:
            raise SystemExit(said)
        code, said = failed([*start, str(undisturbed)], folder / "whole", "", 0, 0)
        if code:
            raise SystemExit(said)
        found = {
            "georet": __version__,
            "torch": torch.__version__,
            "platform": platform.platform(),
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[0], 1),
            "date": time.strftime("%Y-%m-%d"),
            "ranks": RANKS,
            "rows": rows,
            "afterwards": compared(run, undisturbed),
            "took_s": round(time.perf_counter() - begun),
        }
    text = json.dumps(found, indent=2)
    print(text)
    if arguments.json is not None:
        arguments.json.write_text(text + "\n")


if __name__ == "__main__":
    main()
