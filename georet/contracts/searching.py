"""What indexes and re-rankers must do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

from georet.types import Bools, Floats, Ints


@runtime_checkable
class Index(Protocol):
    """Searches R references: embeddings float32[R, D] with int64[R] ids."""

    def add(self, embeddings: Floats, ids: Ints) -> None:
        """Add embeddings float32[M, D] of unit length under ids int64[M], each id once."""

    def search(self, queries: Floats, k: int, region: Bools | None = None) -> tuple[Floats, Ints]:
        """Return scores float32[Q, k] and ids int64[Q, k], best first, -1 pads.

        ``region`` bool[R] are the rows allowed, in the order in which they were added.
        """

    def save(self, path: Path) -> None:
        """Write the index, with its hash."""

    def load(self, path: Path) -> None:
        """Take the place of the index that was saved there; IntegrityError unless it verifies."""

    def verify(self, path: Path) -> None:
        """Raise IntegrityError unless the file is the one that was saved."""


@runtime_checkable
class Reranker(Protocol):
    """Re-orders the candidates of one query, never more than ``max_candidates``."""

    max_candidates: int

    def __call__(self, query: Path, candidates: Sequence[Path], /) -> Ints: ...
