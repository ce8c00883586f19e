"""How photos among edges are counted."""

from __future__ import annotations

from georet.evaluate import Protocol
from georet.evaluate.metrics import hit_rate
from georet.types import Ranking


def _hits(ranking: Ranking) -> dict[str, float]:
    return {"hit_rate": hit_rate(ranking)}


def factory() -> Protocol:
    """Return the protocol: the edge nearest to the photo is right; errors of metres.

    The answer is the middle of the best edge, or where a refiner places the photo. The hit rate
    excuses edges within 15 m of the photo.
    """
    text = "photo to the edge of a city graph that it was taken on; others near it count against"
    limits_m = (1.0, 5.0, 25.0, 50.0)
    return Protocol("edges", text, (_hits,), percent_rule="floor(R/100)", limits_m=limits_m)
