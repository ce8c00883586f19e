"""AnyVisLoc: oblique and nadir photos from low drones over aerial and satellite maps (2025)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import yaml

from georet.errors import ConfigError, DataError
from georet.ground.tangent import Tangent
from georet.types import QUERY, REFERENCE, Doubles, EvaluationSet, ImageTable, PairTable
from georet_datasets.flights.maps import Cutting, Map, nearest_and_others
from georet_datasets.flights.pairing import Shown, evaluation, pairs_of
from georet_datasets.readers.files import Missing, Origin, inside, present_rows, read_text
from georet_datasets.readers.utm import Zone, zone_of

ORIGIN: Final = Origin("AnyVisLoc", "https://github.com/UAV-AVL/Benchmark")
METADATA, PARAMETERS = "Data/metadata", "Regions_params"
_NUMBERS: Final = ("lat", "lon", "rel_height", "pitch", "yaw")
_LEAST_PITCH_DEG: Final = -10.0


class AnyVisLoc:
    """The data set and its owners' repository below ``root``, as they lay it out.

    ``Data/metadata/{region}.json`` lists photos (``name`` is a path from the root) with ``lat``,
    ``lon``, ``rel_height`` in metres, ``pitch`` (-90 straight down) and ``yaw``;
    ``Regions_params/{region}.yaml`` says where the maps lie: UTM zone, the first pixel's corner and
    the metres of a pixel. ``reference``: ``aerial`` or ``satellite``. Maps are cut into tiles as
    for ``uav_visloc``.

    There is no split of the owners: ``test_regions`` are judged, the others trained on; of a single
    region the first half of its photos is. ``latlon`` of a photo is the level ground in its middle,
    by height, pitch and yaw; its own place stands in the columns ``camera_lat`` and ``camera_lon``.
    Photos that look nearly level are left out. Layout by the owners' code and public readers; not
    verified on the data.
    """

    def __init__(
        self,
        *,
        root: Path,
        reference: Literal["aerial", "satellite"] = "aerial",
        test_regions: Sequence[str] | None = None,
        side_m: float = 150.0,
        overlap: float = 0.5,
        tile_px: int = 256,
        tiles: Path | None = None,
        missing: Missing = "error",
    ) -> None:
        self.root, self.missing, self.reference = Path(root), missing, reference
        self.cutting = Cutting(side_m, overlap, tile_px, tiles)
        self._asked = test_regions

    def train(self) -> PairTable:
        """Return each photo with the tile whose centre is nearest to what its middle shows."""
        return self._train

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return ``aerial`` or ``satellite``: photos that are judged among all their tiles."""
        judged = self._split[1]
        return {self.reference: evaluation(judged, f"photos over {self.reference} maps")}

    @cached_property
    def _train(self) -> PairTable:
        return pairs_of(self._split[0])

    @cached_property
    def _split(self) -> tuple[Shown, Shown]:
        found = sorted(path.stem for path in (self.root / METADATA).glob("*.json"))
        if not found:
            raise ORIGIN.missing(self.root / METADATA, "holds no .json of a region")
        judged = list(self._asked or found[-1:])
        unknown = [name for name in judged if name not in found]
        if unknown:
            hint = f"There are {', '.join(found)}."
            raise ConfigError(f"there is no region {unknown[0]!r}", where="test_regions", hint=hint)
        trained = [name for name in found if name not in judged]
        if trained:
            return self._shown(trained, "train"), self._shown(judged, "test")
        whole = self._shown(judged, "photos").placed()
        half = max(1, len(whole.photos) // 2)
        every = np.arange(len(whole.photos))
        return _part(whole, every[:half]), _part(whole, every[half:])

    def _shown(self, regions: Sequence[str], side: str) -> Shown:
        photos = _photos(self.root, regions, side)
        photos = photos.take(present_rows(ORIGIN, [photos.paths], self.missing, side))
        maps = [_map(self.root, region, self.reference) for region in regions]
        tiles = self.cutting.tiles(maps, f"AnyVisLoc {self.reference} tiles")
        assert photos.latlon is not None
        rows = nearest_and_others(tiles, photos.columns["region"].tolist(), photos.latlon)
        return Shown(ORIGIN, photos, tiles, rows, {QUERY: photos, REFERENCE: tiles})


def _part(shown: Shown, rows: Any) -> Shown:
    photos = shown.photos.take(rows)
    views = {QUERY: photos, REFERENCE: shown.tiles}
    return Shown(shown.origin, photos, shown.tiles, shown.rows[rows], views)


def _photos(root: Path, regions: Sequence[str], side: str) -> ImageTable:
    ids, paths, values, of = [], [], [], []
    for region in regions:
        path = root / METADATA / f"{region}.json"
        for where, entry in _entries(path):
            numbers = [_number(entry, key, where) for key in _NUMBERS]
            if numbers[3] > _LEAST_PITCH_DEG:
                continue
            name = str(entry.get("name") or "").removeprefix("./")
            ids.append(name)
            paths.append(inside(root, name, where))
            values.append(numbers)
            of.append(region)
    if not ids:
        raise DataError("no photo that looks down is listed", where=str(root / METADATA))
    table = np.array(values, np.float64)
    places = np.array([_looked_at(*row) for row in table])
    return ImageTable(
        ids,
        paths,
        places,
        {
            "region": np.array(of),
            "camera_lat": table[:, 0],
            "camera_lon": table[:, 1],
            "pitch_deg": table[:, 3],
        },
        name=f"AnyVisLoc {side} photos",
        heading_deg=table[:, 4] % 360,
        altitude_m=table[:, 2],
    )


def _entries(path: Path) -> list[tuple[str, dict[str, Any]]]:
    try:
        found = json.loads(read_text(path, ORIGIN))
    except ValueError as error:
        raise DataError(f"is no JSON: {error}", where=str(path), hint=ORIGIN.hint) from None
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise DataError("is no list of photos", where=str(path), hint=ORIGIN.hint)
    return [(f"{path}[{at}]", entry) for at, entry in enumerate(found)]


def _number(entry: Mapping[str, Any], key: str, where: str) -> float:
    try:
        value = float(entry[key])
    except (KeyError, TypeError, ValueError):
        raise DataError(f"{key} is {entry.get(key)!r}", where=where, hint=ORIGIN.hint) from None
    if not math.isfinite(value) or (key == "lat" and abs(value) > 90):
        raise DataError(f"{key} is {value}", where=where, hint=ORIGIN.hint)
    return value


def _looked_at(lat: float, lon: float, height: float, pitch: float, yaw: float) -> Doubles:
    """Return the level ground in the photo's middle, in degrees [2]."""
    away = height / math.tan(math.radians(-pitch)) if pitch > -90 else 0.0
    heading = math.radians(yaw)
    metres = away * np.array([[math.sin(heading), math.cos(heading)]])
    (found,) = Tangent(lat, lon).latlon(metres)
    return np.array([found[0], (found[1] + 180) % 360 - 180])


def _map(root: Path, region: str, reference: str) -> Map:
    path = root / PARAMETERS / f"{region}.yaml"
    try:
        told: Any = yaml.safe_load(read_text(path, ORIGIN))
        kind = {"aerial": "HIGH", "satellite": "LOW"}[reference]
        zone = zone_of(str(told[f"{region}_UTM_SYSTEM"]))
        corner = [float(told[f"{region}_{kind}_REF_initial{axis}"]) for axis in "XY"]
        metres = float(told[f"{region}_{kind}_REF_resolution"])
        name = str(told[f"{region}_{kind}_REF_PATH"]).removeprefix("./")
    except (yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"does not say where the {reference} map of {region} lies: {error}",
            where=str(path),
            hint=ORIGIN.hint,
        ) from None
    tif = inside(root, name, str(path))
    if not tif.is_file():
        raise ORIGIN.missing(tif)
    return Map(f"{region}-{reference}", region, tif, partial(_in_zone, zone, corner, metres))


def _in_zone(zone: Zone, corner: Sequence[float], metres: float, places: Doubles) -> Doubles:
    plane = np.array(corner) + metres * places * [1, -1]
    return zone.to_latlon(plane)
