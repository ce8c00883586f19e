"""Mean, covariance and principal directions of embeddings, in float64."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from georet.errors import ConfigError, TrainingError
from georet.types import Doubles, Floats

_BLOCK = 16384
"""Rows that are float64 at a time."""


@dataclass(frozen=True)
class Spectrum:
    """Mean float64[D], variances float64[rank] descending, directions float64[rank, D]."""

    mean: Doubles
    variances: Doubles
    directions: Doubles

    def first(self, dim: int | None) -> int:
        """Return how many directions to keep; ConfigError where ``dim`` is more than there are."""
        rank = len(self.variances)
        if dim is not None and dim > rank:
            raise ConfigError(
                f"the training embeddings vary in {rank} directions, fewer than the {dim} asked "
                "for",
                where="dim",
                hint=f"At most {rank}; without dim all of them are kept.",
            )
        return rank if dim is None else dim


def spectrum_of(tables: Sequence[Floats]) -> Spectrum:
    """Return the principal directions of all rows float32[R, D] of some tables.

    Directions whose standard deviation is below D x 2^-23 of the largest are rounding errors of
    float32 and left out: what is divided by a variance is never noise alone. Of a direction and its
    opposite, the one is taken whose largest entry is positive, so that signs don't depend on the
    solver. TrainingError where nothing varies.
    """
    num = sum(map(len, tables))
    if not num:
        raise TrainingError("there are no embeddings to fit to")
    mean = sum(block.sum(axis=0) for block in _blocks(tables)) / num
    centred = (block - mean for block in _blocks(tables))
    covariance = sum(block.T @ block for block in centred) / num
    variances, columns = np.linalg.eigh(covariance)
    variances, directions = variances[::-1], columns.T[::-1]
    floor = (directions.shape[1] * float(np.finfo(np.float32).eps)) ** 2
    kept = variances > max(variances[0] * floor, np.finfo(np.float32).eps ** 2)
    if not kept.any():
        raise TrainingError(
            "all training embeddings are the same",
            hint="The encoder has collapsed; no fit can tell its embeddings apart.",
        )
    directions = directions[kept]
    largest = np.take_along_axis(directions, abs(directions).argmax(axis=1)[:, None], axis=1)
    return Spectrum(mean, variances[kept], directions * np.sign(largest))


def _blocks(tables: Sequence[Floats]) -> Iterator[Doubles]:
    for table in tables:
        for start in range(0, len(table), _BLOCK):
            yield table[start : start + _BLOCK].astype(np.float64)
