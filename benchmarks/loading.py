"""Loading VIGOR-like pairs: georet's two modes against the reference implementation's way.

    python benchmarks/loading.py [--rounds 15] [--pairs 8]

Writes panoramas 2048 x 1024 (JPEG) and tiles 640 x 640 (PNG) into a temporary folder and loads them
with Sample4Geo's augmentations for VIGOR, one thread, in turns, and prints medians of CPU time.

The baseline stands for the reference's way without its libraries: OpenCV reads whole images,
mirrors them at full size, does the augmentations one operation at a time, and normalises on the
CPU to float32; the tile is turned and the panorama rolled last.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch

from georet.config import FIRST_RULE
from georet.contracts.training import ImageTransform
from georet.data.loader import PairLoader
from georet.data.resizing import FAST
from georet.data.transforms import (
    BlurOrSharpen,
    ColourJitter,
    Dropout,
    Flip,
    JpegArtefacts,
    RotateRoll,
)
from georet.types import BatchPlan, ImageTable, PairTable, Pixels

SIZES = {"query": (384, 768), "reference": (384, 384)}
GRID_RATIOS = {"query": 0.5, "reference": 0.4}
LEVELS = np.arange(256, dtype=np.float32)
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def main() -> None:
    """Write the images, time all ways in turns, print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--pairs", type=int, default=8)
    args = parser.parse_args()
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        table = write_pairs(Path(folder), args.pairs)
        ways: dict[str, Callable[[int], object]] = {
            "the reference's way": lambda turn: load_baseline(table, turn),
            "same operations, normalised on the CPU": normalised(georet_way(table, fast=False)),
            "same operations": georet_way(table, fast=False),
            "fast": georet_way(table, fast=True),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(args.rounds + 1):
            for name, load in ways.items():
                start = time.process_time()
                load(turn)
                seconds[name].append(time.process_time() - start)
    print(f"{args.pairs} pairs a round, {args.rounds} rounds in turns, one thread, CPU seconds")
    report({name: times[1:] for name, times in seconds.items()}, args.pairs)


def report(seconds: dict[str, list[float]], num_pairs: int) -> None:
    """Print pairs/s and, round by round, how many times faster than the first way."""
    first = next(iter(seconds.values()))
    print(f"{'way':40} {'pairs/s':>8} {'x':>6} {'x, 10th..90th percentile':>26}")
    for name, times in seconds.items():
        ratios = [base / own for base, own in zip(first, times, strict=True)]
        low, high = np.percentile(ratios, [10, 90])
        rate = num_pairs / statistics.median(times)
        print(f"{name:40} {rate:8.1f} {statistics.median(ratios):6.2f} {low:17.2f}..{high:.2f}")


def write_pairs(folder: Path, num: int) -> PairTable:
    """Write ``num`` pairs of textured images and return their table."""
    rng = np.random.default_rng(0)
    paths: dict[str, list[Path]] = {"query": [], "reference": []}
    for i in range(num):
        for view, (height, width), suffix in (
            ("query", (1024, 2048), ".jpg"),
            ("reference", (640, 640), ".png"),
        ):
            paths[view].append(folder / f"{view}-{i}{suffix}")
            cv2.imwrite(str(paths[view][-1]), textured(rng, height, width))
    ids = [str(i) for i in range(num)]
    views = {view: ImageTable(ids, paths[view], name=view) for view in paths}
    return PairTable(views, np.repeat(np.arange(num)[:, None], 2, axis=1))


def textured(rng: np.random.Generator, height: int, width: int) -> Pixels:
    """Return uint8[H, W, 3] with detail at all scales and a little noise."""
    image = np.zeros((height, width, 3))
    for octave in range(2, 9):
        coarse = rng.normal(0, 60 / octave, (2**octave, 2**octave, 3))
        image += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(image + rng.normal(120, 3, image.shape), 0, 255).astype(np.uint8)


def georet_way(table: PairTable, *, fast: bool) -> Callable[[int], dict[str, torch.Tensor]]:
    """Return what loads all pairs as one batch with georet."""

    def augment(view: str) -> list[ImageTransform]:
        dropout = Dropout(grid_ratio=GRID_RATIOS[view])
        return [JpegArtefacts(), ColourJitter(), BlurOrSharpen(), dropout]

    loader = PairLoader(
        table,
        size=SIZES,
        joint=[Flip(), RotateRoll()],
        augment={view: augment(view) for view in SIZES},
        seed=0,
        rule=FIRST_RULE + (FAST if fast else ""),
    )
    batches = np.arange(len(table))[None]
    return lambda turn: next(loader.epoch(BatchPlan(batches, turn, 0, "all"))).images


def normalised(
    load: Callable[[int], dict[str, torch.Tensor]],
) -> Callable[[int], list[torch.Tensor]]:
    """Return ``load`` followed by what georet leaves to the device."""
    mean, std = torch.tensor(MEAN * 255).float(), torch.tensor(STD * 255).float()

    def both(turn: int) -> list[torch.Tensor]:
        return [((images - mean) / std).permute(0, 3, 1, 2) for images in load(turn).values()]

    return both


def load_baseline(table: PairTable, turn: int) -> dict[str, torch.Tensor]:
    """Load all pairs as the reference implementation does, one after the other."""
    rng = np.random.default_rng(turn)
    samples: dict[str, list[torch.Tensor]] = {view: [] for view in SIZES}
    for i in range(len(table)):
        images = {view: read_whole(images.paths[i]) for view, images in table.views.items()}
        if rng.random() < 0.5:
            images = {view: np.asarray(cv2.flip(x, 1), np.uint8) for view, x in images.items()}
        tensors = {view: baseline_augment(x, view, rng) for view, x in images.items()}
        if rng.random() < 0.75:
            r = int(rng.integers(1, 4))
            width = tensors["query"].shape[2]
            tensors["reference"] = torch.rot90(tensors["reference"], r, (1, 2))
            tensors["query"] = torch.roll(tensors["query"], -r * width // 4, 2)
        for view, tensor in tensors.items():
            samples[view].append(tensor)
    return {view: torch.stack(tensors) for view, tensors in samples.items()}


def read_whole(path: Path) -> Pixels:
    """Return uint8[H, W, 3], RGB, at full size."""
    image = cv2.imread(str(path))
    assert image is not None
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)


def baseline_augment(image: Pixels, view: str, rng: np.random.Generator) -> torch.Tensor:
    """Return float32[3, H, W], augmented operation by operation."""
    if rng.random() < 0.5:
        image = baseline_jpeg(image, int(rng.integers(90, 101)))
    height, width = SIZES[view]
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR_EXACT)
    image = np.asarray(resized, np.uint8)
    if rng.random() < 0.5:
        image = baseline_jitter(image, rng)
    image = BlurOrSharpen()(image, rng)
    image = Dropout(grid_ratio=GRID_RATIOS[view])(image, rng)
    scaled = (image.astype(np.float32) - np.float32(MEAN * 255)) * np.float32(1 / (STD * 255))
    return torch.from_numpy(scaled.transpose(2, 0, 1))


