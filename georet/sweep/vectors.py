"""Embeddings as the sweep wants them: contiguous fp32 rows, checked, with their lengths."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from georet.types import Bools, Doubles, Floats, Ints

if TYPE_CHECKING:
    import torch

Embeddings: TypeAlias = "NDArray[Any] | torch.Tensor"

SHORTEST: Final = 1e-15
LONGEST: Final = 1e15


@dataclass(frozen=True)
class Vectors:
    """N embeddings float32[N, D] of any length, and their Euclidean lengths float64[N].

    ``has_direction`` bool[N] is False where a row is zero; its length then stands as 1.
    """

    rows: Floats
    length: Doubles
    has_direction: Bools

    def __len__(self) -> int:
        return len(self.rows)

    def scale(self, part: slice) -> Floats:
        """Return float32 factors that bring some rows to unit length."""
        return (1 / self.length[part]).astype(np.float32)


def tensor_of(array: Floats | Ints) -> torch.Tensor:
    """Return a tensor that shares the memory of an array, for reading."""
    import torch

    with warnings.catch_warnings():
        # A memory map may be closed to writing; nothing here writes to it.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
