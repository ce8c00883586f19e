"""How results on CityBlocks are counted."""

from __future__ import annotations

from georet.evaluate import Protocol
from georet.evaluate.metrics import hit_rate
from georet.types import Ranking


def _hits(ranking: Ranking) -> dict[str, float]:
    return {"hit_rate": hit_rate(ranking)}


def factory() -> Protocol:
    """Return the protocol: only a photo's own tile is right; the hit rate excuses overlaps."""
    text = "street panorama to the tile of its place; tiles that overlap it count against recall"
    return Protocol("cityblocks", text, (_hits,), percent_rule="floor(R/100)", limits_m=(5, 25, 50))
