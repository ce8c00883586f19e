"""Embeddings checked, and the exact cosines of pairs of them."""

from __future__ import annotations

import numpy as np

from georet.errors import DataError
from georet.sweep.vectors import LONGEST, SHORTEST, Embeddings, Vectors
from georet.types import Bools, Floats, Ints


def vectors(embeddings: Embeddings, name: str, *, allow_zero: bool = False) -> Vectors:
    """Return embeddings [N, D] checked: DataError, with the number of rows, for what has no cosine.

    Arrays of float32 in C order, memory maps among them, are not copied; all else is, once.
    """
    from georet.sweep.exact import lengths
    from georet.sweep.threads import share

    if not isinstance(embeddings, np.ndarray) and hasattr(embeddings, "detach"):
        embeddings = embeddings.detach().cpu().float().numpy()
    try:
        rows = np.ascontiguousarray(embeddings, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(f"no array of numbers: {error}", where=name) from error
    if rows.ndim != 2 or not rows.shape[1]:
        raise DataError(
            f"shape {list(rows.shape)}, wanted [N, D]",
            where=name,
            hint="One embedding a row; reshape a single one to [1, D].",
        )
    rows = rows if rows.flags.writeable else _as_writeable(rows)
    length = np.empty(len(rows))
    share(len(rows), lambda first, end: lengths(rows, length, first, end))
    _refuse(~(length <= LONGEST), "hold NaN, infinity or numbers beyond 1e15", name)
    has_direction = length >= SHORTEST
    if not allow_zero:
        _refuse(~has_direction, "are zero and so have no direction", name)
    return Vectors(rows, np.where(has_direction, length, 1.0), has_direction)


def score_pairs(query: Vectors, reference: Vectors, query_row: Ints, reference_row: Ints) -> Floats:
    """Return the cosines float32[M] of M pairs of rows, the same bits that the sweep decides by."""
    from georet.sweep.exact import Sides, cosines
    from georet.sweep.threads import share

    check_same_size(query, reference)
    scores = np.empty(len(query_row), np.float32)

    def score_some(first: int, end: int) -> None:
        cosines(Sides.of(query, reference), query_row, reference_row, scores, first, end)

    share(len(scores), score_some)
    return scores


def check_same_size(query: Vectors, reference: Vectors) -> None:
    """Raise DataError unless both sides have the same number of dimensions."""
    if query.rows.shape[1] != reference.rows.shape[1]:
        raise DataError(
            f"queries have {query.rows.shape[1]} dimensions, references {reference.rows.shape[1]}",
            hint="Embed both with the same encoder.",
        )


def _as_writeable(rows: Floats) -> Floats:
    """Return the same memory under another flag, for which nothing must be compiled anew."""
    from georet.sweep.vectors import tensor_of

    view: Floats = tensor_of(rows).numpy()
    return view


def _refuse(is_bad: Bools, what: str, name: str) -> None:
    if is_bad.any():
        raise DataError(
            f"{int(is_bad.sum())} of {len(is_bad)} rows {what}, "
            f"the first is row {int(np.flatnonzero(is_bad)[0])}",
            where=name,
            hint="Look at the images of these rows, and at the precision they were embedded in.",
        )
