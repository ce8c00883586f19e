"""What indexes and re-rankers must do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from georet.contracts.refining import Tile
from georet.types import Bools, Doubles, Floats, Ints, Pixels


@runtime_checkable
class Searchable(Protocol):
    """What answers queries: an index, or the indexes of several galleries as one."""

    def search(self, queries: Floats, k: int, region: Bools | None = None) -> tuple[Floats, Ints]:
        """Return scores float32[Q, k] and ids int64[Q, k], best first, -1 pads.

        ``region`` bool[R] are the rows allowed, in the order in which they were added.
        """


@runtime_checkable
class Index(Searchable, Protocol):
    """Searches R references: embeddings float32[R, D] with int64[R] ids."""

    def add(self, embeddings: Floats, ids: Ints) -> None:
        """Add embeddings float32[M, D] of unit length under ids int64[M], each id once."""

    def save(self, path: Path) -> None:
        """Write the index, with its hash."""

    def load(self, path: Path) -> None:
        """Take the place of the index that was saved there; IntegrityError unless it verifies."""

    def verify(self, path: Path) -> None:
        """Raise IntegrityError unless the file is the one that was saved."""


@dataclass(frozen=True)
class RerankContext:
    """What a re-ranker may look at beside files, if its ``__call__`` has a parameter ``context``.

    ``tiles`` are the k candidates, best first: id, place, footprint, score, and their pixels in
    the imagery's own resolution, read when they are asked for: ``tiles[0].patch``. Where the
    imagery is gone, ``patch.is_full`` is false and ``patch.note`` says why. What isn't known of a
    tile is NaN: places and sides in evaluation sets without them, beliefs in all of those.
    ``embedding`` float32[D] is the photo's, ``embeddings`` float32[k, D] are the tiles', all of
    unit length. ``photo`` is the photo's file; ``read_photo`` decodes it, ``pixels`` does so once.
    """

    photo: Path
    tiles: Sequence[Tile]
    embedding: Floats
    embeddings: Floats
    read_photo: Callable[[], Pixels]

    @cached_property
    def pixels(self) -> Pixels:
        """The photo uint8[H, W, 3], RGB, upright, in its own resolution."""
        return self.read_photo()

    @property
    def scores(self) -> Floats:
        """The candidates' scores float32[k], cosines."""
        return np.array([tile.score for tile in self.tiles], np.float32)

    @property
    def latlon(self) -> Doubles:
        """The candidates' centres float64[k, 2] in degrees."""
        return np.array([tile.latlon for tile in self.tiles], np.float64).reshape(-1, 2)

    def gsd_m(self, at: int) -> float:
        """Return how many metres a pixel of candidate ``at`` covers; its pixels are read."""
        height, width = self.tiles[at].patch.image.shape[:2]
        return float(self.tiles[at].side_m / np.sqrt(height * width))


@dataclass(frozen=True)
class Reranked:
    """An order int64[k] of k candidates, best first; None: they stay as they are.

    ``scores`` float[k] are the re-ranker's own, in the order in which the candidates came in, and
    ``reason`` says in a few words why it decided so. Both stand beside the answer.
    """

    order: Ints | None
    scores: Floats | None = None
    reason: str = ""


@runtime_checkable
class Reranker(Protocol):
    """Re-orders the candidates of one query, never more than ``max_candidates``.

    Called with the photo's file and those of the candidates, best first, and, where it has a
    parameter of that name, with ``context``, a ``RerankContext``. What it raises is told, and the
    candidates stay as they are.
    """

    max_candidates: int

    def __call__(self, query: Path, candidates: Sequence[Path], /) -> Ints | Reranked: ...
