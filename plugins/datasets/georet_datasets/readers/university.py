"""Reader of University-1652: drone photos, street photos and tiles of university buildings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from georet.errors import ConfigError
from georet.types import QUERY, REFERENCE, EvaluationSet, ImageTable, Ints, PairTable
from georet_datasets.readers.files import Origin, tell_counts
from georet_datasets.readers.folders import (
    by_building,
    pair_with_tiles,
    read_folder,
    rows_by_building,
)
from georet_datasets.readers.left_out import EMPTY, LeftOut, note_unread

ORIGIN: Final = Origin("University-1652", "https://github.com/layumi/University1652-Baseline")
View = Literal["drone", "street", "google"]
FIRST: Final = {"drone-satellite": "d2s", "satellite-drone": "s2d", "street-satellite": "street"}
NUM_BUILDINGS, NUM_DRONE_QUERIES, NUM_TILES = 701, 37_855, 951
NUM_TILE_QUERIES, NUM_DRONE_GALLERY = 701, 51_355


class University1652:
    """University-1652 (Zheng, Wei, Yang, ACM MM 2020) as its owners lay it out below ``root``.

    ``train/{drone,satellite,street,google}/{building}/*`` and ``test/{query,gallery}_{drone,
    satellite,street}/{building}/*``. ``task`` names the evaluation set that comes first.
    ``query_view``: the photos that are the queries of training. ``extra_views``: photos of the
    same building that each training pair gets as further views (-1 where there are none). With
    ``draw: extra_views`` each visit shows one of the building's photos of such a view by chance;
    with ``all`` there is one pair a building, and its query is drawn too.
    Images are sorted by file name, then by building. As published, some buildings have no photo
    in ``train/google`` or ``query_street``; these, and folders of views that are not asked for,
    are counted and named in ``left_out``.
    """

    def __init__(
        self,
        *,
        root: Path,
        task: Literal["drone-satellite", "satellite-drone", "street-satellite"] = "drone-satellite",
        query_view: View = "drone",
        extra_views: Sequence[View] = (),
        draw: Literal["nothing", "extra_views", "all"] = "nothing",
    ) -> None:
        if query_view in extra_views or len(set(extra_views)) < len(extra_views):
            raise ConfigError(
                f"{list(extra_views)} repeats a view or the query view, {query_view!r}",
                where="university1652.extra_views",
            )
        self.root, self.task = Path(root), task
        self.query_view, self.extra_views, self.draw = query_view, tuple(extra_views), draw
        self.left_out = LeftOut(ORIGIN)
        self._read = cache(self._read_uncached)

    def train(self) -> PairTable:
        """Return pairs of photos and their building's one tile; column ``building``."""
        self._note_unread("train", ["satellite", self.query_view, *self.extra_views])
        queries, tiles = self._read(f"train/{self.query_view}"), self._read("train/satellite")
        tell_counts(ORIGIN, {"buildings to train on": (len(tiles), NUM_BUILDINGS)})
        views, pairs = {QUERY: queries, REFERENCE: tiles}, pair_with_tiles(queries, tiles, ORIGIN)
        for name in self.extra_views:
            views[name] = self._read(f"train/{name}")
            pairs = np.column_stack([pairs, _in_turn(queries, views[name])])
        if self.draw == "all":
            pairs = pairs[np.unique(pairs[:, 1], return_index=True)[1]]
        buildings = queries.columns["building"][pairs[:, 0]]
        drawn = {"nothing": (), "extra_views": self.extra_views, "all": (QUERY, *self.extra_views)}
        alternatives = {view: _photos_of(buildings, views[view]) for view in drawn[self.draw]}
        return PairTable(views, pairs, columns={"building": buildings}, alternatives=alternatives)

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return the sets ``d2s``, ``s2d``, ``multi`` and, where there are photos, ``street``.

        Positives are all gallery images of the query's building. Buildings that no query shows
        stay as distractors, images of the building -1 are junk. ``multi`` ranks the mean
        embedding of a building's drone photos; ``street`` is counted as ``d2s`` is.
        """
        views = "gallery_satellite", "gallery_drone", "query_drone", "query_satellite"
        self._note_unread("test", [*views, "query_street"])
        tiles, drone = self._read("test/gallery_satellite"), self._read("test/query_drone")
        to_tiles, view = "university-1652/d2s", self._view_of("drone")
        drone_gallery, tile_queries = (
            self._read("test/gallery_drone"),
            self._read("test/query_satellite"),
        )
        _tell(drone, tiles, tile_queries, drone_gallery)
        d2s = by_building(drone, tiles, to_tiles, "drone photos among tiles", query_view=view)
        s2d = by_building(
            tile_queries,
            drone_gallery,
            "university-1652/s2d",
            "tiles among drone photos",
            query_view=REFERENCE,
            gallery_view=view,
        )
        sets = {"d2s": d2s, "s2d": s2d, "multi": _one_a_building(d2s)} | self._street(tiles)
        first = FIRST[self.task]
        if first not in sets:
            raise ORIGIN.missing(self.root / "test/query_street")
        return {name: sets[name] for name in sorted(sets, key=lambda name: name != first)}

    def _street(self, tiles: ImageTable) -> dict[str, EvaluationSet]:
        folder = self.root / "test/query_street"
        if not any(path.is_file() for path in folder.glob("*/*")):
            if folder.exists():
                self.left_out.add(EMPTY, folder.parent, folder.name)
                self.left_out.tell()
            return {}
        photos = self._read("test/query_street")
        about, view = "street photos among tiles", self._view_of("street")
        found = by_building(photos, tiles, "university-1652/d2s", about, query_view=view)
        return {"street": found}

    def _view_of(self, photos: View) -> str:
        """Return the view as which training sees such photos; the query's if it sees none."""
        return photos if photos in self.extra_views else QUERY

    def _read_uncached(self, folder: str) -> ImageTable:
        return read_folder(self.root / folder, self.left_out)

    def _note_unread(self, side: str, views: Sequence[str]) -> None:
        note_unread(self.root, ("train", "test"), self.left_out)
        note_unread(self.root / side, views, self.left_out)


