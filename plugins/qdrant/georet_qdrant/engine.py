"""What holds points: a server of Qdrant, or its engine in this process; both are asked alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from georet.types import Floats, Ints
from georet_qdrant.filters import GALLERY, PLACE, Filter

SIDE: Final = "side_m"
INDEXED: Final = {PLACE: "geo", SIDE: "float", GALLERY: "keyword"}
"""Fields that are indexed before the first point comes: a geo index made later loses answers."""
EF: Final = 256
"""Candidates that a walk over the graph keeps."""
PAGE: Final = 10_000


@dataclass(frozen=True)
class Held:
    """A collection as it was found: dimensions, number of points, and indexed fields."""

    embed_dim: int
    num_points: int
    indexed: frozenset[str]
    is_dot: bool = True


class Engine(Protocol):
    """Collections of points: an id, a vector, a payload. Filters are JSON.

    Raises DataError for whatever the engine refuses; no message holds a key.
    """

    where: str
    """How messages call it."""

    def held(self, collection: str) -> Held | None:
        """Return what there is of a collection, None if nothing."""

    def create(self, collection: str, embed_dim: int) -> None:
        """Make a collection for vectors of unit length, compared by their product."""

    def index_fields(self, collection: str) -> None:
        """Index the fields of ``INDEXED`` of a collection without points."""

    def upsert(
        self, collection: str, ids: Ints, vectors: Floats, payloads: Sequence[dict[str, Any]]
    ) -> None:
        """Put points, replacing those of the same ids; on return they survive a kill."""

    def ids(self, collection: str, chosen: Filter) -> Iterator[Ints]:
        """Yield the ids of the points that a filter holds, some at a time."""

    def count(self, collection: str, chosen: Filter | None = None) -> int:
        """Return how many points a filter holds."""

    def search(
        self, collection: str, queries: Floats, num: int, chosen: Filter | None, *, exact: bool
    ) -> list[tuple[Ints, Floats]]:
        """Return ids and scores of the ``num`` best points for each query, best first.

        ``exact`` compares with every point that the filter holds; else a graph is walked, under a
        filter by ACORN (Patel et al., SIGMOD 2024), which goes on through points that it excludes.
        """

    def settle(self, collection: str) -> str:
        """Have the graph built as far as that is the caller's to do; return what is to be said."""

    def close(self) -> None:
        """Let go of it."""
