"""The sweep itself: chunks of references outside, so that each is read once; queries inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from georet.sweep.scoring import check_same_size
from georet.sweep.vectors import Vectors
from georet.sweep.work import Scanner, Work
from georet.types import Floats, Ints

if TYPE_CHECKING:
    import torch

CHUNK: Final = 16384
QUERY_CHUNK: Final = 1024


@dataclass(frozen=True)
class SweepResult:
    """What a sweep found.

    ``above`` int64[M]: references that score greater than each threshold. ``top`` int64[Q, k]: the
    best references, best first, of equals the lower row; -1 pads.
    """

    above: Ints
    top: Ints


def sweep(
    query: Vectors,
    reference: Vectors,
    *,
    threshold: Floats | None = None,
    start: Ints | None = None,
    ignored: Ints | None = None,
    k: int = 0,
    chunk: int = CHUNK,
    query_chunk: int = QUERY_CHUNK,
    device: str | torch.device | None = None,
) -> SweepResult:
    """Compare Q queries with R references in blocks of ``query_chunk`` x ``chunk`` scores.

    Counts for each query the references above its thresholds float32[M], which are those from
    ``start[q]`` to ``start[q + 1]`` (int64[Q+1]), strictly: what ties is not above. Collects its
    ``k`` best. ``ignored`` int64[] are rows of references that are left out of both. ``device``
    multiplies elsewhere than on the CPU; the result is the same.
    """
    from georet.sweep.best import order
    from georet.sweep.exact import Sides
    from georet.sweep.threads import share

    check_same_size(query, reference)
    work = _work(query, reference, threshold, start, ignored, k)
    scanner = _scanner(work, device, min(query_chunk, len(query)) * min(chunk, len(reference)))
    try:
        for references in _chunks(len(reference), chunk):
            scanner.load(references)
            for queries in _chunks(len(query), query_chunk):
                scanner.scan(queries)
    finally:
        scanner.close()
    top = np.full((len(work.query), work.best.k), -1, np.int64)

    def order_some(first: int, end: int) -> None:
        sides = Sides.of(work.query, work.reference)
        order(sides, work.best, scanner.margin, top, first, end)

    share(len(top), order_some)
    return SweepResult(work.targets.above, top)


def _work(
    query: Vectors,
    reference: Vectors,
    threshold: Floats | None,
    start: Ints | None,
    ignored: Ints | None,
    k: int,
) -> Work:
    from georet.sweep.best import LOWEST, SPARE, Best
    from georet.sweep.blocks import Targets

    if threshold is None or start is None:
        threshold, start = np.zeros(0, np.float32), np.zeros(len(query) + 1, np.int64)
    num = len(query)
    if start.shape != (num + 1,) or start[-1] != len(threshold):
        raise ValueError("start must lead from 0 to the number of thresholds in Q + 1 steps")
    room = k + SPARE if k else 0
    return Work(
        query,
        reference,
        Targets(threshold, start, np.zeros(len(threshold), np.int64)),
        Best(np.empty((num, room), np.int64), np.zeros(num, np.int64), np.full(num, LOWEST), k),
        np.unique(np.zeros(0, np.int64) if ignored is None else ignored),
    )


def _scanner(work: Work, device: str | torch.device | None, block_size: int) -> Scanner:
    if device is None or str(device) == "cpu":
        from georet.sweep.scan_cpu import CpuScanner

        return CpuScanner(work, block_size)
    from georet.sweep.scan_device import DeviceScanner

    return DeviceScanner(work, device)


def _chunks(num: int, size: int) -> Iterator[slice]:
    for first in range(0, num, size):
        yield slice(first, min(first + size, num))
