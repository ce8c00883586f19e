"""What changes from batch to batch of a run besides its pairs: progress, sizes, images drawn.

All of it is a function of (seed, epoch, step), so that a resume finds the same batches.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from georet.config import SizeSchedule
from georet.contracts.transforming import Size
from georet.data.samples import Job, checked_size
from georet.errors import ConfigError
from georet.types import QUERY, REFERENCE, BatchPlan, PairTable

_DRAWS, _SIZES = 1, 2
"""Fifth words of seeds: the generators of slots have (seed, epoch, step, slot), and no fifth."""
_EVEN: Final = 1e-6


@dataclass(frozen=True)
class Course:
    """The course of a run of ``epochs`` over one table of pairs.

    ``full_sizes`` {view: (height, width)} must hold every view; ``aux_views`` feed transforms
    alone. ConfigError for views that aren't there.
    """

    table: PairTable
    full_sizes: Mapping[str, Size]
    seed: int
    epochs: int = 1
    schedules: Mapping[str, SizeSchedule] = field(default_factory=dict)
    aux_views: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_views(self.table, "size", self.full_sizes)
        check_views(self.table, "size_schedule", self.schedules)
        check_views(self.table, "aux_views", self.aux_views)
        needed = {QUERY, REFERENCE} & set(self.aux_views)
        if needed:
            raise ConfigError(
                f"{' and '.join(sorted(needed))} can't be left out of the encoder",
                where="data.aux_views",
                hint="Further views of the data set may be.",
            )
        checked = {view: checked_size(view, self.full_sizes) for view in self.table.views}
        object.__setattr__(self, "full_sizes", checked)

    @property
    def embedded(self) -> list[str]:
        """The views that the encoder sees, in the table's order."""
        return [view for view in self.table.views if view not in self.aux_views]

    def largest(self, view: str) -> Size:
        """Return the height and width that hold a view's images in every batch."""
        ends = [_size_at(self.schedules.get(view), self.full_sizes[view], x) for x in (0.0, 1.0)]
        return max(height for height, _ in ends), max(width for _, width in ends)

    def job(self, plan: BatchPlan, step: int) -> Job:
        """Return the job of one batch of a plan."""
        rows = plan.batches[step]
        shown = {
            view: self.table.pairs[rows, column] for column, view in enumerate(self.table.views)
        }
        if self.table.alternatives:
            rng = np.random.default_rng([self.seed, plan.epoch, step, 0, _DRAWS])
            chances = rng.random((len(rows), len(shown)))
            for column, view in enumerate(shown):
                shown[view] = self.table.draw(view, rows, chances[:, column])
        progress = (plan.epoch + step / len(plan.batches)) / self.epochs
        sizes = self._sizes(plan.epoch, step, progress)
        return Job(plan.epoch, step, rows, progress, sizes, shown)

    def _sizes(self, epoch: int, step: int, progress: float) -> Mapping[str, Size]:
        if not self.schedules:
            return self.full_sizes
        steady = {"epoch": epoch / max(1, self.epochs - 1), "batch": progress}
        # One draw for all views, so that those of one picture stay of one shape.
        drawn = {
            every: float(np.random.default_rng([self.seed, epoch, at, 0, _SIZES]).random())
            for every, at in (("epoch", 0), ("batch", step))
        }
        sizes = dict(self.full_sizes)
        for view, schedule in self.schedules.items():
            x = (drawn if schedule.random else steady)[schedule.every]
            sizes[view] = _size_at(schedule, sizes[view], min(1.0, x))
        return sizes


def check_views(table: PairTable, key: str, views: Mapping[str, object] | Sequence[str]) -> None:
    """Raise ConfigError naming the key for a view that the data set hasn't."""
    for view in views:
        if view not in table.views:
            raise ConfigError(
                f"there is no view {view!r}",
                where=f"data.{key}.{view}" if isinstance(views, Mapping) else f"data.{key}",
                hint=f"the data set's views are: {', '.join(table.views)}",
            )


def _size_at(schedule: SizeSchedule | None, full: Size, x: float) -> Size:
    """Return the size at ``x`` in 0..1 of a schedule; SinGeo's three ramps are one with ``bend``.

    f(x) = (1 - exp(-bend x)) / (1 - exp(-bend)), which is x where bend is 0 (arXiv 2603.09377).
    """
    if schedule is None:
        return full
    is_even = abs(schedule.bend) < _EVEN
    share = x if is_even else math.expm1(-schedule.bend * x) / math.expm1(-schedule.bend)
    ends = zip(schedule.first or full, schedule.last or full, strict=True)
    height, width = (_between(first, last, share, schedule.multiple) for first, last in ends)
    return height, width


def _between(first: int, last: int, share: float, multiple: int) -> int:
    """Return a length between two, themselves at the ends, and in whole multiples in between."""
    if share <= 0 or first == last:
        return first
    if share >= 1:
        return last
    rounded = multiple * round((first + share * (last - first)) / multiple)
    return min(max(rounded, min(first, last)), max(first, last))
