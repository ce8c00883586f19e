"""Visual neighbours: for each query the references that look most like it, its own left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from georet.errors import DataError
from georet.sweep import CHUNK, Embeddings, sweep, vectors
from georet.types import Ints

if TYPE_CHECKING:
    import torch


def visual_neighbours(
    query: Embeddings,
    reference: Embeddings,
    positives: Ints,
    k: int,
    chunk: int = CHUNK,
    *,
    device: str | torch.device | None = None,
) -> Ints:
    """Return int64[N, k]: the ``k`` references most similar to each query, hardest first.

    Compares queries float32[N, D] with references float32[R, D] by exact cosine, ``chunk``
    references at a time; query i's own positive, row ``positives[i]`` (-1: none), is left out; of
    equals the lower row comes first. Rows of zeros, not embedded yet, have no neighbours and are
    nobody's. -1 pads. DataError for what does not fit together. The table is that of Deuser, Habel,
    Oswald (Sample4Geo, ICCV 2023).
    """
    queries = vectors(query, "query embeddings", allow_zero=True)
    references = vectors(reference, "reference embeddings", allow_zero=True)
    own = _checked(positives, len(queries), len(references))
    swept = sweep(
        queries,
        references,
        ignored=np.flatnonzero(~references.has_direction),
        k=k + 1,
        chunk=chunk,
        device=device,
    )
    top = np.where(queries.has_direction[:, None], swept.top, -1)
    return _without(top, own)


def _without(top: Ints, own: Ints) -> Ints:
    """Take each row's own reference out of int64[N, k + 1], or else the last one."""
    is_left_out = (top == own[:, None]) & (top >= 0)
    is_left_out[~is_left_out.any(axis=1), -1] = True
    kept: Ints = top[~is_left_out].reshape(len(top), top.shape[1] - 1)
    return kept


def _checked(positives: Ints, num_queries: int, num_references: int) -> Ints:
    rows = np.asarray(positives)
    if rows.shape != (num_queries,) or not np.issubdtype(rows.dtype, np.integer):
        raise DataError(
            f"positives are {rows.dtype}{list(rows.shape)}, wanted int64[{num_queries}]",
            where="positives",
            hint="The row of each query's own reference, -1 for none.",
        )
    if num_queries and not -1 <= rows.min() <= rows.max() < num_references:
        raise DataError(f"positives point outside the {num_references} references")
    return rows.astype(np.int64)
