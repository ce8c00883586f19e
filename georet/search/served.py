"""Indexes that a server keeps: what one is told of a gallery, and how it is asked in a region."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, runtime_checkable

from georet.contracts.searching import Searchable
from georet.search.asking import ask
from georet.search.rows import Stored
from georet.types import Bools, Doubles, Floats, Ints


class Within(Protocol):
    """A part of the Earth, such as ``georet.ground.region.Region``."""

    def mask(self, latlon: Doubles) -> Bools:
        """Return bool[R]: which of the positions float64[R, 2] in degrees lie in it."""

    def describe(self) -> dict[str, Any]:
        """Return JSON values that say which part it is."""


@dataclass(frozen=True)
class PlacedRows:
    """R rows of a gallery as a server is to hold them: places, sides, and embeddings if at hand.

    ``key`` tells this state of the gallery from all others, and ``name`` is for messages.
    ``embeddings`` are None where the gallery's shards are not there. ``ids_at`` returns the ids of
    the tiles of rows int64[M].
    """

    name: str
    key: str
    embed_dim: int
    latlon: Doubles
    side_m: Doubles
    embeddings: Stored | None
    ids_at: Callable[[Ints], list[str]]

    def __len__(self) -> int:
        return len(self.latlon)


@runtime_checkable
class Served(Searchable, Protocol):
    """An index whose rows were brought to a server before; nothing of it lies with the gallery.

    Which server, the user says, by an option or by the environment: a gallery never does.
    """

    def attach(self, rows: PlacedRows, /) -> None:
        """Be the index of these rows; DataError unless the server holds them, all and alone."""

    def search_in(
        self, queries: Floats, k: int, allowed: Bools, region: Within, /
    ) -> tuple[Floats, Ints]:
        """Return what ``search`` does for the rows ``allowed`` bool[R], which lie in a region."""


def search_within(
    index: Searchable, queries: Floats, k: int, allowed: Bools | None, region: Within | None
) -> tuple[Floats, Ints]:
    """Return what an index finds among the rows ``allowed``; a server is told the region, too."""
    if region is not None and allowed is not None and isinstance(index, Served):
        within = partial(index.search_in, queries, k, allowed, region)
        return ask(index, queries, k, allowed, within)
    return ask(index, queries, k, allowed)
