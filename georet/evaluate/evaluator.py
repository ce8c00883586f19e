"""Judging an encoder on named sets of queries and galleries, and keeping what a report needs."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from georet.errors import ConfigError
from georet.evaluate import metrics_of, rank_embeddings
from georet.evaluate.embed import Advance, Embedder, ignore, unique_images
from georet.files import write_atomic, write_json
from georet.protocols import Metric
from georet.types import QUERY, REFERENCE, EvaluationSet, Floats, Ints, Ranking

FOLDER = "evaluation"


@dataclass(frozen=True)
class Result:
    """Metrics (percent, metres) of one evaluation set, and the ranking they were computed from."""

    metrics: dict[str, float]
    ranking: Ranking


def evaluate_sets(
    embedder: Embedder,
    sets: Mapping[str, EvaluationSet],
    *,
    top_k: int,
    metrics: Sequence[Metric] = (),
    advance: Advance = ignore,
) -> dict[str, Result]:
    """Rank and judge each set; an image that stands in several sets is embedded once."""
    queries = _embed(embedder, QUERY, [s.queries for s in sets.values()], advance)
    references = _embed(embedder, REFERENCE, [s.gallery for s in sets.values()], advance)
    results = {}
    for (name, which), query, reference in zip(sets.items(), queries, references, strict=True):
        ranking = rank_embeddings(
            query,
            reference,
            which.positives,
            protocol=which.protocol,
            junk=which.junk,
            query_latlon=which.queries.latlon,
            reference_latlon=which.gallery.latlon,
            top_k=top_k,
        )
        results[name] = Result(metrics_of(ranking, which.protocol, metrics), ranking)
    return results


def num_images(sets: Mapping[str, EvaluationSet]) -> int:
    """Return how many images ``evaluate_sets`` embeds."""
    tables = [[s.queries for s in sets.values()], [s.gallery for s in sets.values()]]
    return sum(len(unique_images(t)[0]) for t in tables)


def choose(
    sets: Mapping[str, EvaluationSet], names: Sequence[str] | None, *, where: str
) -> dict[str, EvaluationSet]:
    """Return the named sets; None means all."""
    for name in names or ():
        if name not in sets:
            raise ConfigError(
                f"no evaluation set {name!r}", where=where, hint=f"There are: {', '.join(sets)}."
            )
    return {n: sets[n] for n in (sets if names is None else names)}


def write_result(run_dir: Path, name: str, which: EvaluationSet, result: Result) -> None:
    """Write ``evaluation/<name>.json`` (metrics, counts, protocol) and ``.npz`` (ranks, top-k)."""
    folder = run_dir / FOLDER
    folder.mkdir(exist_ok=True)
    write_json(folder / f"{name}.json", summary(name, which, result))
    buffer = io.BytesIO()
    np.savez(
        buffer,
        rank=result.ranking.rank,
        top=result.ranking.top,
        top_score=result.ranking.top_score,
        positive=_first_positive(which),
    )
    write_atomic(folder / f"{name}.npz", buffer.getvalue())


def summary(name: str, which: EvaluationSet, result: Result) -> dict[str, Any]:
    """Return metrics with what they were measured on, as JSON values."""
    return {
        "set": name,
        "about": which.about,
        "protocol": which.protocol,
        "num_queries": len(which.queries),
        "num_references": len(which.gallery),
        "metrics": result.metrics,
    }


def _embed(embedder: Embedder, view: str, tables: list[Any], advance: Advance) -> list[Floats]:
    images, positions = unique_images(tables)
    embeddings = embedder.table(view, images, advance)
    return [embeddings[rows] for rows in positions]


def _first_positive(which: EvaluationSet) -> Ints:
    if isinstance(which.positives, np.ndarray):
        return which.positives.reshape(len(which.positives), -1)[:, 0]
    return np.array([p[0] if len(p) else -1 for p in which.positives], np.int64)
