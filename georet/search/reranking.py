"""Asking a re-ranker for an order, in such a way that its failure costs nothing else."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from georet.blame import UNKNOWN, Maker, blaming, maker_of
from georet.contracts.searching import RerankContext, Reranked, Reranker
from georet.errors import GeoretError, IntegrityError, Interrupted
from georet.types import Floats, Ints


@dataclass(frozen=True)
class Reordering:
    """What became of k candidates: their order int64[k], and what the re-ranker said.

    ``scores`` float32[k] are in the order in which the candidates came in. Where the re-ranker
    ``failed``, the order is the one that came in, and ``reason`` is the error.
    """

    order: Ints
    scores: Floats | None = None
    reason: str = ""
    failed: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether any candidate changed its place."""
        return bool((self.order != np.arange(len(self.order))).any())

    def score_at(self, place: int) -> float | None:
        """Return the re-ranker's score of what now stands at a place, None without one."""
        if self.scores is None or place >= len(self.order):
            return None
        return float(self.scores[self.order[place]])


def accepts(component: Callable[..., Any], name: str) -> bool:
    """Return whether a component has a parameter of a name, such as ``context``."""
    try:
        return name in inspect.signature(component).parameters
    except (TypeError, ValueError):
        return False


def reordering_of(
    reranker: Reranker,
    photo: Path,
    candidates: Sequence[Path],
    context: Callable[[], RerankContext],
) -> Reordering:
    """Return how a re-ranker orders the candidates; ``context`` is called where it wants one.

    ComponentError, which names plugin and component, for an order or scores that are none. What it
    raises leaves the order as it is, but for Interrupted and IntegrityError.
    """
    num = len(candidates)
    try:
        with blaming(reranker, "re-ranking"):
            asked = {"context": context()} if accepts(reranker, "context") else {}
            found: Any = reranker(photo, candidates, **asked)
    except (Interrupted, IntegrityError):
        raise
    except Exception as error:
        return Reordering(np.arange(num), reason=in_short(error), failed=True)
    return _checked(found, num, maker_of_reranker(reranker))


def in_short(error: Exception) -> str:
    """Return an error without its hint: whose it is, and what happened."""
    if not isinstance(error, GeoretError):
        return f"{type(error).__name__}: {error}"
    return f"{error.where}: {error.what}" if error.where else error.what


def maker_of_reranker(reranker: Reranker) -> Maker:
    """Return who made a re-ranker; for one made by hand, its class stands for the name."""
    maker = maker_of(reranker)
    if maker is not UNKNOWN:
        return maker
    return Maker("rerankers", type(reranker).__name__, UNKNOWN.owner)


def _checked(found: Any, num: int, maker: Maker) -> Reordering:
    said = found if isinstance(found, Reranked) else Reranked(found)
    order = np.arange(num) if said.order is None and found is not None else np.asarray(said.order)
    if order.shape != (num,) or not np.array_equal(np.sort(order), np.arange(num)):
        raise maker.broke(
            f"gave {order.tolist()!r:.80} as the order of {num} candidates",
            f"Wanted: each of 0..{num - 1} once, best first.",
        )
    scores = None if said.scores is None else np.asarray(said.scores, np.float32)
    if scores is not None and scores.shape != (num,):
        raise maker.broke(
            f"gave scores of the shape {list(scores.shape)} for {num} candidates",
            "Wanted: one each, in the order in which the candidates came in.",
        )
    return Reordering(order.astype(np.int64), scores, str(said.reason))
