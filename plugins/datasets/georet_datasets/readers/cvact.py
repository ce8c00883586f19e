"""CVACT: pairs of a ground panorama and a tile of Canberra, as Sample4Geo reads them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from georet.progress import say
from georet.types import QUERY, REFERENCE, EvaluationSet, ImageTable, Ints, PairTable
from georet_datasets.readers.act_data import ORIGIN, ActData, read_act_data
from georet_datasets.readers.files import (
    Missing,
    check_filled,
    check_unique,
    inside,
    present_rows,
    tell_counts,
    tell_overlap,
)
from georet_datasets.readers.utm import zone_of

FOLDERS: Final = {"train": "ANU_data_small", "val": "ANU_data_small", "test": "ANU_data_test"}
NAMES: Final = {
    QUERY: "streetview/{}_grdView.jpg",
    REFERENCE: "satview_polish/{}_satView_polish.jpg",
}
PUBLISHED: Final = {"train": 35_532, "val": 8_884, "test": 92_802}


class Cvact:
    """The data set below ``root``: ``ACT_data.mat`` (or ``ACT_data.csv``) and two image folders.

    The CSV has the header ``panoId,easting,northing,set`` (metres in a UTM zone; train, val or
    test). Easting and northing travel as columns ``easting_m`` and ``northing_m``, and are
    converted to latitude and longitude in ``zone``, unless the CSV has further columns ``lat,lon``
    (then both metres may be left empty). Ids without an image are left out and counted;
    ``missing=error`` makes the first one an error, ``keep`` leaves them to the loader.
    """

    def __init__(self, *, root: Path, zone: str = "55S", missing: Missing = "skip") -> None:
        self.root, self.missing = Path(root), missing
        self.zone = zone_of(zone)
        self._tables: dict[str, dict[str, ImageTable]] = {}

    def train(self) -> PairTable:
        """Return the training pairs, 1:1."""
        views = self._views("train")
        rows = np.arange(len(views[QUERY]))
        return PairTable(views, np.stack([rows, rows], axis=1))

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return ``val``, and where the list has a test set ``test`` and ``test-geo5m``.

        The latter two hold the same images; ``test-geo5m`` (every tile within 5 m is right) needs
        positions and is left out without them.
        """
        sets = {"val": self._evaluation("val", "cvact-val/sample4geo")}
        if len(self._data.sets["test"]):
            sets["test"] = self._evaluation("test", "cvact-test/id")
            if sets["test"].gallery.latlon is not None:
                sets["test-geo5m"] = self._evaluation("test", "cvact-test/geo5m")
        return sets

    @cached_property
    def _data(self) -> ActData:
        return read_act_data(self.root)

    def _evaluation(self, name: str, protocol: str) -> EvaluationSet:
        views = self._views(name)
        positives = np.arange(len(views[QUERY]))[:, None]
        about = f"panoramas of the {name} set among its tiles"
        return EvaluationSet(views[QUERY], views[REFERENCE], positives, protocol, about=about)

    def _views(self, name: str) -> dict[str, ImageTable]:
        if name not in self._tables:
            self._tables[name] = self._read(name)
            if name != "train" and "train" in self._tables:
                tell_overlap(
                    ORIGIN, self._tables["train"][QUERY].ids, self._tables[name][QUERY].ids
                )
        return self._tables[name]

    def _read(self, name: str) -> dict[str, ImageTable]:
        data, rows = self._data, self._data.sets[name]
        check_filled(len(rows), [data.path], ORIGIN, f"ids for {name}")
        check_unique([data.ids[row] for row in rows], [data.wheres[row] for row in rows])
        paths = {view: [self._path(name, view, int(row)) for row in rows] for view in NAMES}
        kept = present_rows(ORIGIN, list(paths.values()), self.missing, f"ids for {name}")
        tell_counts(ORIGIN, {f"ids for {name}": (len(kept), PUBLISHED[name])})
        if data.latlon is None and not np.isfinite(data.utm_m).all():
            say(f"warning: {ORIGIN.name}: {data.path} has no positions for {name}")
        return {view: self._table(f"{name} {view}", paths[view], rows, kept) for view in NAMES}

    def _path(self, name: str, view: str, row: int) -> Path:
        text = f"{FOLDERS[name]}/{NAMES[view].format(self._data.ids[row])}"
        return inside(self.root, text, self._data.wheres[row])

    def _table(self, about: str, paths: list[Path], rows: Ints, kept: Ints) -> ImageTable:
        ids, utm = [self._data.ids[row] for row in rows[kept]], self._data.utm_m[rows[kept]]
        paths, name = [paths[row] for row in kept], f"CVACT {about}"
        latlon = None if self._data.latlon is None else self._data.latlon[rows[kept]]
        if not np.isfinite(utm).all():
            return ImageTable(ids, paths, latlon, name=name)
        columns = {"easting_m": utm[:, 0], "northing_m": utm[:, 1]}
        latlon = self.zone.to_latlon(utm) if latlon is None else latlon
        return ImageTable(ids, paths, latlon, columns, name=name)
