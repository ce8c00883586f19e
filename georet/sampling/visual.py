"""Visual neighbours: for each query the references that look most like it, its own left out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from georet.errors import DataError
from georet.sweep import CHUNK, Embeddings, Vectors, sweep, vectors
from georet.sweep.work import is_unit_length
from georet.types import Ints

if TYPE_CHECKING:
    import torch

Way = Literal["auto", "exact", "sign_bits"]

MANY: Final = 100_000
"""References from which on ``auto`` compares bits first; no published training set has as many."""
NUM_BITS: Final = 512
AT_ONCE: Final = 8192
"""Queries whose candidates lie in memory together."""
CANDIDATES: Final = 8
"""Candidates by bits for each neighbour that is wanted; ``benchmarks/mining.py`` tries others."""


def visual_neighbours(
    query: Embeddings,
    reference: Embeddings,
    positives: Ints,
    k: int,
    chunk: int = CHUNK,
    *,
    device: str | torch.device | None = None,
    by: Way = "exact",
) -> Ints:
    """Return int64[N, k]: the ``k`` references most similar to each query, hardest first.

    Compares queries float32[N, D] with references float32[R, D] by exact cosine, ``chunk``
    references at a time; query i's own positive, row ``positives[i]`` (-1: none), is left out; of
    equals the lower row comes first. Rows of zeros, not embedded yet, have no neighbours and are
    nobody's. -1 pads. DataError for what does not fit together. The table is that of Deuser, Habel,
    Oswald (Sample4Geo, ICCV 2023).

    With ``sign_bits`` candidates are proposed by the signs of random projections, on the CPU, and
    then put in their exact order: almost the same neighbours in less time. ``auto`` does so where
    there are many references.
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
    if by == "sign_bits" or (by == "auto" and len(references) >= MANY):
        found = _by_bits(queries, references, k + 1)
    else:
        ignored = np.flatnonzero(~references.has_direction)
        swept = sweep(queries, references, ignored=ignored, k=k + 1, chunk=chunk, device=device)
        found = swept.top
    top = np.where(queries.has_direction[:, None], found, -1)
    # Each row loses its own reference, or else the last one.
    is_left_out = (top == own[:, None]) & (top >= 0)
    is_left_out[~is_left_out.any(axis=1), -1] = True
    kept: Ints = top[~is_left_out].reshape(len(top), top.shape[1] - 1)
    return kept


def _by_bits(queries: Vectors, references: Vectors, k: int) -> Ints:
    from georet.search.sign_bits import SignBits

    known = np.flatnonzero(references.has_direction)
    top = np.full((len(queries), k), -1, np.int64)
    if len(known):
        index = SignBits(num_bits=NUM_BITS, oversampling=CANDIDATES)
        rows = references.rows
        if len(known) < len(references) or not is_unit_length(references.length):
            rows = rows[known] * references.scale(slice(None))[known, None]
        index.add(rows, known)
        num = min(k, len(known))
        for start in range(0, len(queries), AT_ONCE):
            part = slice(start, start + AT_ONCE)
            some = Vectors(queries.rows[part], queries.length[part], queries.has_direction[part])
            found = index.find(some, num, None)
            top[part, :num] = np.where(found < 0, -1, known[found])
    return top
