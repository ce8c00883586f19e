"""The references that an index searches, and the checks on what it is given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from georet.embeddings import MOST_DEVIATION
from georet.errors import DataError, UsageError
from georet.sweep import Vectors, vectors
from georet.sweep.work import is_unit_length
from georet.types import Bools, Floats, Ints


@dataclass(frozen=True)
class Rows:
    """R references: embeddings float32[R, D] of unit length, kept as they are, and int64[R] ids."""

    vectors: Vectors
    ids: Ints

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def is_unit(self) -> bool:
        """Whether products of the rows as they are serve as cosines."""
        return is_unit_length(self.vectors.length)

    @property
    def embeddings(self) -> Floats:
        """float32[R, D], the array that was added, not a copy."""
        return self.vectors.rows

    @classmethod
    def of(cls, embeddings: Floats, ids: Ints) -> Rows:
        """Return embeddings float32[R, D] under ids int64[R]; DataError for what is neither."""
        checked = vectors(embeddings, "embeddings to be indexed")
        is_bad = np.abs(checked.length - 1) > MOST_DEVIATION
        if is_bad.any():
            row = int(np.flatnonzero(is_bad)[0])
            raise DataError(
                f"{int(is_bad.sum())} of {len(checked.length)} embeddings are not of unit length, "
                f"the first is row {row} with {checked.length[row]:.4g}",
                where="embeddings to be indexed",
                hint="Divide each row by its norm; sessions return unit length.",
            )
        ids = np.ascontiguousarray(ids, dtype=np.int64)
        if ids.shape != (len(checked),):
            raise DataError(f"ids have shape {list(ids.shape)}, wanted [{len(checked)}]")
        if len(ids) and (ids.min() < 0 or len(np.unique(ids)) < len(ids)):
            raise DataError("ids must be different from each other, and none below 0")
        return cls(checked, ids)

    def and_more(self, other: Rows) -> Rows:
        """Return both, these first; copies, as one array must hold them."""
        if self.embeddings.shape[1] != other.embeddings.shape[1]:
            raise DataError(
                f"the index holds embeddings of {self.embeddings.shape[1]} dimensions, "
                f"new ones have {other.embeddings.shape[1]}"
            )
        embeddings = np.concatenate([self.embeddings, other.embeddings])
        return Rows.of(embeddings, np.concatenate([self.ids, other.ids]))

    def take(self, rows: Ints) -> Vectors:
        """Return the embeddings of rows int64[M], copied."""
        own = self.vectors
        return Vectors(own.rows[rows], own.length[rows], own.has_direction[rows])

    def checked_queries(self, queries: Floats) -> Vectors:
        """Return queries float32[Q, D] checked against the references."""
        found = vectors(queries, "queries")
        if found.rows.shape[1] != self.embeddings.shape[1]:
            raise DataError(
                f"queries have {found.rows.shape[1]} dimensions, "
                f"the index holds {self.embeddings.shape[1]}",
                hint="Embed both with the same encoder.",
            )
        return found

    def checked_region(self, region: Bools | None) -> Bools | None:
        """Return bool[R] of allowed rows, or None where all are."""
        if region is None:
            return None
        region = np.asarray(region)
        if region.dtype != np.bool_ or region.shape != (len(self),):
            raise UsageError(
                f"the region is {region.dtype}{list(region.shape)}, wanted bool[{len(self)}]",
                hint="One value for each row, True where it may be found: region.mask(latlon).",
            )
        return None if region.all() else region
