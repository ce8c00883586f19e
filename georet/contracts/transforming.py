"""What transforms must do, and what they may ask for: where they are and what was done before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from georet.tables.arrays import Pixels
from georet.tables.pairs import PairTable

Size = tuple[int, int]
"""Height and width in pixels."""


@dataclass(frozen=True)
class Visit:
    """One pair in one batch: where the training is, what the pair shows, what was reported."""

    table: PairTable
    row: int
    epoch: int
    step: int
    progress: float
    sizes: Mapping[str, Size]
    full_sizes: Mapping[str, Size]
    shown: Mapping[str, int]
    applied: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TransformContext:
    """Where a transform is; it gets one by naming a third parameter ``context``.

    ``view`` is None for a joint transform.
    """

    visit: Visit
    view: str | None = None

    @property
    def epoch(self) -> int:
        """The epoch, counted from 0."""
        return self.visit.epoch

    @property
    def step(self) -> int:
        """The batch within the epoch, counted from 0."""
        return self.visit.step

    @property
    def progress(self) -> float:
        """How much of the run is done: 0 in its first batch, just below 1 in its last."""
        return self.visit.progress

    @property
    def row(self) -> int:
        """The pair's row in the table of pairs."""
        return self.visit.row

    @property
    def sizes(self) -> Mapping[str, Size]:
        """Height and width of each view in this batch."""
        return self.visit.sizes

    @property
    def full_sizes(self) -> Mapping[str, Size]:
        """Height and width of each view in ``data.size``, whatever ``data.size_schedule`` says."""
        return self.visit.full_sizes

    @property
    def size(self) -> Size | None:
        """Height and width of the transform's own view in this batch; None for a joint one."""
        return None if self.view is None else self.visit.sizes[self.view]

    @property
    def reported(self) -> Mapping[str, float]:
        """What was reported for this pair up to here, by the names of ``Batch.applied``."""
        return self.visit.applied

    def column(self, name: str) -> Any:
        """Return the pair's value in a metadata column; DataError that lists those there are."""
        return self.visit.table.column(name)[self.visit.row]

    def image_column(self, view: str, name: str) -> Any:
        """Return the value in a metadata column of the image that this pair shows of a view.

        None where the pair lacks the view. DataError lists the columns there are.
        """
        values, row = self.visit.table.views[view].column(name), self.visit.shown[view]
        return None if row < 0 else values[row]

    def report(self, name: str, value: float) -> None:
        """Say what was done: it arrives as ``Batch.applied[name]`` float32[B].

        What the transform of a single view reports is called ``view.name``. Report on every call,
        0 where nothing was done, so that the name is there in every batch. ValueError if the same
        name is reported twice for a pair.
        """
        full = name if self.view is None else f"{self.view}.{name}"
        if full in self.visit.applied:
            raise ValueError(f"{full!r} was reported already, by this transform or by another one")
        self.visit.applied[full] = float(value)


class JointTransform(Protocol):
    """Sees all views of a pair: {view: uint8[H, W, 3]}, rng -> the same, in the same sizes.

    With a third parameter ``context`` it gets a ``TransformContext``.
    """

    joint: bool

    def __call__(
        self, images: dict[str, Pixels], rng: np.random.Generator, /, *args: Any, **kwargs: Any
    ) -> dict[str, Pixels]: ...


class ImageTransform(Protocol):
    """Sees one image: uint8[H, W, 3], rng -> uint8[H, W, 3].

    With a third parameter ``context`` it gets a ``TransformContext``.
    """

    def __call__(
        self, image: Pixels, rng: np.random.Generator, /, *args: Any, **kwargs: Any
    ) -> Pixels: ...
