"""The gradient of depthwise kernels by torch and by georet, in CPU milliseconds of one thread.

    python benchmarks/depthwise.py --json benchmarks/results/depthwise.json

Shapes are those of EfficientNet-Lite0 at 64 px and of ConvNeXt at 128 and 384 px. Of five rounds in
turns the least counts. ``error`` is the greatest difference to fp64, relative to the greatest
value.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from feeding_parts import machine
from georet.files import write_json
from georet.progress import echo
from georet.train.stepping.convolutions import weight_gradient

CASES = (
    (16, 1152, 2, 5, 1),
    (16, 672, 4, 5, 1),
    (16, 480, 4, 5, 1),
    (16, 240, 8, 5, 1),
    (16, 144, 16, 5, 2),
    (16, 1152, 2, 3, 1),
    (16, 320, 4, 7, 1),
    (16, 40, 16, 7, 1),
    (8, 96, 24, 7, 1),
    (4, 512, 24, 7, 1),
)
"""Images, channels, side, side of the kernel, stride."""
ROUNDS, CALLS = 5, 5


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


def measured(num: int, channels: int, side: int, kernel: int, stride: int) -> dict[str, Any]:
    """Return milliseconds and errors of one shape."""
    draw = torch.Generator().manual_seed(0)
    padding = kernel // 2
    weight = torch.randn(channels, 1, kernel, kernel, generator=draw)
    first = torch.randn(num, channels, side, side, generator=draw)
    out = torch.conv2d(first, weight, None, stride, padding, 1, channels)
    second = torch.randn(out.shape, generator=draw)
    last = [t.contiguous(memory_format=torch.channels_last) for t in (first, second)]

    def by_torch(images: Tensor, gradient: Tensor, like: Tensor = weight) -> Tensor:
        steps, border = [stride] * 2, [padding] * 2
        wanted = [False, True, False]
        found: Tensor = torch.ops.aten.convolution_backward(
            gradient, images, like, None, steps, border, [1, 1], False, [0, 0], channels, wanted
        )[1]
        return found

    def by_georet(images: Tensor, gradient: Tensor) -> Tensor:
        return weight_gradient(images, gradient, weight.shape, (stride,) * 2, (padding,) * 2)

    exact = by_torch(first.double(), second.double(), weight.double())
    ways: dict[str, Callable[[], Tensor]] = {
        "torch_first": lambda: by_torch(first, second),
        "torch_last": lambda: by_torch(*last),
        "georet_first": lambda: by_georet(first, second),
        "georet_last": lambda: by_georet(*last),
    }
    row: dict[str, Any] = {
        "shape": [num, channels, side, side],
        "kernel": kernel,
        "stride": stride,
        **{name: float("inf") for name in ways},
    }
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begun = time.process_time()
            for _ in range(CALLS):
                way()
            row[name] = min(row[name], 1000 * (time.process_time() - begun) / CALLS)
    for name in ("torch_last", "georet_last"):
        error = (ways[name]().double() - exact).abs().max() / exact.abs().max()
        row[f"{name}_error"] = error.item()
    return row


if __name__ == "__main__":
    main()
