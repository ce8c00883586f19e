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
    rows = np.asarray(positives)
    if rows.shape != (len(queries),) or not np.issubdtype(rows.dtype, np.integer):
        raise DataError(
            f"positives are {rows.dtype}{list(rows.shape)}, wanted int64[{len(queries)}]",
            where="positives",
            hint="The row of each query's own reference, -1 for none.",
        )
    if len(queries) and not -1 <= rows.min() <= rows.max() < len(references):
        raise DataError(f"positives point outside the {len(references)} references")
    own = rows.astype(np.int64)
    swept = sweep(
        queries,
        references,
        ignored=np.flatnonzero(~references.has_direction),
        k=k + 1,
        chunk=chunk,
        device=device,
    )
    top = np.where(queries.has_direction[:, None], swept.top, -1)
    # Each row loses its own reference, or else the last one.
    is_left_out = (top == own[:, None]) & (top >= 0)
    is_left_out[~is_left_out.any(axis=1), -1] = True
    kept: Ints = top[~is_left_out].reshape(len(top), top.shape[1] - 1)
    return kept
