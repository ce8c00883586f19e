"""Which references must not share a batch, since each would be a false negative of the other."""

from __future__ import annotations

from typing import Final

import numpy as np
from scipy.sparse import coo_array, csr_array
from scipy.spatial import cKDTree

from georet.errors import ConfigError, DataError
from georet.geodesy import chord, unit_vectors
from georet.types import REFERENCE, Ints, PairTable

Exclusion = tuple[Ints, Ints]
"""CSR: int64[R+1] offsets and int64[E] references; those of reference r lie between two offsets."""

_MOST_COUPLES: Final = 50_000_000


def exclusion(
    pairs: PairTable, *, semi_positives: bool, within_m: float | None
) -> Exclusion | None:
    """Return the references int64[R+1], int64[E] that each reference excludes, or None for none.

    With ``semi_positives`` a pair's reference excludes what else shows its query's place: the
    pair's semi-positives and alternatives, and the references of the query's other pairs.
    ``within_m`` excludes references up to so many metres apart by great circle. The lists are
    ascending and symmetric.

    Raises DataError when ``within_m`` is given and the references have no positions, ConfigError
    when it is negative or so wide that the couples would not fit into memory.
    """
    parts: list[csr_array] = []
    if semi_positives:
        parts.append(_same_place(pairs))
    if within_m is not None:
        latlon = pairs.references.latlon
        if latlon is None:
            raise DataError(
                "references have no positions, so none can be excluded by distance",
                where=pairs.references.name,
                hint="give them coordinates, or leave out ignore_within_m",
            )
        if not within_m >= 0:
            raise ConfigError(f"within_m is {within_m}, it must not be negative")
        tree, reach = cKDTree(unit_vectors(latlon)), chord(within_m)
        num_couples = (int(tree.count_neighbors(tree, reach)) - len(latlon)) // 2
        if num_couples > _MOST_COUPLES:
            raise ConfigError(
                f"{num_couples:,} couples of references lie within {within_m:g} m of each other",
                hint="choose a smaller radius: batches could hardly be filled either",
            )
        near = tree.query_pairs(reach, output_type="ndarray")
        parts.append(_couples(_incidence(near[:, 0], near[:, 1], (len(latlon), len(latlon)))))
    if not parts:
        return None
    couples = sum(parts[1:], start=parts[0])
    couples.sort_indices()
    return couples.indptr.astype(np.int64), couples.indices.astype(np.int64)


def _same_place(pairs: PairTable) -> csr_array:
    """Return the couples of references [R, R] of which one is a query's own, the other shows it."""
    shape = (len(pairs.queries), len(pairs.references))
    query, reference = pairs.pairs[:, 0], pairs.pairs[:, 1]
    own = _incidence(query, reference, shape)
    pair, image = pairs.listed(REFERENCE)
    shown = own + _incidence(query[pair], image, shape)
    if pairs.semi_positives is not None:
        row, column = np.nonzero(pairs.semi_positives >= 0)
        shown = own + _incidence(query[row], pairs.semi_positives[row, column], shape)
    return _couples(own.T @ shown)


def _incidence(row: Ints, column: Ints, shape: tuple[int, int]) -> csr_array:
    return coo_array((np.ones(len(row), dtype=np.int32), (row, column)), shape=shape).tocsr()


def _couples(matrix: csr_array) -> csr_array:
    """Return the matrix [R, R] made symmetric, without the couples of a reference and itself."""
    both = (matrix + matrix.T).tocoo()
    is_couple = both.row != both.col
    return _incidence(both.row[is_couple], both.col[is_couple], both.shape)
