"""How embeddings are kept: fp32 as they are, fp16, or int8 with a scale a row."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from georet.errors import UsageError
from georet.suggest import hint_for
from georet.types import Floats

STORAGES: Final = ("fp32", "fp16", "int8")
_DTYPES: Final[dict[str, type[Any]]] = {"fp32": np.float32, "fp16": np.float16, "int8": np.int8}
_LEVELS: Final = 127


def check_storage(storage: str) -> None:
    """Raise UsageError unless it is one of ``STORAGES``."""
    if storage not in STORAGES:
        raise UsageError(
            f"there is no storage {storage!r}",
            where="--storage",
            hint=hint_for(storage, STORAGES, "storages"),
        )


def to_stored(embeddings: Floats, storage: str) -> tuple[NDArray[Any], Floats | None]:
    """Return embeddings float32[M, D] as stored, and the scale float32[M] of int8, else None.

    int8 is symmetric: value = scale * level, levels -127..127, the scale that of the row's largest
    magnitude.
    """
    check_storage(storage)
    if storage != "int8":
        return embeddings.astype(_DTYPES[storage]), None
    largest = np.abs(embeddings).max(axis=1, initial=np.finfo(np.float32).tiny)
    scale = (largest / np.float32(_LEVELS)).astype(np.float32)
    return np.rint(embeddings / scale[:, None]).astype(np.int8), scale


def from_stored(stored: NDArray[Any]) -> Floats:
    """Return embeddings float32[M, D] of unit length of stored values [M, D].

    fp32 comes back bit by bit. Of int8 the scale isn't needed: length takes its place.
    """
    embeddings: Floats = np.ascontiguousarray(stored, dtype=np.float32)
    if stored.dtype == np.float32:
        return embeddings
    embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
    return embeddings
