"""From embeddings to a protocol's figures in one call, and what makes figures suspect."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from georet.blame import UNKNOWN, blaming, maker_of
from georet.contracts.training import Metric
from georet.errors import DataError, PluginError
from georet.evaluate.protocols import protocol_of
from georet.evaluate.ranking import rank_embeddings
from georet.sweep import Embeddings, vectors
from georet.types import EvaluationProtocol, Floats, Ints, Positives, Ranking

if TYPE_CHECKING:
    import torch


def evaluate_embeddings(
    query: Embeddings,
    reference: Embeddings,
    positives: Positives | None,
    *,
    protocol: str | EvaluationProtocol,
    junk: ArrayLike | None = None,
    query_latlon: ArrayLike | None = None,
    reference_latlon: ArrayLike | None = None,
    top_k: int = 10,
    extra_metrics: Sequence[Metric] = (),
    device: str | torch.device | None = None,
) -> dict[str, float]:
    """Judge query embeddings float[Q, D] against references float[R, D] under a named protocol.

    Scores are cosines, whatever the rows' lengths; shares are in percent, errors in metres.
    ``rank_embeddings`` explains the other arguments; ``extra_metrics`` see ``top_k`` references.
    """
    ranking = rank_embeddings(
        query,
        reference,
        positives,
        protocol=protocol,
        junk=junk,
        query_latlon=query_latlon,
        reference_latlon=reference_latlon,
        top_k=top_k,
        device=device,
    )
    return metrics_of(ranking, protocol, extra_metrics)


def metrics_of(
    ranking: Ranking, protocol: str | EvaluationProtocol, extra_metrics: Sequence[Metric] = ()
) -> dict[str, float]:
    """Return the metrics of a protocol and what other metrics add; none may rename another's."""
    rules = protocol_of(protocol)
    if maker_of(rules) is UNKNOWN:
        found = dict(rules.evaluate(ranking))
    else:
        found = _values(rules, "the protocol", rules.evaluate, ranking)
    for metric in extra_metrics:
        more = _values(metric, "the metric", metric, ranking)
        twice = sorted(found.keys() & more.keys())
        if twice:
            raise PluginError(
                f"the metric {getattr(metric, '__name__', metric)!r} returns {twice[0]!r}, which "
                f"protocol {rules.id!r} or another metric has already",
                where=str(maker_of(metric)),
                hint="Give the metric's value a name of its own.",
            )
        found |= more
    return found


def lint(metrics: Mapping[str, float], ranking: Ranking) -> list[str]:
    """Return what cannot be right about some metrics of a ranking, each as one sentence."""
    found = [f"{name} is {value}" for name, value in metrics.items() if not math.isfinite(value)]
    rising = [k for k in ("recall@1", "recall@5", "recall@10") if k in metrics]
    for low, high in pairwise(rising):
        found += _out_of_order(metrics, low, high)
    if {"recall@1", "hit_rate"} <= metrics.keys():
        found += _out_of_order(metrics, "recall@1", "hit_rate")
    has_one_positive = bool((np.diff(ranking.offsets) == 1).all())
    if has_one_positive and {"recall@1", "ap"} <= metrics.keys():
        recall, precision = metrics["recall@1"], metrics["ap"]
        most = recall + (100 - recall) / 4
        if not recall - 1e-9 <= precision <= most + 1e-9:
            found.append(
                f"with one positive a query ap must lie in {recall:.4f}..{most:.4f} "
                f"(recall@1 to recall@1 + (100 - recall@1) / 4), it is {precision:.4f}"
            )
    return found


def mean_by_id(embeddings: Embeddings, ids: ArrayLike) -> tuple[Floats, Ints]:
    """Return the mean unit-length embedding float32[M, D] of each id, and the ids [M], ascending.

    What ``university-1652/multi`` takes as queries: the many images of a building made one.
    """
    rows, names = vectors(embeddings, "embeddings"), np.asarray(ids)
    if names.shape != (len(rows),):
        raise DataError(f"ids have shape {list(names.shape)}, there are {len(rows)} embeddings")
    distinct, group = np.unique(names, return_inverse=True)
    order = np.argsort(group, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    means = [(rows.rows[part] / rows.length[part, None]).mean(axis=0) for part in parts]
    return np.asarray(means, np.float32), distinct


def _values(made: object, what: str, ask: Metric, ranking: Ranking) -> dict[str, float]:
    """Return what a plugin's component counts; ComponentError that names it where that is none."""
    with blaming(made, what, patience_s=60):
        found = {str(name): float(value) for name, value in ask(ranking).items()}
    for name, value in found.items():
        if not math.isfinite(value):
            raise maker_of(made).broke(
                f"{what}'s {name!r} is {value}",
                "Leave out a value that can't be computed on this set.",
            )
    return found


def _out_of_order(metrics: Mapping[str, float], low: str, high: str) -> list[str]:
    if metrics[low] <= metrics[high] + 1e-9:
        return []
    return [f"{low} is {metrics[low]:.4f}, more than {high}, {metrics[high]:.4f}"]
