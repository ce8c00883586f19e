"""Arrays as torch tensors without a copy."""

from __future__ import annotations

import warnings

import torch

from georet.types import Floats, Ints


def tensor_of(array: Floats | Ints) -> torch.Tensor:
    """Return a tensor that shares the memory of an array, for reading."""
    with warnings.catch_warnings():
        # A memory map may be closed to writing; nothing here writes to it.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
