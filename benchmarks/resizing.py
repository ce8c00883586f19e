"""What a resize takes: the two rules of georet, and Pillow and torch for the smooth one.

    python benchmarks/resizing.py

One thread, CPU time, median of 30 rounds in turns, images of noise.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch
from PIL import Image

from georet.config import FIRST_RULE, SMOOTH_RULE
from georet.data.resizing import resize
from georet.progress import echo
from georet.types import Pixels

ROUNDS = 30
SIZES = (
    ((512, 512), (384, 384)),
    ((750, 750), (384, 384)),
    ((224, 1232), (140, 768)),
    ((512, 1024), (384, 768)),
    ((1024, 2048), (384, 768)),
    ((1400, 1400), (96, 96)),
)


def by_pillow(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Return the image resized by Pillow."""
    how = Image.Resampling.BILINEAR
    return np.array(Image.fromarray(image).resize((size[1], size[0]), how))


def by_torch(image: Pixels, size: tuple[int, int]) -> Pixels:
    """Return the image resized by torch, which rounds its weights to 16 bits."""
    planes = torch.from_numpy(image).permute(2, 0, 1)[None]
    found = torch.nn.functional.interpolate(planes, size=size, mode="bilinear", antialias=True)
    return np.asarray(found[0].permute(1, 2, 0).contiguous().numpy())


WAYS: dict[str, Callable[[Pixels, tuple[int, int]], Pixels]] = {
    FIRST_RULE: lambda image, size: resize(image, size, FIRST_RULE),
    SMOOTH_RULE: lambda image, size: resize(image, size, SMOOTH_RULE),
    "Pillow": by_pillow,
    "torch": by_torch,
}


def main() -> None:
    """Print a table of milliseconds."""
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    echo("| from | to | " + " | ".join(f"{way} ms" for way in WAYS) + " |")
    echo("|---|---|" + "---:|" * len(WAYS))
    for source, size in SIZES:
        image = rng.integers(0, 256, (*source, 3), dtype=np.uint8)
        spent: dict[str, list[float]] = {name: [] for name in WAYS}
        for _ in range(ROUNDS):
            for name, way in WAYS.items():
                started = time.thread_time()
                way(image, size)
                spent[name].append(1000 * (time.thread_time() - started))
        medians = " | ".join(f"{statistics.median(times):.2f}" for times in spent.values())
        echo(f"| {source[1]} x {source[0]} | {size[1]} x {size[0]} | {medians} |")


if __name__ == "__main__":
    main()
