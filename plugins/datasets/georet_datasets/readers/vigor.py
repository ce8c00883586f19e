"""VIGOR: ground panoramas anywhere on the tiles of four cities (Zhu et al., CVPR 2021)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import numpy as np

from georet.errors import ConfigError
from georet.progress import say
from georet.types import QUERY, REFERENCE, EvaluationSet, ImageTable, PairTable
from georet_datasets.readers.files import (
    Missing,
    check_filled,
    present_rows,
    tell_counts,
    tell_overlap,
)
from georet_datasets.readers.vigor_lists import (
    BALANCED,
    ORIGIN,
    SAME_TEST,
    SAME_TRAIN,
    TILES,
    Label,
    Tile,
    read_labels,
    read_tiles,
)

CITIES: Final = ("NewYork", "Seattle", "SanFrancisco", "Chicago")
CROSS_TRAIN, CROSS_TEST = ("NewYork", "Seattle"), ("SanFrancisco", "Chicago")
PUBLISHED: Final = {
    ("same", "train"): (52_609, 90_618),
    ("same", "test"): (52_605, 90_618),
    ("cross", "train"): (51_520, 44_055),
    ("cross", "test"): (53_694, 46_563),
}
"""Panoramas and tiles of each area and side."""

Side = Literal["train", "test"]


class Vigor:
    """The data set below ``root``: ``splits/{City}/*.txt`` and images by city.

    ``area``: ``same`` trains and tests in all four cities, ``cross`` trains in New York and
    Seattle and tests in San Francisco and Chicago; ``train_cities`` and ``test_cities`` choose
    others. ``labels`` is the folder of the lists, below the root or anywhere: by default
    ``splits``; the corrected labels of Lentsch et al. (CVPR 2023) are another such folder. Images
    lie in ``ground/{City}`` and ``satellite/{City}``, or as handed out in ``{City}/panorama`` and
    ``{City}/satellite``. ``missing``: as for the other sets.
    """

    def __init__(
        self,
        *,
        root: Path,
        area: Literal["same", "cross"] = "same",
        labels: Path | None = None,
        train_cities: list[str] | None = None,
        test_cities: list[str] | None = None,
        missing: Missing = "error",
    ) -> None:
        self.root, self.area, self.missing = Path(root), area, missing
        self.labels_dir = self.root / (labels or "splits")
        is_cross = area == "cross"
        self.cities: dict[Side, Sequence[str]] = {
            "train": _cities("train_cities", train_cities, CROSS_TRAIN if is_cross else CITIES),
            "test": _cities("test_cities", test_cities, CROSS_TEST if is_cross else CITIES),
        }
        self._standard = train_cities is None and test_cities is None
        self._names: dict[Side, list[str]] = {}

    def train(self) -> PairTable:
        """Return one pair for each panorama, several of which may share a tile.

        Tiles without a panorama stand in the table only as semi-positives. Semi-positives
        int64[N, 3] are those of the labels; the queries' column ``offset_px`` float64[N, 4, 2] is
        the place on the positive and on the three semi-positives, as the labels give it.
        """
        return self._train

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return one set, ``same`` or ``cross``: all tiles of the cities are the gallery."""
        return {self.area: self._test}

    @cached_property
    def _train(self) -> PairTable:
        labels, tiles = self._read("train")
        used = {tile for label in labels for tile in label.tiles}
        tiles = [tile for tile in tiles if tile.name in used]
        rows = _rows(labels, tiles)
        pairs = np.stack([np.arange(len(labels)), rows[:, 0]], axis=1)
        views = {QUERY: self._queries(labels, "train"), REFERENCE: self._tiles(tiles, "train")}
        return PairTable(views, pairs, semi_positives=rows[:, 1:] if rows.shape[1] > 1 else None)

    @cached_property
    def _test(self) -> EvaluationSet:
        labels, tiles = self._read("test")
        where = " and ".join(self.cities["test"])
        return EvaluationSet(
            self._queries(labels, "test"),
            self._tiles(tiles, "test"),
            _rows(labels, tiles),
            f"vigor-{self.area}/sample4geo",
            about=f"panoramas among all tiles of {where}",
        )

    def _read(self, side: Side) -> tuple[list[Label], list[Tile]]:
        """Return the panoramas and all tiles of one side's cities whose images are there."""
        tiles, labels = [], []
        for city in self.cities[side]:
            tiles += read_tiles(self.root, self.labels_dir / city / TILES, city)
            found = read_labels(self.root, self._list_path(city, side), city, tiles)
            labels += found
            if not found:
                say(f"warning: VIGOR: no panoramas for {side} in {city}")
        lists = [self._list_path(city, side) for city in self.cities[side]]
        check_filled(len(labels), lists, ORIGIN, f"panoramas for {side}")
        kept = present_rows(ORIGIN, [[t.path for t in tiles]], self.missing, f"tiles for {side}")
        tiles = [tiles[row] for row in kept]
        there = {tile.name for tile in tiles}
        labels = [label for label in labels if label.tiles[0] in there]
        check_filled(len(labels), lists, ORIGIN, f"panoramas with a tile for {side}")
        paths = [label.path for label in labels]
        kept = present_rows(ORIGIN, [paths], self.missing, f"panoramas for {side}")
        self._tell(side, len(kept), len(tiles))
        self._names[side] = [str(labels[row].path) for row in kept]
        if len(self._names) == len(self.cities):
            tell_overlap(ORIGIN, self._names["train"], self._names["test"])
        return [labels[row] for row in kept], tiles

    def _list_path(self, city: str, side: Side) -> Path:
        same = SAME_TRAIN if side == "train" else SAME_TEST
        return self.labels_dir / city / (same if self.area == "same" else BALANCED)

    def _tell(self, side: Side, num_panoramas: int, num_tiles: int) -> None:
        panoramas, tiles = (
            PUBLISHED[self.area, side] if self._standard else (num_panoramas, num_tiles)
        )
        tell_counts(
            ORIGIN,
            {
                f"panoramas for {side}": (num_panoramas, panoramas),
                f"tiles for {side}": (num_tiles, tiles),
            },
        )

    def _queries(self, labels: list[Label], side: Side) -> ImageTable:
        latlon = [label.latlon for label in labels]
        known = np.array([point for point in latlon if point is not None]).reshape(-1, 2)
        return ImageTable(
            [label.name for label in labels],
            [label.path for label in labels],
            known if len(known) == len(labels) else None,
            {"offset_px": np.array([label.offsets_px for label in labels]).reshape(-1, 4, 2)},
            name=f"VIGOR {self.area} {side} query",
        )

    def _tiles(self, tiles: list[Tile], side: Side) -> ImageTable:
        return ImageTable(
            [tile.name for tile in tiles],
            [tile.path for tile in tiles],
            np.array([tile.latlon for tile in tiles]).reshape(-1, 2),
            name=f"VIGOR {self.area} {side} reference",
        )


def _rows(
    labels: list[Label], tiles: list[Tile]
) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Return int64[N, P]: the positive's row of the tiles, then the semi-positives', -1 pads."""
    row_of = {tile.name: row for row, tile in enumerate(tiles)}
    width = max(len(label.tiles) for label in labels)
    rows = np.full((len(labels), width), -1, dtype=np.int64)
    for row, label in enumerate(labels):
        rows[row, : len(label.tiles)] = [row_of.get(tile, -1) for tile in label.tiles]
    return rows


def _cities(key: str, chosen: list[str] | None, default: Sequence[str]) -> Sequence[str]:
    if chosen is None:
        return default
    if not chosen or len(set(chosen)) < len(chosen):
        raise ConfigError(f"{chosen} names no city, or one twice", where=key)
    return chosen
