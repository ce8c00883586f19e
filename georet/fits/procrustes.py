"""Orthogonal Procrustes: turn the embeddings of the other views onto those of one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from georet.contracts.encoding import Affine
from georet.errors import ConfigError
from georet.suggest import hint_for
from georet.types import REFERENCE, Doubles, Floats, Ints

_BLOCK = 16384


class Procrustes:
    """Turn each view so that its images of a pair come as close as they can to those of ``to``.

    R minimises the sum over pairs of |R x - y|^2 among orthogonal matrices: R = U V^T, where
    sum y x^T = U S V^T (Schoenemann, Psychometrika 31(1), 1966). Cosines within a view stay.
    """

    def __init__(self, to: str = REFERENCE) -> None:
        self.to = to

    def check(self, embed_dim: int, views: tuple[str, ...]) -> int:
        """Return the size of what will come out; ConfigError for a view that there isn't."""
        if self.to not in views:
            hint = hint_for(self.to, views, "views")
            raise ConfigError(f"there is no view {self.to!r}", where="to", hint=hint)
        return embed_dim

    def __call__(self, embeddings: Mapping[str, Floats], pairs: Ints, /) -> dict[str, Affine]:
        """Return each view's rotation; that of ``to`` is none."""
        columns = dict(zip(embeddings, pairs.T, strict=True))
        found = {}
        for view, table in embeddings.items():
            size = table.shape[1]
            matrix = np.eye(size)
            if view != self.to:
                both = (columns[view] >= 0) & (columns[self.to] >= 0)
                rows, targets = columns[view][both], columns[self.to][both]
                matrix = nearest_rotation(_products(table, rows, embeddings[self.to], targets))
            found[view] = Affine(matrix, np.zeros(size))
        return found


def nearest_rotation(products: Doubles) -> Doubles:
    """Return the orthogonal float64[D, D] that is nearest to sum y x^T float64[D, D].

    Where the pairs span fewer than D directions, they leave open what becomes of the rest: it is
    turned as little as that allows, so that the result depends on no solver's whim.
    """
    left, strengths, right = np.linalg.svd(products)
    floor = len(strengths) * np.finfo(np.float32).eps
    rank = int((strengths > strengths[0] * floor).sum()) if strengths[0] > 0 else 0
    matrix = left[:, :rank] @ right[:rank]
    if rank < len(strengths):
        rest, onto = right[rank:], left[:, rank:]
        inner_left, _, inner_right = np.linalg.svd(onto.T @ rest.T)
        matrix = matrix + onto @ inner_left @ inner_right @ rest
    return np.asarray(matrix)


def _products(x: Floats, rows: Ints, y: Floats, targets: Ints) -> Doubles:
    """Return sum y x^T float64[D, D] over the pairs of rows."""
    total = np.zeros((y.shape[1], x.shape[1]))
    for start in range(0, len(rows), _BLOCK):
        part = slice(start, start + _BLOCK)
        total += y[targets[part]].astype(np.float64).T @ x[rows[part]].astype(np.float64)
    return total