def _tell(
    drone: ImageTable, tiles: ImageTable, tile_queries: ImageTable, drone_gallery: ImageTable
) -> None:
    counts = {
        "drone queries": (len(drone), NUM_DRONE_QUERIES),
        "tiles in the gallery": (len(tiles), NUM_TILES),
        "tile queries": (len(tile_queries), NUM_TILE_QUERIES),
        "drone photos in the gallery": (len(drone_gallery), NUM_DRONE_GALLERY),
    }
    tell_counts(ORIGIN, counts)


def _one_a_building(d2s: EvaluationSet) -> EvaluationSet:
    return EvaluationSet(
        d2s.queries,
        d2s.gallery,
        d2s.positives,
        "university-1652/multi",
        junk=d2s.junk,
        about="mean embedding of a building's drone photos among tiles",
        query_view=d2s.query_view,
        group=d2s.queries.columns["building"].tolist(),
    )


def _photos_of(buildings: NDArray[Any], photos: ImageTable) -> list[list[int]]:
    """Return for each building the rows of its photos."""
    rows = rows_by_building(photos)
    return [rows.get(name, []) for name in buildings.tolist()]


def _in_turn(queries: ImageTable, photos: ImageTable) -> Ints:
    """Return for each query a row of its building's photos, one after the other; -1: none."""
    rows, used = rows_by_building(photos), dict[str, int]()
    chosen = np.full(len(queries), -1)
    for query, name in enumerate(queries.columns["building"].tolist()):
        if name in rows:
            used[name] = used.get(name, -1) + 1
            chosen[query] = rows[name][used[name] % len(rows[name])]
    return chosen
