"""What a sweep knows and fills while it runs, and how exact a product of matrices is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from georet.sweep.scoring import score_pairs
from georet.sweep.vectors import Vectors
from georet.types import Doubles, Floats, Ints

if TYPE_CHECKING:
    from georet.sweep.best import Best
    from georet.sweep.blocks import Targets

Product = Callable[[Floats, Floats], Floats]
NUM_SAMPLED: Final = 32
LEAST_MARGIN: Final = 2.0**-20
UNIT_DEVIATION: Final = 2.0**-21


@dataclass(frozen=True)
class Work:
    """The arrays that a scanner reads and fills; ``ignored`` int64[] is ascending."""

    query: Vectors
    reference: Vectors
    targets: Targets
    best: Best
    ignored: Ints

    @cached_property
    def deviation(self) -> float:
        """By how much a row's length differs from 1 at most."""
        sides = self.query, self.reference
        return float(max(np.abs(side.length - 1).max(initial=0) for side in sides))

    @property
    def is_scaled(self) -> bool:
        """Whether products of rows as they are serve as cosines."""
        return self.deviation <= UNIT_DEVIATION

    def ignored_columns(self, references: slice) -> Ints:
        """Return the columns of a chunk that don't count."""
        ends = references.start, references.stop
        first, end = np.searchsorted(self.ignored, ends).tolist()
        columns: Ints = self.ignored[first:end] - references.start
        return columns

    def margin(self, product: Product) -> np.float32:
        """Return by how much a cosine made by ``product`` may differ from the exact one.

        That depends on the machine, its settings and the data, so a sample is asked: four times its
        greatest error, which products of rows with themselves, all terms of one sign, bring near
        the greatest there is.
        """
        parts = [_sampled(self.query), _sampled(self.reference)]
        sample = Vectors(
            np.concatenate([p.rows for p in parts]),
            np.concatenate([p.length for p in parts]),
            np.concatenate([p.has_direction for p in parts]),
        )
        found = product(sample.rows, sample.rows).astype(np.float64)
        if not self.is_scaled:
            found /= np.outer(sample.length, sample.length)
        pairs = np.divmod(np.arange(found.size), len(sample))
        error = np.abs(found.ravel() - score_pairs(sample, sample, *pairs)).max(initial=0)
        of_lengths = 2 * self.deviation if self.is_scaled else 0.0
        return np.float32(max(4 * error, LEAST_MARGIN) + of_lengths)


class Scanner(Protocol):
    """Multiplies blocks on one device and enters into the work what they contain."""

    margin: np.float32

    def load(self, references: slice) -> None:
        """Make a chunk of references ready."""

    def scan(self, queries: slice) -> None:
        """Multiply a chunk of queries with the references loaded, count and rank."""

    def close(self) -> None:
        """Free what the scanner holds."""


def _sampled(side: Vectors) -> Vectors:
    rows = np.linspace(0, len(side) - 1, min(len(side), NUM_SAMPLED)).astype(np.int64)
    return Vectors(side.rows[rows], side.length[rows], side.has_direction[rows])


def is_unit_length(length: Doubles) -> bool:
    """Whether lengths float64[N] differ from 1 by no more than an fp32 product's own rounding."""
    return bool(np.abs(length - 1).max(initial=0) <= UNIT_DEVIATION)
