"""Photos and the tiles that show their places, as pairs to train on and as a set to judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from georet.progress import say
from georet.types import QUERY, REFERENCE, EvaluationSet, ImageTable, Ints, PairTable
from georet_datasets.readers.files import Origin, check_filled


@dataclass(frozen=True)
class Shown:
    """Photos, tiles, and for each photo the rows int64[N, P] of tiles that show it, best first."""

    origin: Origin
    photos: ImageTable
    tiles: ImageTable
    rows: Ints
    views: Mapping[str, ImageTable]

    def placed(self) -> Shown:
        """Return the photos that a tile shows; the others are counted on stderr."""
        kept = np.flatnonzero(self.rows[:, 0] >= 0)
        check_filled(len(kept), self.photos.paths[:1], self.origin, "photo on a map")
        if len(kept) < len(self.photos):
            left = len(self.photos) - len(kept)
            first = self.photos.ids[int(np.flatnonzero(self.rows[:, 0] < 0)[0])]
            say(
                f"warning: {self.origin.name}: {left:,} of {len(self.photos):,} photos show ground "
                f"beyond the maps and are left out, such as {first}"
            )
        photos = self.photos.take(kept)
        views = {QUERY: photos, REFERENCE: self.tiles}
        return Shown(self.origin, photos, self.tiles, self.rows[kept], views)


def pairs_of(shown: Shown) -> PairTable:
    """Return each photo with its nearest tile; the others that show it are semi-positives."""
    placed = shown.placed()
    pairs = np.column_stack([np.arange(len(placed.photos)), placed.rows[:, 0]])
    others = placed.rows[:, 1:] if placed.rows.shape[1] > 1 else None
    return PairTable(dict(placed.views), pairs, semi_positives=others)


def evaluation(shown: Shown, about: str) -> EvaluationSet:
    """Return the set in which a photo's nearest tile is right."""
    placed = shown.placed()
    return EvaluationSet(
        placed.photos,
        placed.tiles,
        placed.rows[:, :1],
        "recall/scaled",
        about=f"{about} among tiles cut from the maps",
    )
