"""The references that an index searches, and the checks on what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol, runtime_checkable

import numpy as np

from georet.embeddings import MOST_DEVIATION
from georet.errors import DataError, UsageError
from georet.sweep import Vectors, score_pairs, vectors
from georet.sweep.work import is_unit_length
from georet.types import Bools, Floats, Ints

_NAME: Final = "embeddings to be indexed"


@runtime_checkable
class Stored(Protocol):
    """R embeddings that are read when they are asked for, such as those of a gallery on disk."""

    @property
    def shape(self) -> tuple[int, int]:
        """R and D."""

    def take(self, rows: Ints) -> Floats:
        """Return the embeddings float32[M, D], of unit length, of rows int64[M]."""

    def blocks(self, wanted: Bools | None = None) -> Iterator[tuple[int, Floats]]:
        """Yield (first row, embeddings float32[m, D]) of all, ascending, m bounded.

        A block may be overwritten by the next one. Blocks without a row of ``wanted`` bool[R] may
        be left out.
        """

    def whole(self) -> Floats:
        """Return all of them float32[R, D]."""


@dataclass(frozen=True)
class Rows:
    """R references: embeddings of unit length, in memory or stored, and int64[R] ids."""

    source: Vectors | Stored
    ids: Ints

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def embed_dim(self) -> int:
        """D."""
        source = self.source
        return int((source.rows if isinstance(source, Vectors) else source).shape[1])

    @property
    def is_stored(self) -> bool:
        """Whether embeddings are read when they are asked for."""
        return not isinstance(self.source, Vectors)

    @cached_property
    def vectors(self) -> Vectors:
        """All references; of stored ones a copy in memory."""
        source = self.source
        return source if isinstance(source, Vectors) else vectors(source.whole(), _NAME)

    @cached_property
    def is_unit(self) -> bool:
        """Whether products of the rows as they are serve as cosines."""
        return is_unit_length(self.vectors.length)

    @property
    def embeddings(self) -> Floats:
        """float32[R, D]: the array that was added, or of stored ones a copy of all in memory."""
        return self.vectors.rows

    @classmethod
    def of(cls, embeddings: Floats | Stored, ids: Ints) -> Rows:
        """Return embeddings [R, D] under ids int64[R]; DataError for what is neither."""
        source: Vectors | Stored
        if isinstance(embeddings, Stored) and not isinstance(embeddings, np.ndarray):
            source, num = embeddings, embeddings.shape[0]
        else:
            source = _checked(vectors(embeddings, _NAME), 0)
            num = len(source)
        ids = np.ascontiguousarray(ids, dtype=np.int64)
        if ids.shape != (num,):
            raise DataError(f"ids have shape {list(ids.shape)}, wanted [{num}]")
        # Mostly they ascend, which is seen in no time.
        is_unique = bool((ids[1:] > ids[:-1]).all()) or len(np.unique(ids)) == len(ids)
        if len(ids) and (ids.min() < 0 or not is_unique):
            raise DataError("ids must be different from each other, and none below 0")
        return cls(source, ids)

    def and_more(self, other: Rows) -> Rows:
        """Return both, these first; copies, as one array must hold them."""
        if self.embed_dim != other.embed_dim:
            raise DataError(
                f"the index holds embeddings of {self.embed_dim} dimensions, "
                f"new ones have {other.embed_dim}"
            )
        embeddings = np.concatenate([self.embeddings, other.embeddings])
        return Rows.of(embeddings, np.concatenate([self.ids, other.ids]))

    def take(self, rows: Ints) -> Vectors:
        """Return the embeddings of rows int64[M], copied."""
        source = self.source
        if not isinstance(source, Vectors):
            return vectors(source.take(rows), _NAME)
        return Vectors(source.rows[rows], source.length[rows], source.has_direction[rows])

    def blocks(self, wanted: Bools | None = None) -> Iterator[tuple[int, Vectors]]:
        """Yield (first row, some of the references) until all were given; ascending.

        Of stored ones, those without a row of ``wanted`` bool[R] are left out.
        """
        source = self.source
        if isinstance(source, Vectors):
            yield 0, source
            return
        for start, embeddings in source.blocks(wanted):
            yield start, _checked(vectors(embeddings, _NAME), start)

    def cosines(self, queries: Vectors, query: Ints, row: Ints) -> Floats:
        """Return the exact cosines float32[M] of M pairs of queries and rows."""
        if not self.is_stored:
            return score_pairs(queries, self.vectors, query, row)
        few, place = np.unique(row, return_inverse=True)
        return score_pairs(queries, self.take(few), query, place.astype(np.int64))

    def checked_queries(self, queries: Floats) -> Vectors:
        """Return queries float32[Q, D] checked against the references."""
        found = vectors(queries, "queries")
        if found.rows.shape[1] != self.embed_dim:
            raise DataError(
                f"queries have {found.rows.shape[1]} dimensions, the index holds {self.embed_dim}",
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


def _checked(found: Vectors, first: int) -> Vectors:
    """Return the embeddings, which begin at a row; DataError unless they are of unit length."""
    is_bad = np.abs(found.length - 1) > MOST_DEVIATION
    if is_bad.any():
        at = int(np.flatnonzero(is_bad)[0])
        raise DataError(
            f"{int(is_bad.sum())} of {len(found.length)} embeddings are not of unit length, "
            f"the first is row {first + at} with {found.length[at]:.4g}",
            where=_NAME,
            hint="Divide each row by its norm; sessions return unit length.",
        )
    return found
