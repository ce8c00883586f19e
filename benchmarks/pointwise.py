"""Convolutions by kernels of 1 x 1, by oneDNN and as products of matrices: forward and backward.

    python benchmarks/pointwise.py --json benchmarks/results/pointwise.json

Batches of 16 with channels last; shapes are those of EfficientNet-Lite0 at 64 px and two larger
ones, which georet leaves to torch. CPU milliseconds of one thread; of five rounds in turns the
least counts.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from feeding_parts import machine
from georet.files import write_json
from georet.progress import echo
from georet.train.stepping.convolutions import quick_gradients

NUM, ROUNDS, CALLS = 16, 5, 10
CASES = (
    (96, 24, 16),
    (144, 40, 8),
    (240, 80, 4),
    (480, 112, 4),
    (672, 192, 2),
    (192, 1152, 2),
    (1152, 320, 2),
    (320, 1280, 2),
    (16, 96, 32),
    (64, 256, 56),
)
"""Channels that come in and go out, side of the map."""


def main() -> None:
    """Measure each shape, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for case in CASES:
        rows.append(measured(*case))
        echo(str(rows[-1]))
    if args.json:
        write_json(args.json, {"machine": machine("cpu"), "rows": rows})


def measured(given: int, made: int, side: int) -> dict[str, object]:
    """Return milliseconds of one shape, by torch and in georet's steps."""
    draw = torch.Generator().manual_seed(0)
    last = torch.channels_last
    images = torch.randn(NUM, given, side, side, generator=draw).contiguous(memory_format=last)
    weight = torch.randn(made, given, 1, 1, generator=draw).contiguous(memory_format=last)
    leaves = [images.requires_grad_(), weight.requires_grad_()]
    seen = torch.randn(NUM, made, side, side, generator=draw).contiguous(memory_format=last)

    def both_ways() -> tuple[Tensor, ...]:
        return torch.autograd.grad(F.conv2d(leaves[0], leaves[1]), leaves, seen)

    took = {"torch": float("inf"), "georet": float("inf")}
    for _ in range(ROUNDS):
        for way in took:
            begun = time.process_time()
            for _ in range(CALLS):
                if way == "torch":
                    both_ways()
                else:
                    with quick_gradients(torch.device("cpu")):
                        both_ways()
            took[way] = min(took[way], 1000 * (time.process_time() - begun) / CALLS)
    return {"shape": [NUM, given, side, side], "made": made, **took}


if __name__ == "__main__":
    main()
