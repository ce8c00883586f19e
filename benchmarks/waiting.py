"""How long torch's threads should spin before they sleep: a network's steps, alone and beside load.

    python benchmarks/waiting.py --json benchmarks/results/waiting.json

Forward and backward of EfficientNet-Lite0, twice 16 images of 64 px, channels last, georet's own
convolutions, as many threads as there are cores, in a process of its own for each way of waiting
(GNU's OpenMP reads it once); then once more beside as many processes that never rest. Of two rounds
in turns the mean.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

WAYS: Final = {
    "OpenMP's own": {},
    "passive": {"OMP_WAIT_POLICY": "passive"},
    "6,000 turns": {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "6000"},
    "50,000 turns": {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "50000"},
}
ROUNDS, STEPS = 2, 6


def main() -> None:
    """Let all ways take turns, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        sys.stdout.write(json.dumps(inside()))
        return
    from feeding_parts import machine
    from georet.files import write_json
    from georet.progress import echo

    found: dict[str, list[dict[str, float]]] = {name: [] for name in WAYS}
    for _ in range(ROUNDS):
        for name, way in WAYS.items():
            done = subprocess.run(
                [sys.executable, __file__, "--inside"],
                env=environment() | way,
                capture_output=True,
                text=True,
                check=True,
            )
            found[name].append(json.loads(done.stdout))
    rows: list[dict[str, Any]] = [
        {"way": name} | {key: statistics.median(each[key] for each in many) for key in many[0]}
        for name, many in found.items()
    ]
    for row in rows:
        echo(str(row))
    if args.json:
        write_json(args.json, {"machine": machine("cpu"), "rounds": ROUNDS, "rows": rows})


def environment() -> dict[str, str]:
    """Return this process's environment without what tells OpenMP how to work."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}


def inside() -> dict[str, float]:
    """Return seconds of a step alone and beside load, and CPU seconds of one alone."""
    import timm
    import torch

    from georet.train.stepping.convolutions import quick_gradients

    last = torch.channels_last
    network = timm.create_model("tf_efficientnet_lite0").to(memory_format=last).train()
    images = torch.randn(16, 3, 64, 64).contiguous(memory_format=last)

    def steps(num: int) -> tuple[float, float]:
        begun, cpu = time.perf_counter(), time.process_time()
        for _ in range(num):
            with quick_gradients(torch.device("cpu")):
                out = [network(images), network(images)]
                torch.autograd.backward(torch.stack(out).square().mean())
        return (time.perf_counter() - begun) / num, (time.process_time() - cpu) / num

    steps(3)
    alone, cpu = steps(STEPS)
    busy = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(busy) for _ in range(torch.get_num_threads())]
    try:
        beside, _ = steps(STEPS)
    finally:
        for other in others:
            other.kill()
            other.wait()
    return {"alone_s": alone, "alone_cpu_s": cpu, "beside_s": beside}


if __name__ == "__main__":
    main()
