"""Before and after: the same photos, the same tiles, two encoders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch

from georet.data.images import read_image
from georet.photos.known import KnownPhotos
from georet.types import Doubles
from georet_ortho.adapting.images import SEARCHED, SPUN, TOLD, TURNS, spun
from georet_ortho.adapting.job import EVERYWHERE, HELD_OUT, Work
from georet_ortho.adapting.judging import (
    ALONE,
    NO_HEADING,
    TELEMETRY,
    Score,
    cosines,
    is_better,
    score_of,
)
from georet_ortho.adapting.untrained import Contender
from georet_ortho.making import Drawn

Scores = dict[str, dict[str, Score]]
"""By set, by mode."""
QUERY_KINDS: Final = {TELEMETRY: (TOLD, 1), NO_HEADING: (SEARCHED, TURNS), ALONE: (SPUN, TURNS)}


@dataclass(frozen=True)
class Verdict:
    """Whether training helped, and why that is said."""

    helped: bool
    why: str


def scores(work: Work, contender: Contender, sets: Mapping[str, Sequence[Drawn]]) -> Scores:
    """Return how one way to embed finds all sets of photos among the gallery's tiles."""
    tiles, found = contender.tiles(work), Scores()
    for name, photos in sets.items():
        found[name] = {}
        for mode, (kind, turns) in QUERY_KINDS.items():
            # Twelve headings of each photo cost more than all else: they are tried on one set.
            if turns > 1 and name != EVERYWHERE:
                continue
            some = photos[::2] if mode == ALONE else photos
            queries = contender.queries(work, some, [kind])[kind]
            found[name][mode] = score_of(
                cosines(queries, tiles, turns), places(some), work.area.tiles
            )
    return found


def places(photos: Sequence[Drawn]) -> Doubles:
    """Return where the photos look, float64[N, 2] in degrees."""
    return np.stack([drawn.shot.latlon for drawn in photos])


def best_of(found: Mapping[str, Scores]) -> str:
    """Return the name of the way that finds most new photos by telemetry, the first of equals."""
    return max(found, key=lambda name: found[name][EVERYWHERE][TELEMETRY].recall_1)


def verdict_of(before: Scores, after: Scores, held: Scores) -> Verdict:
    """Say whether the adapted encoder is to be kept.

    It must find more new photos by telemetry than the best untrained one, beyond chance; and the
    one trained without the ground held out must not find fewer photos there, beyond chance.
    """
    was, now = before[EVERYWHERE][TELEMETRY], after[EVERYWHERE][TELEMETRY]
    change = f"recall@1 {was.recall_1:.0f} % before, {now.recall_1:.0f} % after"
    if not is_better(now.hits, was.hits):
        return Verdict(
            False, f"of {now.number} new photos it finds no more, beyond chance: {change}"
        )
    unseen, there = before[HELD_OUT][TELEMETRY], held[HELD_OUT][TELEMETRY]
    if is_better(unseen.hits, there.hits):
        return Verdict(
            False,
            f"on ground it had not seen it finds fewer photos: recall@1 {unseen.recall_1:.0f} % "
            f"before, {there.recall_1:.0f} % after",
        )
    return Verdict(True, f"of {now.number} new photos it finds more: {change}")


def real_photos(work: Work, contender: Contender, known: KnownPhotos) -> Score:
    """Return how photos whose places are known are found: twelve headings tried, nothing told."""
    queries = [
        contender.embed(contender.into(np.stack(spun(read_image(path), contender.px))))
        for path in known.paths
    ]
    found = cosines(torch.cat(queries), contender.tiles(work), TURNS)
    return score_of(found, known.latlon, work.area.tiles)


def as_json(found: Scores) -> dict[str, Any]:
    """Return the figures by set and mode."""
    return {
        name: {mode: score.as_json() for mode, score in modes.items()}
        for name, modes in found.items()
    }
