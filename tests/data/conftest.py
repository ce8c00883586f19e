"""Small images on disk and tables over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
import torch

from georet.data.loader import PairLoader
from georet.data.transforms import ColourJitter, Dropout, Flip, JpegArtefacts, RotateRoll
from georet.types import Batch, BatchPlan, ImageTable, PairTable, Pixels

MakePairs = Callable[..., PairTable]


def smooth(height: int, width: int, seed: int = 0) -> Pixels:
    coarse = np.random.default_rng(seed).integers(40, 216, (6, 6, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.fixture
def picture() -> Pixels:
    """uint8[96, 96, 3], smooth and colourful."""
    return smooth(96, 96)


@pytest.fixture
def make_pairs(tmp_path: Path) -> MakePairs:
    """Return a function that writes ``num`` pairs of 24 x 32 JPEGs and makes their table."""

    def make(num: int = 24, views: tuple[str, ...] = ("query", "reference")) -> PairTable:
        tables = {}
        for v, view in enumerate(views):
            paths = [tmp_path / f"{view}-{i}.jpg" for i in range(num)]
            for i, path in enumerate(paths):
                path.write_bytes(simplejpeg.encode_jpeg(smooth(24, 32, 1000 * v + i), quality=95))
            tables[view] = ImageTable([str(i) for i in range(num)], paths, name=view)
        return PairTable(tables, np.repeat(np.arange(num)[:, None], len(views), axis=1))

    return make


@pytest.fixture
def make_plan() -> Callable[..., BatchPlan]:
    """Return a function that plans full batches in a seeded order."""

    def make(num: int = 24, batch_size: int = 6, epoch: int = 0) -> BatchPlan:
        order = np.random.default_rng(epoch).permutation(num)
        return BatchPlan(order.reshape(-1, batch_size), epoch, 0, "test")

    return make


@pytest.fixture
def loader() -> Callable[..., PairLoader]:
    """Return a function that makes a loader with augmentation; options replace the usual ones."""

    def make(table: PairTable, **options: Any) -> PairLoader:
        usual: dict[str, Any] = {
            "size": {"query": (16, 32), "reference": (16, 16)},
            "joint": [Flip(), RotateRoll()],
            "augment": {
                "query": [JpegArtefacts(), ColourJitter(), Dropout()],
                "reference": [JpegArtefacts(), ColourJitter()],
            },
            "seed": 3,
        }
        return PairLoader(table, **(usual | options))

    return make


@pytest.fixture
def same() -> Callable[[Batch, Batch], bool]:
    """Return a function that says whether two batches are one step with the same bytes."""

    def compare(first: Batch, second: Batch) -> bool:
        return (first.epoch, first.step) == (second.epoch, second.step) and all(
            torch.equal(first.images[view], second.images[view]) for view in first.images
        )

    return compare
