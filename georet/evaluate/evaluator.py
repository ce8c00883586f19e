"""Judging an encoder on named sets of queries and galleries, and keeping what a report needs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from georet.config import FieldOfView
from georet.contracts.training import Metric
from georet.errors import ConfigError, DataError
from georet.evaluate import described, lint, mean_by_id, protocol_of
from georet.evaluate.embed import Advance, Embedder, ignore, unique_images
from georet.evaluate.scenes import Scene
from georet.evaluate.shares import figures_of, ranked_by
from georet.evaluate.stages import Stage, StageResult, check_places, cut_to, run_stages
from georet.files import read_object, write_atomic, write_json
from georet.ranks.world import ALONE, Ranks
from georet.run_layout import EVALUATION
from georet.types import QUERY, EvaluationSet, Floats, ImageTable, Ints, Ranking

DRIFT = 0.5
"""By how many points a share may differ between devices and runtimes."""


@dataclass(frozen=True)
class Result:
    """Metrics (percent, metres) of one evaluation set, and the ranking they were computed from."""

    metrics: dict[str, float]
    ranking: Ranking
    stages: tuple[StageResult, ...] = ()

    def rows(self, name: str) -> dict[str, dict[str, float]]:
        """Return the metrics of the set ``name``, and those after each stage, by what they are."""
        found = {name: self.metrics}
        for done in self.stages:
            name = f"{name} + {done.stage.id}"
            found[name] = done.metrics
        return found


def evaluate_sets(
    embedder: Embedder,
    sets: Mapping[str, EvaluationSet],
    *,
    top_k: int,
    metrics: Sequence[Metric] = (),
    advance: Advance = ignore,
    field_of_view: FieldOfView | None = None,
    stages: Sequence[Stage] = (),
    ranks: Ranks = ALONE,
) -> dict[str, Result]:
    """Rank and judge each set; an image that stands in several tables is embedded once a view.

    ``field_of_view`` is what the images of the view ``query`` are cut down to. ``stages`` then work
    on each ranking, one after another. ``ranks`` share the queries, and the figures are those of
    one process.
    """
    for name, which in sets.items():
        check_places(name, which, stages)
    tables = _tables(sets)
    shown = {QUERY: field_of_view}
    embedded = {
        view: _embed(embedder, view, tables[view], advance, shown.get(view)) for view in tables
    }
    results = {}
    for name, which in sets.items():
        ranked = which.one_a_group()
        query, reference = summed_sides(which, embedded)
        widest = max([top_k, *(stage.top for stage in stages)])
        ranking = replace(ranked_by(ranks, ranked, query, reference, widest), name=name)
        num_top = max(top_k, protocol_of(which.protocol).num_top)
        kept = cut_to(ranking, num_top)
        figures = figures_of(ranks, kept, which.protocol, metrics)
        after: tuple[StageResult, ...] = ()
        if stages:
            scene = Scene(ranked, query, reference, embedder.data.max_pixels)
            after = run_stages(
                scene,
                ranking,
                stages,
                top_k=num_top,
                metrics=metrics,
                advance=advance,
                ranks=ranks,
            )
        results[name] = Result(figures, kept, after)
    return results


def num_images(sets: Mapping[str, EvaluationSet], num_stages: int = 0) -> int:
    """Return how many images ``evaluate_sets`` embeds, and how many queries stages look at."""
    num_queries = sum(len(which.one_a_group().queries) for which in sets.values())
    embedded = sum(len(unique_images(tables)[0]) for tables in _tables(sets).values())
    return embedded + num_stages * num_queries


def metrics_in(results: Mapping[str, Result]) -> dict[str, dict[str, float]]:
    """Return {set: metrics}, followed by what they are after each stage: ``set + stage``."""
    return {row: m for name, result in results.items() for row, m in result.rows(name).items()}


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


def write_result(
    folder: Path, name: str, which: EvaluationSet, result: Result, setting: Mapping[str, Any]
) -> list[Path]:
    """Write ``<name>.json`` (``summary``) and ``<name>.npz`` (ranks, top-k); return both paths."""
    ranked = which.one_a_group()
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / f"{name}.json", summary(name, which, result, setting))
    buffer = io.BytesIO()
    np.savez(
        buffer,
        rank=result.ranking.rank,
        top=result.ranking.top,
        top_score=result.ranking.top_score,
        positive=_first_positive(ranked),
    )
    write_atomic(folder / f"{name}.npz", buffer.getvalue())
    return [folder / f"{name}.json", folder / f"{name}.npz"]


def summary(
    name: str, which: EvaluationSet, result: Result, setting: Mapping[str, Any]
) -> dict[str, Any]:
    """Return metrics with what they were measured on and how they count, as JSON values.

    ``setting`` (``georet.evaluate.setting``) names data set, seed, field of view, versions.
    """
    rules = described(which.protocol, result.ranking)
    warnings = lint(result.metrics, result.ranking)
    stages = [done.as_json() for done in result.stages]
    return {
        "set": name,
        "about": which.about,
        **setting,
        **rules,
        "metrics": result.metrics,
        "warnings": warnings,
        **({"stages": stages} if stages else {}),
    }


def drifted(
    run_dir: Path, name: str, metrics: Mapping[str, float], setting: Mapping[str, Any]
) -> str | None:
    """Say where metrics differ from those that a run wrote for the same set and setting.

    Compared are shares in percent, by more than ``DRIFT``; None where nothing differs or nothing
    was written.
    """
    path = run_dir / EVALUATION / f"{name}.json"
    if not path.is_file():
        return None
    stored = read_object(path)
    told = {key: value for key, value in setting.items() if key not in ("versions", "checkpoint")}
    if any(stored.get(key) != value for key, value in json.loads(json.dumps(told)).items()):
        return None
    before = stored.get("metrics", {})
    shares = [key for key in metrics if key.startswith(("recall@", "hit_rate", "ap"))]
    far = [key for key in shares if abs(before.get(key, metrics[key]) - metrics[key]) > DRIFT]
    if not far:
        return None
    return (
        f"{name}: {far[0]} is {metrics[far[0]]:.2f}, and the run wrote {before[far[0]]:.2f} at its "
        f"end ({path}): the code, a library or the data changed since"
    )


def _tables(sets: Mapping[str, EvaluationSet]) -> dict[str, list[ImageTable]]:
    """Return by view the tables to embed, in the order in which the sets take them."""
    tables: dict[str, list[ImageTable]] = {}
    for name, which in sets.items():
        for _, *sides in which.sides:
            for (view, table), own in zip(sides, (which.queries, which.gallery), strict=True):
                if len(table) != len(own):
                    raise DataError(
                        f"view {view!r} has {len(table)} images, the set's own table {len(own)}",
                        where=name,
                        hint="Views that are summed show the same images, in the same order.",
                    )
                tables.setdefault(view, []).append(table)
    return tables


def summed_sides(
    which: EvaluationSet, embedded: Mapping[str, Iterator[Floats]]
) -> tuple[Floats, Floats]:
    """Return queries float32[Q, E] and references [R, E] whose cosine is the mean over all pairs.

    Parts of unit length, each times the root of its pair's share of the weights, stand side by
    side: the product of two rows is the weighted mean of the parts' cosines.
    """
    weights = np.array([weight for weight, *_ in which.sides], np.float64)
    if not (weights > 0).all():
        raise DataError(f"weights are {weights.tolist()}, wanted numbers above 0", where="summed")
    roots = np.sqrt(weights / weights.sum()).astype(np.float32)
    queries, references = [], []
    for (_, *sides), root in zip(which.sides, roots, strict=True):
        query, reference = (next(embedded[view]) for view, _ in sides)
        if which.group is not None:
            query, _ = mean_by_id(query, np.asarray(which.group))
        if len(roots) == 1:
            return query, reference
        # A group's mean is shorter than 1, and shall not count for less.
        queries.append(root * query / np.linalg.norm(query, axis=1, keepdims=True))
        references.append(root * reference)
    return np.concatenate(queries, axis=1), np.concatenate(references, axis=1)


def _embed(
    embedder: Embedder,
    view: str,
    tables: list[ImageTable],
    advance: Advance,
    field_of_view: FieldOfView | None,
) -> Iterator[Floats]:
    """Embed now; the embeddings of each table are gathered only when they are taken."""
    images, positions = unique_images(tables)
    embeddings = embedder.table(view, images, advance, field_of_view=field_of_view)
    return (embeddings[rows] for rows in positions)


def _first_positive(which: EvaluationSet) -> Ints:
    if isinstance(which.positives, np.ndarray):
        return which.positives.reshape(len(which.positives), -1)[:, 0]
    return np.array([p[0] if len(p) else -1 for p in which.positives], np.int64)