def baseline_jpeg(image: Pixels, quality: int) -> Pixels:
    """Return uint8[H, W, 3] after a round trip through OpenCV's JPEG."""
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    return np.asarray(cv2.imdecode(encoded, cv2.IMREAD_UNCHANGED), np.uint8)


def baseline_jitter(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Return uint8[H, W, 3] with the four changes of colour, each a pass of its own."""
    changes = (lut_brightness, lut_contrast, blend_saturation, lut_hue)
    for step in rng.permutation(4).tolist():
        image = np.asarray(changes[step](image, rng.uniform(0.85, 1.15)), np.uint8)
    return image


def lut_brightness(image: Pixels, factor: float) -> object:
    """Return the image with all levels multiplied."""
    return cv2.LUT(image, np.clip(LEVELS * factor, 0, 255).astype(np.uint8))


def lut_contrast(image: Pixels, factor: float) -> object:
    """Return the image with all levels moved from the mean grey."""
    mean = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)).mean()
    table = LEVELS * factor + mean * (1 - factor)
    return cv2.LUT(image, np.clip(table, 0, 255).astype(np.uint8))


def blend_saturation(image: Pixels, factor: float) -> object:
    """Return the image blended with its grey levels."""
    grey = cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return cv2.addWeighted(image, factor, grey, 1 - factor, 0)


def lut_hue(image: Pixels, factor: float) -> object:
    """Return the image with hues moved."""
    hsv = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2HSV), np.uint8)
    turned = np.mod(LEVELS + 180 * (factor - 1), 180).astype(np.uint8)
    hsv[..., 0] = cv2.LUT(hsv[..., 0], turned)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)


if __name__ == "__main__":
    main()
