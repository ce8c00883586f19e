"""Blocks on an accelerator; what its product leaves undecided comes back and is settled here."""

from __future__ import annotations

import numpy as np
import torch

from georet.sweep.best import LOWEST, keep_all
from georet.sweep.blocks import settle_above
from georet.sweep.exact import Sides
from georet.sweep.vectors import tensor_of
from georet.sweep.work import Work
from georet.types import Floats, Ints


class DeviceScanner:
    """Scans blocks on any torch device; only counts and candidates travel back."""

    def __init__(self, work: Work, device: str | torch.device) -> None:
        self._work = work
        self._device = torch.device(device)
        self._sides = Sides.of(work.query, work.reference)
        self.margin = work.margin(
            lambda a, b: self._product(self._put(a), self._put(b)).cpu().numpy()
        )
        self.load(slice(0, 0))

    def load(self, references: slice) -> None:
        """Make a chunk of references ready."""
        work = self._work
        self._first = references.start
        self._reference = self._put(work.reference.rows[references])
        self._scale = self._put(work.reference.scale(references))
        self._ignored = self._put(work.ignored_columns(references))

    def scan(self, queries: slice) -> None:
        """Multiply a chunk of queries with the references loaded, count and collect."""
        scores = self._product(self._put(self._work.query.rows[queries]), self._reference)
        if not self._work.is_scaled:
            scores *= self._put(self._work.query.scale(queries))[:, None]
            scores *= self._scale
        scores[:, self._ignored] = -torch.inf
        self._count(scores, queries)
        if self._work.best.k:
            self._collect(scores, queries)

    def close(self) -> None:
        """Let go of the memory on the device."""
        self.load(slice(0, 0))

    def _count(self, scores: torch.Tensor, queries: slice) -> None:
        start = self._work.targets.start[queries.start : queries.stop + 1]
        num_targets = np.diff(start)
        for i in range(num_targets.max(initial=0)):
            rows = np.flatnonzero(num_targets > i)
            some = scores if len(rows) == len(scores) else scores[self._put(rows)]
            self._count_above(some, queries.start + rows, start[:-1][rows] + i)

    def _count_above(self, scores: torch.Tensor, query: Ints, target: Ints) -> None:
        targets = self._work.targets
        low = self._put(targets.threshold[target] - self.margin)[:, None]
        high = self._put(targets.threshold[target] + self.margin)[:, None]
        targets.above[target] += (scores > high).sum(1).cpu().numpy()
        row, column = ((scores >= low) & (scores <= high)).nonzero().cpu().numpy().T
        settle_above(self._sides, targets, query[row], column + self._first, target[row])

    def _collect(self, scores: torch.Tensor, queries: slice) -> None:
        best = self._work.best
        bar = self._put(best.kth[queries])
        if scores.shape[1] >= best.k and (best.kth[queries] == LOWEST).any():
            bar = bar.maximum(scores.topk(best.k, sorted=False).values.amin(1))
        is_candidate = scores >= (bar - 2 * float(self.margin))[:, None]
        row, column = is_candidate.nonzero().cpu().numpy().T
        score: Floats = scores[is_candidate].cpu().numpy()
        start = np.searchsorted(row, np.arange(len(scores) + 1))
        keep_all(self._sides, best, queries.start, start, column + self._first, score, self.margin)

    def _product(self, query: torch.Tensor, reference: torch.Tensor) -> torch.Tensor:
        # Reduced precision, where switched on, would widen the margin and leave more to settle.
        with torch.autocast(self._device.type, enabled=False):
            return query @ reference.T

    def _put(self, array: Floats | Ints) -> torch.Tensor:
        return tensor_of(array).to(self._device)
