"""A ranking of which each rank makes the part of its queries, to the last digit that of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from georet.contracts.training import Metric
from georet.evaluate import metrics_of, rank_embeddings
from georet.ranks.world import Ranks
from georet.types import EvaluationProtocol, EvaluationSet, Floats, Ranking


def ranked_by(
    ranks: Ranks, which: EvaluationSet, query: Floats, reference: Floats, top_k: int
) -> Ranking:
    """Return the ranking of references float32[R, D] for queries float32[Q, D], on all ranks.

    Scores don't depend on what is ranked together (``georet.sweep``), so shares of queries, however
    uneven, come to what one process finds.
    """

    def share(rows: slice) -> Ranking:
        latlon = which.queries.latlon
        return rank_embeddings(
            query[rows],
            reference,
            which.positives[rows],
            protocol=which.protocol,
            junk=which.junk,
            query_latlon=None if latlon is None else latlon[rows],
            reference_latlon=which.gallery.latlon,
            top_k=top_k,
        )

    # Without queries the whole is refused in words.
    parts = ranks.by_share(len(query), share) if len(query) else [share(slice(0, 0))]
    return replace(joined(parts), queries=which.queries, gallery=which.gallery)


def figures_of(
    ranks: Ranks,
    ranking: Ranking,
    protocol: str | EvaluationProtocol,
    metrics: Sequence[Metric],
) -> dict[str, float]:
    """Return what the first rank counts, on all: they decide alike by it which weights are best."""

    def counted() -> dict[str, float]:
        found = metrics_of(ranking, protocol, metrics)
        return {name: float(value) for name, value in found.items()}

    return ranks.once(counted)


def joined(parts: Sequence[Ranking]) -> Ranking:
    """Return one ranking of the queries of all parts, which rank the same references."""
    first = parts[0]
    if len(parts) == 1:
        return first

    def column(name: str) -> Any:
        found = [getattr(part, name) for part in parts]
        return None if found[0] is None else np.concatenate(found)

    counts = np.concatenate([np.diff(part.offsets) for part in parts])
    names = ("rank", "hit_rank", "positive_ranks", "top", "top_score")
    columns: dict[str, Any] = {
        name: column(name) for name in (*names, "query_latlon", "positives", "semi_positives")
    }
    columns["offsets"] = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return replace(first, **columns)
