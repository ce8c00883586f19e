"""UAV-VisLoc: nadir photos of eleven flights over satellite maps in China (Xu et al., 2024)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import numpy as np

from georet.csvfile import read_csv
from georet.errors import ConfigError, DataError
from georet.types import QUERY, REFERENCE, Doubles, EvaluationSet, ImageTable, PairTable
from georet_datasets.flights.maps import Cutting, Map, nearest_and_others, size_of
from georet_datasets.flights.pairing import Shown, evaluation, pairs_of
from georet_datasets.readers.files import Missing, Origin, present_rows

ORIGIN: Final = Origin("UAV-VisLoc", "https://github.com/IntelliSensing/UAV-VisLoc")
RANGES: Final = ("satellite_coordinates_range.csv", "satellite_ coordinates_range.csv")
"""The owners' file has a blank in its name."""
SIDES: Final = ("LT_lat_map", "LT_lon_map", "RB_lat_map", "RB_lon_map")
_PHOTO: Final = ("filename", "lat", "lon", "height", "Omega", "Kappa", "Phi1", "Phi2")
_REGION: Final = re.compile(r"satellite(\d+)")
TEST: Final = ("03", "05")


class UavVisLoc:
    """The data set below ``root``, as its owners lay it out.

    ``satellite_coordinates_range.csv`` says where the corners of each map lie
    (``{NN}/satellite{NN}.tif``, one of them in several parts), ``{NN}/{NN}.csv`` where each photo
    in ``{NN}/drone/`` was taken. The maps are cut once into tiles of ``side_m`` metres that overlap
    by a share and have ``tile_px`` pixels, below ``tiles`` or georet's cache.

    There is no split of the owners: ``test_regions`` are judged, ``train_regions`` (by default all
    others) are trained on. Positions on maps 02, 04, 10 and 11 are reported to be off by 24 to 48
    metres. ``height_asl_m`` is above the sea. ``heading_deg`` is the column Phi1, taken as
    clockwise from north. Layout by public descriptions and readers of it; not verified on the data.
    """

    def __init__(
        self,
        *,
        root: Path,
        train_regions: Sequence[str] | None = None,
        test_regions: Sequence[str] = TEST,
        side_m: float = 200.0,
        overlap: float = 0.5,
        tile_px: int = 256,
        tiles: Path | None = None,
        missing: Missing = "error",
    ) -> None:
        self.root, self.missing = Path(root), missing
        self.cutting = Cutting(side_m, overlap, tile_px, tiles)
        self.test_regions = tuple(test_regions)
        self._train_regions = train_regions
        if train_regions is not None and set(train_regions) & set(test_regions):
            raise ConfigError("a region is both trained on and judged", where="train_regions")

    def train(self) -> PairTable:
        """Return each photo of the training regions with the tile whose centre is nearest.

        Semi-positives are the other tiles that show its place.
        """
        return self._train

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return ``uav``: photos of the regions that are judged, among all their tiles."""
        shown = self._shown(self.test_regions, "test")
        return {"uav": evaluation(shown, f"photos of regions {', '.join(self.test_regions)}")}

    @cached_property
    def _train(self) -> PairTable:
        every = sorted({one.region for one in self._maps})
        chosen = self._train_regions or [name for name in every if name not in self.test_regions]
        return pairs_of(self._shown(chosen, "train"))

    @cached_property
    def _maps(self) -> list[Map]:
        path = next((self.root / name for name in RANGES if (self.root / name).is_file()), None)
        if path is None:
            raise ORIGIN.missing(self.root / RANGES[0])
        table = read_csv(path, ("mapname", *SIDES))
        table.check_columns(("mapname", *SIDES), hint=ORIGIN.hint)
        maps = []
        for where, cells in table:
            name = Path(cells["mapname"]).stem
            region = _REGION.match(name)
            if region is None:
                raise DataError(f"{name!r} is no map's name, as satellite01.tif is", where=where)
            sides = [table.numbers.read(cells[key], f"{where}:{key}", name=key) for key in SIDES]
            if sides[0] <= sides[2] or not all(abs(value) <= 180 for value in sides):
                raise DataError("the upper edge is not north of the lower one", where=where)
            tif = self.root / region[1] / f"{name}.tif"
            maps.append(Map(name, region[1], tif, partial(_between, _size_of(tif), sides)))
        return maps

    def _shown(self, regions: Sequence[str], side: str) -> Shown:
        known = {one.region for one in self._maps}
        unknown = [name for name in regions if name not in known]
        if unknown:
            hint = f"There are {', '.join(sorted(known))}."
            raise ConfigError(f"there is no region {unknown[0]!r}", where="regions", hint=hint)
        photos = _joined([_photos(self.root, region) for region in regions], side)
        kept = present_rows(ORIGIN, [photos.paths], self.missing, f"photos for {side}")
        photos = photos.take(kept)
        maps = [one for one in self._maps if one.region in regions]
        tiles = self.cutting.tiles(maps, f"UAV-VisLoc {side} tiles")
        assert photos.latlon is not None
        rows = nearest_and_others(tiles, photos.columns["region"].tolist(), photos.latlon)
        return Shown(ORIGIN, photos, tiles, rows, {QUERY: photos, REFERENCE: tiles})


@dataclass(frozen=True)
class _Flight:
    region: str
    rows: list[tuple[Path, list[float]]]


def _photos(root: Path, region: str) -> _Flight:
    """Return the photos of a flight with what its table says; NaN where it says nothing."""
    path = root / region / f"{region}.csv"
    table = read_csv(path, _PHOTO)
    table.check_columns(_PHOTO[:4], hint=ORIGIN.hint)
    rows = []
    for where, cells in table:
        values = [
            table.numbers.read(cells[key], f"{where}:{key}", name=key)
            if cells.get(key)
            else float("nan")
            for key in _PHOTO[1:]
        ]
        if not (abs(values[0]) <= 90 and abs(values[1]) <= 180):
            raise DataError(f"latitude, longitude are {values[:2]}", where=where)
        rows.append((root / region / "drone" / cells["filename"], values))
    return _Flight(region, rows)


def _joined(flights: Sequence[_Flight], side: str) -> ImageTable:
    rows = [(flight.region, *row) for flight in flights for row in flight.rows]
    if not rows:
        raise DataError(f"no photo for {side} is listed", where=ORIGIN.name, hint=ORIGIN.hint)
    values = np.array([row[2] for row in rows], np.float64)
    named = dict(zip(("height_asl_m", "omega_deg", "kappa_deg"), values[:, 2:5].T, strict=True))
    return ImageTable(
        [f"{region}/{path.name}" for region, path, _ in rows],
        [path for _, path, _ in rows],
        values[:, :2],
        {"region": np.array([region for region, _, _ in rows]), **named},
        name=f"UAV-VisLoc {side} photos",
        heading_deg=values[:, 5] % 360,
    )


def _size_of(path: Path) -> tuple[int, int]:
    if not path.is_file():
        raise ORIGIN.missing(path)
    return size_of(path)


def _between(size: tuple[int, int], sides: Sequence[float], places: Doubles) -> Doubles:
    """Return degrees of columns and rows: in proportion between the corners."""
    north, west, south, east = sides
    share = places / np.array(size, np.float64)
    return np.column_stack(
        [north + share[:, 1] * (south - north), west + share[:, 0] * (east - west)]
    )
