"""Reader of DenseUAV: drone photos over fourteen campuses among densely sampled tiles."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from typing import Final, Literal

import numpy as np

from georet.errors import ConfigError, DataError
from georet.types import QUERY, REFERENCE, EvaluationSet, ImageTable, Ints, PairTable
from georet_datasets.readers.files import Origin, as_float, read_text, tell_counts
from georet_datasets.readers.folders import by_building, located, read_folder, rows_by_building
from georet_datasets.readers.left_out import LeftOut, note_unread

ORIGIN: Final = Origin("DenseUAV", "https://github.com/Dmmm1997/DenseUAV")
Height = Literal[80, 90, 100]
HEIGHTS: Final = (80, 90, 100)
GPS: Final = "Dense_GPS_ALL.txt"
PROTOCOL: Final = "sdm/denseuav"
TEST_FOLDERS: Final = ("query_drone", "gallery_drone", "query_satellite", "gallery_satellite")
NUM_TRAIN_PHOTOS, NUM_TRAIN_TILES = 6_768, 13_536
NUM_QUERIES, NUM_GALLERY = 2_331, 18_198
_HEIGHT = re.compile(r"[Hh](\d+)")


class DenseUav:
    """DenseUAV (Dai et al., IEEE TIP 2024) as its owners lay it out below ``root``.

    ``train/{drone,satellite}/{place}/``, ``test/{query,gallery}_{drone,satellite}/{place}/``,
    photos H80.JPG, H90.JPG, H100.JPG, tiles H80.tif and H80_old.tif (an older image) and so on;
    ``Dense_GPS_ALL.txt`` with lines ``path E<longitude> N<latitude> height``, in degrees and
    metres, where a place is the folder that holds the path's file. ``heights`` in metres are
    trained on and judged, in queries and galleries alike.

    Relied on: the owners' README and evaluation code; not verified on the data itself. There the
    position of a place is that of its last line, for all heights, as it is here. Galleries hold
    the places of training too, as distractors.
    """

    def __init__(self, *, root: Path, heights: Sequence[Height] = HEIGHTS) -> None:
        self.root, self.heights = Path(root), tuple(dict.fromkeys(heights))
        if not self.heights:
            raise ConfigError("no height is chosen", where="denseuav.heights")
        self.left_out = LeftOut(ORIGIN)
        self._read = cache(self._read_located)

    def train(self) -> PairTable:
        """Return a pair of each photo with each tile of its place and height, new and old.

        The other tiles of the place are semi-positives. Columns: ``building``, ``height_m``.
        """
        note_unread(self.root, ("train", "test"), self.left_out)
        note_unread(self.root / "train", ("drone", "satellite"), self.left_out)
        photos, tiles = self._read("train/drone"), self._read("train/satellite")
        counts = {
            "photos to train on": (len(photos), NUM_TRAIN_PHOTOS),
            "tiles to train on": (len(tiles), NUM_TRAIN_TILES),
        }
        self._tell(counts)
        pairs = _same_place_and_height(photos, tiles)
        semi_positives = _others_of_place(tiles, pairs[:, 1])
        columns = {name: photos.columns[name][pairs[:, 0]] for name in ("building", "height_m")}
        return PairTable({QUERY: photos, REFERENCE: tiles}, pairs, semi_positives, columns)

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return ``d2s`` and, where there are such folders, ``s2d``, judged by recall and SDM."""
        note_unread(self.root / "test", TEST_FOLDERS, self.left_out)
        photos, tiles = self._read("test/query_drone"), self._read("test/gallery_satellite")
        counts = {
            "queries": (len(photos), NUM_QUERIES),
            "tiles in the gallery": (len(tiles), NUM_GALLERY),
        }
        self._tell(counts)
        sets = {"d2s": by_building(photos, tiles, PROTOCOL, "drone photos among tiles")}
        reverse = "test/query_satellite", "test/gallery_drone"
        if all((self.root / folder).exists() for folder in reverse):
            queries, gallery = map(self._read, reverse)
            sets["s2d"] = by_building(
                queries,
                gallery,
                PROTOCOL,
                "tiles among drone photos",
                query_view=REFERENCE,
                gallery_view=QUERY,
            )
        return sets

    def _tell(self, counts: dict[str, tuple[int, int]]) -> None:
        if set(self.heights) == set(HEIGHTS):
            tell_counts(ORIGIN, counts)

    @cached_property
    def _latlon_of(self) -> dict[str, tuple[float, float]]:
        return _positions(self.root / GPS)

    def _read_located(self, folder: str) -> ImageTable:
        table = _with_height(read_folder(self.root / folder, self.left_out))
        if folder.endswith("drone"):
            # A tile's height says how much ground it shows, a photo's where it was taken from.
            table = replace(table, altitude_m=table.columns["height_m"])
        kept = np.isin(table.columns["height_m"], self.heights)
        if not kept.any():
            heights = ", ".join(map(str, self.heights))
            raise ORIGIN.missing(self.root / folder, f"holds no image from {heights} m")
        return located(table.take(np.flatnonzero(kept)), self._latlon_of, str(self.root / GPS))


