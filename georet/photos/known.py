"""The held-out queries of a calibration: photos whose places are known, from a file or data set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from georet.contracts.running import Session
from georet.csvfile import Numbers, read_csv, slashed
from georet.errors import DataError, UsageError
from georet.photos.camera.cameras import Cameras
from georet.photos.framing import Framing
from georet.photos.photos import PhotoReader, embed_photos
from georet.plugins import UNSAID, Selection
from georet.sessions import BATCH
from georet.types import Doubles, Floats, Ints

_COLUMNS: Final = ("photo", "lat", "lon")


@dataclass(frozen=True)
class KnownPhotos:
    """Photos and where they were taken, latlon float64[Q, 2]; ``about`` names them.

    ``listed`` are the lines of the table that tells of them, where there is one.
    """

    paths: Sequence[Path]
    latlon: Doubles
    about: str
    listed: Sequence[str] = ()


def open_queries(text: str, *, selection: Selection = UNSAID) -> KnownPhotos:
    """Return the queries in ``FILE.csv``, ``dataset:NAME[:SET]`` or ``run:RUN_DIR[:SET]``.

    A CSV has the columns photo, lat, lon; paths are relative to it. Raises UsageError for what is
    none of these, DataError that names file and line.
    """
    from georet.sources.datasets import dataset_set, run_set

    kind, colon, rest = text.partition(":")
    if colon and kind in ("dataset", "run"):
        find = dataset_set if kind == "dataset" else run_set
        spec, (name, which) = find(rest, selection=selection)
        queries = which.queries
        if queries.latlon is None:
            raise DataError(f"the queries of {name!r} have no positions", where=text)
        listed = [queries.in_words(row) for row in range(len(queries))]
        return KnownPhotos(queries.paths, queries.latlon, f"{spec.name}, set {name}", listed)
    return _read_csv(Path(text))


def embed_known(
    photos: KnownPhotos,
    session: Session,
    *,
    quota: float = 0.0,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[Floats, Doubles]:
    """Return embeddings float32[Q, D] and latlon float64[Q, 2] of the readable photos."""
    embeddings, rows = embed_readable(photos, session, quota=quota, advance=advance)
    return embeddings, photos.latlon[rows]


def embed_readable(
    photos: KnownPhotos,
    session: Session,
    *,
    quota: float = 0.0,
    advance: Callable[[int], None] = lambda _: None,
    framing: Framing | None = None,
    cameras: Cameras | None = None,
) -> tuple[Floats, Ints]:
    """Return embeddings float32[Q, D] of the readable photos, and their rows int64[Q].

    Of all photos the share ``quota`` may be unreadable, beyond that DataError. ``advance`` is
    called with the number of photos done since. With ``framing`` photos are turned and scaled as
    far as they, or ``cameras``, tell of their cameras, one view each.
    """
    reader = PhotoReader(
        session.identity,
        len(photos.paths),
        quota,
        framing=framing,
        cameras=cameras or Cameras(),
        listed=dict(zip(photos.paths, photos.listed, strict=False)),
    )
    parts, kept = [np.empty((0, session.identity.embed_dim), np.float32)], []
    for start, images in zip(
        range(0, len(photos.paths), BATCH), reader.ahead(photos.paths, BATCH), strict=True
    ):
        paths = photos.paths[start : start + BATCH]
        rows = [start + at for at, path in enumerate(paths) if path in images]
        some = [images[photos.paths[row]] for row in rows]
        parts.append(embed_photos([one[0] if one.ndim == 4 else one for one in some], session))
        kept.extend(rows)
        advance(len(paths))
    return np.concatenate(parts), np.array(kept, np.int64)


def _read_csv(path: Path) -> KnownPhotos:
    if not path.is_file():
        raise UsageError(
            "is neither a CSV file, nor dataset:NAME[:SET], nor run:RUN_DIR[:SET]",
            where=str(path),
            hint="A CSV has the columns photo,lat,lon.",
        )

    table = read_csv(path, _COLUMNS)
    table.check_columns(_COLUMNS, hint="Wanted: photo,lat,lon")
    rows = [
        (path.parent / _photo(cells, where), _position(cells, where, table.numbers), where)
        for where, cells in table
    ]
    if not rows:
        raise DataError("lists no photo", where=str(path))
    paths, latlon, listed = zip(*rows, strict=True)
    return KnownPhotos(paths, np.array(latlon), str(path), listed)


def _photo(row: dict[str, str], where: str) -> str:
    if not row["photo"]:
        raise DataError("names no photo", where=where)
    return slashed(row["photo"], f"{where}:photo")


def _position(row: dict[str, str], where: str, numbers: Numbers) -> tuple[float, float]:
    lat, lon = (
        numbers.read(row[column], f"{where}:{column}", name=column) for column in _COLUMNS[1:]
    )
    if not (abs(lat) <= 90 and abs(lon) <= 360):
        raise DataError(
            f"latitude, longitude are {lat}, {lon}; latitude must lie in -90..90",
            where=where,
            hint="Are latitude and longitude swapped?" if abs(lon) <= 90 else None,
        )
    return lat, lon
