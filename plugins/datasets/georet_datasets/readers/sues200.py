"""Reader of SUES-200: drone photos of 200 scenes from four heights, and one tile of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, Literal

import numpy as np

from georet.errors import ConfigError, DataError
from georet.types import QUERY, REFERENCE, EvaluationSet, ImageTable, PairTable
from georet_datasets.readers.files import Origin, read_text, tell_counts
from georet_datasets.readers.folders import by_building, pair_with_tiles, read_folder
from georet_datasets.readers.left_out import LeftOut, note_unread

ORIGIN: Final = Origin("SUES-200", "https://github.com/Reza-Zhu/SUES-200-Benchmark")
Height = Literal[150, 200, 250, 300]
HEIGHTS: Final = (150, 200, 250, 300)
DRONE_FOLDERS: Final = ("drone_view_512", "drone-view_512", "drone-view")
TILE_FOLDERS: Final = ("satellite-view", "satellite_view_512", "satellite-view_512")
NUM_TRAIN, NUM_SCENES, NUM_PHOTOS = 120, 200, 50
TRAIN_RANGES: Final = (
    "1-7 9-11 13 15-16 20-21 24-34 36-37 39 43-45 51 55-58 60 64 66-67 69-70 73-74 76-77 80-82 "
    "84-91 94 96-97 100-106 113 116 118-120 123 125-127 129 132 134 137 139 141-142 145-149 "
    "151-152 155-160 163 166-169 171 174 179-180 182-187 191-193 196-200"
)
"""The 120 scenes that the owners train on (script/indexs.yaml of their repository)."""


class Sues200:
    """SUES-200 (Zhu et al., IEEE TCSVT 2023) as it is unpacked below ``root``.

    ``drone_view_512/{0001..0200}/{150,200,250,300}/*.jpg`` and ``satellite-view/{0001..0200}/*``,
    the tile being that of all heights; a folder ``SUES-200-512x512`` in between is entered.
    ``heights`` in metres are trained on and judged. The scenes to train on are the owners' 120, or
    those that ``train_ids`` lists, separated by blanks, commas or lines; the other scenes are
    queries. Galleries hold all scenes, those trained on as distractors.

    Relied on: the owners' repository (list of scenes, spellings of the folders, galleries of all
    scenes); not verified on the data itself, which is handed out on request. Published splits
    differ between papers: some train on scenes 1 to 120.
    """

    def __init__(
        self, *, root: Path, heights: Sequence[Height] = HEIGHTS, train_ids: Path | None = None
    ) -> None:
        self.root, self.heights = _unpacked(Path(root)), tuple(dict.fromkeys(heights))
        if not self.heights:
            raise ConfigError("no height is chosen", where="sues200.heights")
        self.left_out = LeftOut(ORIGIN)
        self.train_ids = None if train_ids is None else Path(train_ids)
        self._drone = cache(self._read_drone)
        self._tiles = cache(self._read_tiles)

    def train(self) -> PairTable:
        """Return a pair for each drone photo of a training scene: columns building, height_m."""
        ids = self._ids()[0]
        queries, tiles = self._joined(ids), self._tiles().take(_rows(self._tiles(), ids))
        tell_counts(ORIGIN, {"scenes to train on": (len(tiles), NUM_TRAIN)})
        pairs = pair_with_tiles(queries, tiles, ORIGIN)
        columns = {name: queries.columns[name] for name in ("building", "height_m")}
        return PairTable({QUERY: queries, REFERENCE: tiles}, pairs, columns=columns)

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return ``d2s-150``, ``s2d-150`` and so on: both directions at each height in metres."""
        ids, tiles = self._ids()[1], self._tiles()
        tile_queries, sets = tiles.take(_rows(tiles, ids)), dict[str, EvaluationSet]()
        for height in self.heights:
            photos = self._drone(height)
            queries, at = photos.take(_rows(photos, ids)), f"from {height} m"
            _tell(height, queries, tiles, photos)
            sets[f"d2s-{height}"] = by_building(
                queries, tiles, "university-1652/d2s", f"drone photos {at} among tiles"
            )
            sets[f"s2d-{height}"] = by_building(
                tile_queries,
                photos,
                "university-1652/s2d",
                f"tiles among drone photos {at}",
                query_view=REFERENCE,
                gallery_view=QUERY,
            )
        return sets

    def _ids(self) -> tuple[list[str], list[str]]:
        """Return the scenes to train on and those to judge with, ascending."""
        known = self._tiles().columns["building"].tolist()
        if self.train_ids is None:
            chosen, where = _published_ids(), f"{self.root / TILE_FOLDERS[0]}"
        else:
            text = read_text(self.train_ids, ORIGIN).replace(",", " ")
            chosen, where = {name.zfill(4) for name in text.split()}, str(self.train_ids)
        absent = sorted(chosen - set(known))
        if absent and self.train_ids is not None:
            raise DataError(f"{absent[0]!r} is no scene of {self.root}", where=where)
        train = [name for name in known if name in chosen]
        test = [name for name in known if name not in chosen]
        if not train or not test:
            what = "scene to train on" if not train else "scene left to judge with"
            raise DataError(f"there is no {what}", where=where, hint=ORIGIN.hint)
        return train, test

    def _joined(self, ids: Sequence[str]) -> ImageTable:
        tables = [self._drone(height) for height in self.heights]
        tables = [table.take(_rows(table, ids)) for table in tables]
        return ImageTable(
            [name for table in tables for name in table.ids],
            [path for table in tables for path in table.paths],
            columns={k: np.concatenate([t.columns[k] for t in tables]) for k in tables[0].columns},
            name=tables[0].name,
        )

    def _read_drone(self, height: int) -> ImageTable:
        names = self._tiles().columns["building"].tolist()
        folder = _first_folder(self.root, DRONE_FOLDERS)
        note_unread(folder, names, self.left_out)
        table = read_folder(folder, self.left_out, below=str(height), only=names)
        heights = np.full(len(table), float(height))
        columns = dict(table.columns) | {"height_m": heights, "altitude_m": heights}
        ids = [f"{height}/{name}" for name in table.ids]
        return ImageTable(ids, table.paths, columns=columns, name=table.name)

    def _read_tiles(self) -> ImageTable:
        note_unread(self.root, DRONE_FOLDERS + TILE_FOLDERS, self.left_out)
        table = read_folder(_first_folder(self.root, TILE_FOLDERS), self.left_out)
        return table.take(np.argsort(table.columns["building"], kind="stable"))


def _published_ids() -> set[str]:
    ids: set[str] = set()
    for part in TRAIN_RANGES.split():
        first, _, last = part.partition("-")
        ids |= {f"{number:04d}" for number in range(int(first), int(last or first) + 1)}
    return ids


def _unpacked(root: Path) -> Path:
    inner = root / "SUES-200-512x512"
    return inner if inner.is_dir() else root


def _first_folder(root: Path, names: Sequence[str]) -> Path:
    return next((root / name for name in names if (root / name).is_dir()), root / names[0])


def _rows(table: ImageTable, ids: Sequence[str]) -> np.ndarray:
    return np.flatnonzero(np.isin(table.columns["building"], list(ids)))


def _tell(height: int, queries: ImageTable, tiles: ImageTable, photos: ImageTable) -> None:
    num_queries = (NUM_SCENES - NUM_TRAIN) * NUM_PHOTOS
    counts = {
        f"drone queries from {height} m": (len(queries), num_queries),
        "tiles": (len(tiles), NUM_SCENES),
        f"drone photos from {height} m": (len(photos), NUM_SCENES * NUM_PHOTOS),
    }
    tell_counts(ORIGIN, counts)
