"""Judging embeddings under named protocols; importing this imports neither torch nor numba."""

from georet.evaluate.metrics import (
    PERCENT_RULES,
    average_precision,
    distances,
    errors_m,
    hit_rate,
    recall_at,
    recall_at_percent,
    sdm,
    within_m,
)
from georet.evaluate.protocols import PROTOCOLS, Protocol, described, protocol_of
from georet.evaluate.ranking import rank_embeddings
from georet.evaluate.scoring import evaluate_embeddings, lint, mean_by_id, metrics_of

__all__ = [
    "PERCENT_RULES",
    "PROTOCOLS",
    "Protocol",
    "average_precision",
    "described",
    "distances",
    "errors_m",
    "evaluate_embeddings",
    "hit_rate",
    "lint",
    "mean_by_id",
    "metrics_of",
    "protocol_of",
    "rank_embeddings",
    "recall_at",
    "recall_at_percent",
    "sdm",
    "within_m",
]