def _positions(path: Path) -> dict[str, tuple[float, float]]:
    """Return latitude and longitude of each place."""
    found: dict[str, tuple[float, float]] = {}
    for number, line in enumerate(read_text(path, ORIGIN).split("\n"), start=1):
        if line.strip():
            place, latlon = _position(line, f"{path}:{number}")
            found[place] = latlon
    return found


def _position(line: str, where: str) -> tuple[str, tuple[float, float]]:
    name, *cells = line.split()
    degrees = {cell[0]: cell[1:] for cell in cells if cell[0] in "EN"}
    folders = name.replace("\\", "/").split("/")
    if len(folders) < 2 or degrees.keys() != {"E", "N"}:
        raise DataError(
            f"{line.strip()!r} is not `place/image E<longitude> N<latitude> height`",
            where=where,
            hint=ORIGIN.hint,
        )
    lat = as_float(degrees["N"], where, name="the latitude", limit=90)
    return folders[-2], (lat, as_float(degrees["E"], where, name="the longitude", limit=180))


def _with_height(table: ImageTable) -> ImageTable:
    heights = []
    for path in table.paths:
        found = _HEIGHT.match(path.stem)
        if found is None:
            what = f"{path.name!r} doesn't begin with its height, as H80 does"
            raise DataError(what, where=str(path), hint=ORIGIN.hint)
        heights.append(float(found[1]))
    columns = dict(table.columns) | {"height_m": np.array(heights)}
    return ImageTable(table.ids, table.paths, columns=columns, name=table.name)


def _same_place_and_height(photos: ImageTable, tiles: ImageTable) -> Ints:
    rows: dict[tuple[str, float], list[int]] = {}
    for row, key in enumerate(_keys(tiles)):
        rows.setdefault(key, []).append(row)
    pairs = []
    for row, key in enumerate(_keys(photos)):
        if key not in rows:
            what = f"place {key[0]!r} has no tile for {key[1]:g} m"
            raise DataError(what, where=str(photos.paths[row]), hint=ORIGIN.hint)
        pairs += [(row, tile) for tile in rows[key]]
    return np.array(pairs, np.int64)


def _keys(table: ImageTable) -> list[tuple[str, float]]:
    columns = table.columns
    return list(zip(columns["building"].tolist(), columns["height_m"].tolist(), strict=True))


def _others_of_place(tiles: ImageTable, chosen: Ints) -> Ints:
    """Return int64[N, S]: the tiles that share the place of each chosen one; -1 pads."""
    rows, places = rows_by_building(tiles), tiles.columns["building"][chosen].tolist()
    others = [
        [row for row in rows[place] if row != tile]
        for place, tile in zip(places, chosen.tolist(), strict=True)
    ]
    table = np.full((len(others), max(map(len, others))), -1)
    for row, found in enumerate(others):
        table[row, : len(found)] = found
    return table
