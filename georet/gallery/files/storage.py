"""How embeddings are kept: fp32 as they are, fp16, or int8 with a scale a row."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from georet.errors import UsageError
from georet.suggest import hint_for
from georet.sweep.exact import lengths
from georet.sweep.threads import share
from georet.types import Floats

STORAGES: Final = ("fp32", "fp16", "int8")
DTYPES: Final[dict[str, type[Any]]] = {"fp32": np.float32, "fp16": np.float16, "int8": np.int8}
_LEVELS: Final = 127
_MANY: Final = 2**20


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
        return embeddings.astype(DTYPES[storage]), None
    largest = np.abs(embeddings).max(axis=1, initial=np.finfo(np.float32).tiny)
    scale = (largest / np.float32(_LEVELS)).astype(np.float32)
    return np.rint(embeddings / scale[:, None]).astype(np.int8), scale


def from_stored(stored: NDArray[Any], out: Floats | None = None) -> Floats:
    """Return embeddings float32[M, D] of unit length of stored values [M, D].

    fp32 comes back bit by bit. Of int8 the scale isn't needed: length takes its place. Narrower
    values are widened into the front of ``out`` float32[>= M, D], where it is given.
    """
    if stored.dtype == np.float32:
        exact: Floats = np.ascontiguousarray(stored, dtype=np.float32)
        return exact
    embeddings: Floats = np.empty(stored.shape, np.float32) if out is None else out[: len(stored)]
    _widen(stored, embeddings)
    length = np.empty(len(stored))
    # Row by row in a fixed order: a row has the same bits whichever others are read with it.
    share(len(stored), lambda first, end: lengths(embeddings, length, first, end))
    embeddings /= length[:, None].astype(np.float32)
    return embeddings


def _widen(stored: NDArray[Any], out: Floats) -> None:
    """Copy values [M, D] into float32; of many fp16 by torch, as numpy takes five times as long."""
    if stored.dtype != np.float16 or stored.size < _MANY:
        out[:] = stored
        return
    import torch

    # In a file they may lie at an odd address, which torch is not made for.
    torch.from_numpy(out).copy_(torch.from_numpy(np.array(stored, order="C")))
