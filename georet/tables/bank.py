"""Banks: embeddings of all training images, or what a sampler wants to be kept of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from georet.errors import DataError

Vectors = NDArray[Any]
"""[R, W] of any type of number, one row an image: float32[R, D] unless a sampler wants else."""


@dataclass(frozen=True)
class BankSpec:
    """What a sampler wants to be in its banks: the attribute ``bank_spec``.

    ``views`` are the views whose images are embedded. ``encode(view, embeddings float32[M, D])``
    returns what is kept of a view's embeddings, [M, W] in any type of number: codes of bits, half
    precision, fewer dimensions. It is called on some rows at a time, and must give each row the
    same whichever others come along; the whole bank never lies in memory as float32.
    """

    views: tuple[str, ...] = ("query", "reference")
    encode: Callable[[str, NDArray[np.float32]], Vectors] | None = None


@dataclass(frozen=True)
class EmbeddingBank:
    """Embeddings of all training images: query float32[Q, D], reference float32[R, D], unit length.

    A sampler with a ``bank_spec`` finds what that asks for: other types, further views in
    ``others``, no rows for a view that isn't wanted. ``key`` identifies the contents (samplers may
    cache what they derive from it). In incremental mode ``query_seen`` and ``reference_seen`` (and
    ``others_seen``) say which rows were ever filled; None means all.
    """

    query: Vectors
    reference: Vectors
    epoch: int
    key: str
    query_seen: NDArray[np.bool_] | None = None
    reference_seen: NDArray[np.bool_] | None = None
    others: Mapping[str, Vectors] = field(default_factory=dict)
    others_seen: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    @classmethod
    def of_views(
        cls,
        vectors: Mapping[str, Vectors],
        epoch: int,
        key: str,
        seen: Mapping[str, NDArray[np.bool_]] | None = None,
    ) -> EmbeddingBank:
        """Return the bank of these views [R, W], and of which of their rows bool[R] were filled."""
        nothing, seen = np.empty((0, 0), np.float32), seen or {}
        own = ("query", "reference")
        return cls(
            vectors.get("query", nothing),
            vectors.get("reference", nothing),
            epoch,
            key,
            seen.get("query"),
            seen.get("reference"),
            {view: array for view, array in vectors.items() if view not in own},
            {view: array for view, array in seen.items() if view not in own},
        )

    @property
    def views(self) -> dict[str, Vectors]:
        """What there is, by view [R, W]."""
        own = {"query": self.query, "reference": self.reference}
        return {view: array for view, array in own.items() if array.shape[1]} | dict(self.others)

    def of(self, view: str) -> Vectors:
        """Return what is kept of a view's images [R, W]; DataError where that was not wanted."""
        if view not in self.views:
            raise DataError(
                f"the bank has nothing of view {view!r}",
                hint=f"It has {', '.join(self.views)}; a sampler's bank_spec says which.",
            )
        return self.views[view]

    def seen(self, view: str) -> NDArray[np.bool_]:
        """Return bool[R]: which of a view's rows were filled."""
        own = {"query": self.query_seen, "reference": self.reference_seen}
        found = own.get(view) if view in own else self.others_seen.get(view)
        return np.ones(len(self.of(view)), np.bool_) if found is None else found
