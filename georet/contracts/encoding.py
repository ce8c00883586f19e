"""What aggregators and fits must do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from georet.types import Doubles, Floats, Ints

if TYPE_CHECKING:
    import torch

MAP: Final = "map"
"""The name of a backbone's output that is its map of features float[B, C, h, w]."""
Grids = Mapping[str, tuple[int, int]]
"""Height and width of a map, in places, by view."""


@runtime_checkable
class Aggregator(Protocol):
    """A ``torch.nn.Module``: map float[B, C, h, w], class token float[B, C] or None -> float[B, D].

    Row 0 of a map is the top of the image, column 0 its left. The token is None for networks that
    have none. Where it has ``prepare(num_channels: int, grids: {view: (h, w)})``, that is called
    once, before all else: weights that depend on C or on the map's size are made there. ``grids``
    holds the views of the branch. Where ``forward`` has a parameter ``outputs``, it is that of
    the backbone: a dictionary, or None, for what only losses see.
    """

    def __call__(self, maps: torch.Tensor, token: torch.Tensor | None, /) -> torch.Tensor: ...

    def parameters(self) -> Iterator[torch.nn.Parameter]: ...


@dataclass(frozen=True)
class Affine:
    """x float[D] -> matrix float64[E, D] x + offset float64[E]; what follows is unit length."""

    matrix: Doubles
    offset: Doubles


@runtime_checkable
class Fit(Protocol):
    """(embeddings, pairs) -> a linear map for each view, fitted once, after training.

    ``embeddings`` {view: float32[R, D]} are those of all training images, of unit length, row by
    row as in the views' tables; earlier fits are applied. ``pairs`` int64[N, V] are rows of them,
    a column a view, -1 where a pair lacks it. The result must depend on nothing else. It has an
    ``Affine`` for each view; all of them have the same E.
    """

    def __call__(
        self, embeddings: Mapping[str, Floats], pairs: Ints, /
    ) -> Mapping[str, Affine]: ...
