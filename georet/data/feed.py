"""Turns jobs into tensors, in this process or with workers, and keeps count of bad images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import torch

from georet.data.samples import Filled, Filler, Job
from georet.data.workers import WorkerPool
from georet.errors import DataError
from georet.types import Floats, Pixels

TIMEOUT_S: Final = 120.0
"""A worker that spends longer on one slot is taken for hung."""

Images = dict[str, torch.Tensor]
Reports = dict[str, Floats]


class Feed:
    """A filler, workers that live until ``close``, and the bad images met."""

    def __init__(
        self,
        filler: Filler,
        *,
        num_images: int,
        workers: int,
        timeout_s: float,
        pin_memory: bool,
        bad_image_quota: float,
    ) -> None:
        self.filler, self.workers, self.timeout_s = filler, workers, timeout_s
        self.pin_memory = pin_memory and torch.cuda.is_available()
        self.num_images, self.quota = num_images, bad_image_quota
        self.bad_images: dict[Path, str] = {}
        self.pool: WorkerPool | None = None

    def run(self, jobs: Iterable[Job], capacity: int) -> Iterator[tuple[Job, Images, Reports]]:
        """Yield (job, {view: uint8[B, H, W, 3]}, reports) in order; B is at most ``capacity``.

        The reports are {name: float32[B]} of what transforms reported, NaN where one didn't.
        """
        filled = self._fill_here(jobs) if self.workers == 0 else self._fill_there(jobs, capacity)
        for job, images, slots in filled:
            for slot in slots:
                self.note_bad(slot.bad)
            yield job, images, gathered([slot.applied for slot in slots])

    def note_bad(self, images: Mapping[Path, str]) -> None:
        """Count unreadable images; DataError where there are more than the quota allows."""
        self.bad_images.update(images)
        check_quota(self.bad_images, self.num_images, self.quota)

    def close(self) -> None:
        """End the workers."""
        if self.pool is not None:
            self.pool.close()
            self.pool = None

    def _fill_here(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Images, list[Filled]]]:
        for job in jobs:
            images = self._allocate(job)
            arrays = {view: tensor.numpy() for view, tensor in images.items()}
            slots = [self.filler.fill(job, slot, arrays) for slot in range(len(job.rows))]
            yield job, images, slots

    def _fill_there(
        self, jobs: Iterable[Job], capacity: int
    ) -> Iterator[tuple[Job, Images, list[Filled]]]:
        if self.pool is None or not self.pool.is_usable or self.pool.capacity < capacity:
            self.close()
            self.pool = WorkerPool(
                self.filler, capacity=capacity, num_workers=self.workers, timeout_s=self.timeout_s
            )
        return self.pool.run(jobs, self._copied)

    def _copied(self, job: Job, images: Mapping[str, Pixels]) -> Images:
        copies = self._allocate(job)
        for view, copy in copies.items():
            copy.copy_(torch.from_numpy(images[view]))
        return copies

    def _allocate(self, job: Job) -> Images:
        num = len(job.rows)
        return {
            view: torch.empty((num, *size, 3), dtype=torch.uint8, pin_memory=self.pin_memory)
            for view, size in self.filler.sizes_of(job).items()
        }


def check_quota(bad: Mapping[Path, str], num_images: int, quota: float) -> None:
    """Raise DataError where more images can't be read than a share of them all allows."""
    if len(bad) > quota * num_images:
        first = "\n".join(f"    {path}: {why}" for path, why in [*bad.items()][:10])
        raise DataError(
            f"{len(bad)} of {num_images} images can't be read, more than "
            f"the quota of {quota:.2%}; the first are\n{first}",
            hint="fetch them again, remove their rows, or allow a larger quota",
        )


def gathered(applied: Sequence[Mapping[str, float]]) -> Reports:
    """Return {name: float32[B]} of B slots' reports, by name; NaN where a slot has none."""
    names = sorted(set().union(*applied))
    return {
        name: np.array([slot.get(name, np.nan) for slot in applied], np.float32) for name in names
    }
