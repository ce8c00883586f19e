"""Two sets of embeddings of the same images: how far apart, and what each of them retrieves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from georet.evaluate import rank_embeddings
from georet.types import Doubles, Floats, Ranking
from georet_export.fidelity.evidence import Evidence
from georet_export.fidelity.recall import RecallChange, compare_hits

NUM_WORST = 8
Sides = tuple[Floats, Floats]
"""Embeddings float32[Q, D] of the queries and float32[R, D] of the gallery."""


@dataclass(frozen=True)
class Compared:
    """``cosine`` {``mean``, ``min``, ``p1``} of the images; ``top1_agreement`` in percent.

    ``worst`` are the images with the least cosine: view, id, cosine.
    """

    cosine: Mapping[str, float]
    top1_agreement: float
    recall: RecallChange
    worst: tuple[Mapping[str, Any], ...]


def compare(
    evidence: Evidence, expected: Sides, found: Sides, views: Sequence[str] | None = None
) -> Compared:
    """Compare embeddings of the evidence's queries and gallery.

    Cosines count images of ``views`` alone, by default all; the ranking always takes both sides.
    """
    cosines, named = [], []
    for (view, table), before, after in zip(evidence.tables(), expected, found, strict=True):
        if views is None or view in views:
            cosines.append(cosine(before, after))
            named += [(view, identifier) for identifier in table.ids]
    every = np.concatenate(cosines)
    order = np.argsort(every, kind="stable")[:NUM_WORST].tolist()
    before_, after_ = (_rank(evidence, sides) for sides in (expected, found))
    return Compared(
        cosine={
            "mean": float(every.mean()),
            "min": float(every.min()),
            "p1": float(np.percentile(every, 1)),
        },
        top1_agreement=100 * float(np.mean(before_.top[:, 0] == after_.top[:, 0])),
        recall=compare_hits(before_.rank == 0, after_.rank == 0),
        worst=tuple(
            {"view": named[i][0], "id": str(named[i][1]), "cosine": float(every[i])} for i in order
        ),
    )


def cosine(first: Floats, second: Floats) -> Doubles:
    """Return the cosines float64[N] of the rows of float32[N, D], computed in float64."""
    a, b = first.astype(np.float64), second.astype(np.float64)
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray(np.einsum("nd,nd->n", a, b) / lengths, np.float64)


def _rank(evidence: Evidence, sides: Sides) -> Ranking:
    data = evidence.data
    return rank_embeddings(
        *sides,
        data.positives,
        protocol=data.protocol,
        junk=data.junk,
        query_latlon=data.queries.latlon,
        reference_latlon=data.gallery.latlon,
        top_k=1,
    )
