"""Reader of EarthLoc's list of astronaut photos with the four corners of their footprints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from scipy.spatial import cKDTree

from georet.csvfile import CsvTable, read_csv
from georet.errors import DataError
from georet.geodesy import chord, unit_vectors
from georet.ground.wgs84 import continued
from georet.types import Doubles, EvaluationSet, ImageTable

CORNERS: Final = ("LL", "UL", "UR", "LR")
_NAME: Final = ("MISSION", "ROLL", "FRAME")
_NUMBERS: Final = tuple(f"{corner}_{axis}" for corner in CORNERS for axis in ("LAT", "LON"))
_SUFFIXES: Final = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class _Photo:
    name: str
    path: Path
    corners_latlon: Doubles


def read_earthloc(
    csv_path: Path, image_dir: Path, *, missing: Literal["error", "skip"] = "error"
) -> ImageTable:
    """Return the table of Q photos, with their footprints ``corners_latlon`` float64[Q, 4, 2].

    The CSV is ``metadata_queries_images.csv`` of EarthLoc (Berton et al., CVPR 2024): corner
    coordinates in degrees in the columns LL_LAT ... LR_LON, and MISSION, ROLL and FRAME. Images
    are called ISS047-E-55412.jpg or as EarthLoc's downloader calls them. A photo's position is the
    middle of its corners. DataError, with file and line, for a bad row or a missing image; with
    ``missing="skip"`` rows without an image are left out.
    """
    try:
        paths = sorted(p for p in image_dir.iterdir() if p.suffix.lower() in _SUFFIXES)
    except OSError as error:
        raise DataError(f"can't be read: {error.strerror}", where=str(image_dir)) from error
    images = {_photo_name(path): path for path in paths}
    photos = _read_rows(csv_path, images, image_dir, missing == "skip")
    if not photos:
        raise DataError(f"lists no photo that lies in {image_dir}", where=str(csv_path))
    corners = np.stack([photo.corners_latlon for photo in photos])
    # The middles on the sphere, so also of footprints across the date line.
    x, y, z = unit_vectors(corners.reshape(-1, 2)).reshape(-1, 4, 3).sum(axis=1).T
    middles: Doubles = np.stack([np.arctan2(z, np.hypot(x, y)), np.arctan2(y, x)], axis=1)
    return ImageTable(
        [photo.name for photo in photos],
        [photo.path for photo in photos],
        np.degrees(middles),
        name=str(csv_path),
        # Footprints begin at the top left, the list at the lower left.
        corners_latlon=continued(corners[:, :1], np.roll(corners, -1, axis=1)),
    )


def among_tiles(photos: ImageTable, tiles: ImageTable, *, within_m: float) -> EvaluationSet:
    """Return the photos that have a tile's centre within a distance, to be found among all tiles.

    The positive is the tile whose centre is nearest. Both tables need positions.
    """
    if photos.latlon is None or tiles.latlon is None:
        raise DataError("has no positions", where=photos.name)
    distance, nearest = cKDTree(unit_vectors(tiles.latlon)).query(unit_vectors(photos.latlon))
    kept = np.flatnonzero(np.asarray(distance) <= chord(within_m))
    if not len(kept):
        raise DataError("no photo shows a place that has a tile", where=photos.name)
    about = f"{len(kept)} of {len(photos)} astronaut photos, among all tiles"
    positives = np.asarray(nearest, np.int64)[kept, None]
    return EvaluationSet(photos.take(kept), tiles, positives, "orbitview", about=about)


def _read_rows(
    csv_path: Path, images: Mapping[str, Path], image_dir: Path, may_miss: bool
) -> list[_Photo]:
    photos: list[_Photo] = []
    table = read_csv(csv_path, (*_NUMBERS, *_NAME))
    table.check_columns(
        (*_NUMBERS, *_NAME),
        hint="Give EarthLoc's metadata_queries_images.csv, with its header line.",
    )
    for where, row in table:
        name = "-".join(_text(row, key, where) for key in _NAME)
        values = [_degrees(table, _text(row, key, where), key, where) for key in _NUMBERS]
        corners = np.array(values, dtype=np.float64).reshape(len(CORNERS), 2)
        if name in images:
            photos.append(_Photo(name, images[name], corners))
        elif not may_miss:
            hint = 'Download it, or pass missing="skip" to leave such photos out.'
            raise DataError(f"no image {name} in {image_dir}", where=where, hint=hint)
    return photos


def _text(row: Mapping[str, str], key: str, where: str) -> str:
    if not row[key]:
        raise DataError(f"{key} is empty", where=where)
    return row[key]


def _degrees(table: CsvTable, text: str, key: str, where: str) -> float:
    limit = 90 if key.endswith("LAT") else 360
    value = table.numbers.read(text, f"{where}:{key}")
    if not abs(value) <= limit:
        raise DataError(f"{key} is {text}, not within -{limit}..{limit}", where=where)
    return value


def _photo_name(path: Path) -> str:
    # EarthLoc's downloader writes @lat@lon (four times) @MISSION-ROLL-FRAME@date@...@.jpg
    fields = path.name.split("@")
    return fields[9] if len(fields) > 9 else path.stem
