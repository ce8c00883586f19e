"""GeoPackage 1.3 (OGC 12-128r17): places, footprints, candidates and the flight as layers."""

from __future__ import annotations

import json
import sqlite3
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.contracts.answering import Located
from georet.errors import DataError
from georet.files import replaced_file
from georet.ground.footprints import bounds_latlon, footprints_wkb
from georet.locate.output.formats.placed import Placed, placed
from georet.locate.output.records import as_text
from georet.types import Doubles

_APPLICATION, _VERSION = 0x47504B47, 10300
"""``GPKG``, and version 1.3.0 (clause 1.1.1.1.1)."""
_WGS84: Final = (
    'GEOGCS["WGS 84",DATUM["WGS_1984",SPHEROID["WGS 84",6378137,298.257223563,'
    'AUTHORITY["EPSG","7030"]],AUTHORITY["EPSG","6326"]],PRIMEM["Greenwich",0],'
    'UNIT["degree",0.0174532925199433],AUTHORITY["EPSG","4326"]]'
)
_NEVER: Final = "1970-01-01T00:00:00.000Z"
_TABLES: Final = """
CREATE TABLE gpkg_spatial_ref_sys (srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY,
  organization TEXT NOT NULL, organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL,
  description TEXT);
CREATE TABLE gpkg_contents (table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL,
  identifier TEXT UNIQUE, description TEXT DEFAULT '',
  last_change DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ','now')),
  min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
  CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id));
CREATE TABLE gpkg_geometry_columns (table_name TEXT NOT NULL, column_name TEXT NOT NULL,
  geometry_type_name TEXT NOT NULL, srs_id INTEGER NOT NULL, z TINYINT NOT NULL,
  m TINYINT NOT NULL, CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
  CONSTRAINT uk_gc_table_name UNIQUE (table_name),
  CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
  CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id));
"""
_PLACE: Final = {
    "photo": "TEXT",
    "radius_50_m": "DOUBLE",
    "radius_90_m": "DOUBLE",
    "confidence": "DOUBLE",
    "abstained": "BOOLEAN",
    "accuracy_90_m": "DOUBLE",
    "method": "TEXT",
    "source": "TEXT",
    "heading_deg": "DOUBLE",
    "height_m": "DOUBLE",
    "time_s": "DOUBLE",
    "anchor_age_s": "DOUBLE",
    "reason": "TEXT",
    "sha256": "TEXT",
}
_CANDIDATE: Final = {
    "photo": "TEXT",
    "rank": "INTEGER",
    "tile": "TEXT",
    "score": "DOUBLE",
    "belief": "DOUBLE",
    "side_m": "DOUBLE",
}
Row = tuple[bytes, Doubles, tuple[Any, ...]]
"""A geometry as WKB, the positions [N, 2] (longitude, latitude) it reaches over, and its values."""


class GeoPackage:
    """Layers ``places``, ``footprints``, ``candidates`` and, of a flight, ``track``.

    Where the answers come from stands in the table ``provenance``.
    """

    suffixes = (".gpkg",)

    def write(self, path: Path, located: Located) -> None:
        """Write the file."""
        with replaced_file(path) as temporary:
            try:
                with closing(sqlite3.connect(temporary)) as base:
                    _fill(base, located)
            except sqlite3.Error as error:
                raise DataError(f"can't be written: {error}", where=str(path)) from error


def _fill(base: sqlite3.Connection, located: Located) -> None:
    # Nothing else looks at the file before it is complete, and a kill leaves none.
    base.execute("PRAGMA journal_mode = OFF")
    base.execute(f"PRAGMA application_id = {_APPLICATION}")
    base.execute(f"PRAGMA user_version = {_VERSION}")
    base.executescript(_TABLES)
    base.executemany(
        "INSERT INTO gpkg_spatial_ref_sys VALUES (?, ?, ?, ?, ?, ?)",
        [
            ("WGS 84 geodetic", 4326, "EPSG", 4326, _WGS84, "longitude and latitude in degrees"),
            ("Undefined cartesian SRS", -1, "NONE", -1, "undefined", None),
            ("Undefined geographic SRS", 0, "NONE", 0, "undefined", None),
        ],
    )
    _layer(base, "places", "POINT", _PLACE, _places(located))
    _layer(base, "footprints", "GEOMETRY", {"photo": "TEXT"}, _footprints(located))
    _layer(base, "candidates", "GEOMETRY", _CANDIDATE, _candidates(located))
    track = list(_track(located))
    if track:
        _layer(base, "track", "LINESTRING", {"num_frames": "INTEGER"}, track)
    base.execute("CREATE TABLE provenance (id INTEGER PRIMARY KEY, key TEXT, value TEXT)")
    base.execute(
        "INSERT INTO gpkg_contents VALUES (?, 'attributes', ?, ?, ?, NULL, NULL, NULL, NULL, NULL)",
        ("provenance", "provenance", "Gallery, encoder, versions and question as JSON", _NEVER),
    )
    base.executemany(
        "INSERT INTO provenance (key, value) VALUES (?, ?)",
        [
            *((key, json.dumps(value)) for key, value in located.provenance.items()),
            ("unreadable", json.dumps(located.unreadable())),
        ],
    )
    base.commit()


def _layer(
    base: sqlite3.Connection, name: str, kind: str, columns: Mapping[str, str], rows: Iterable[Row]
) -> None:
    """Create a layer of one geometry column and fill it."""
    declared = ", ".join(f"{column} {sort}" for column, sort in columns.items())
    base.execute(
        f"CREATE TABLE {name} (fid INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, geom {kind}, "
        f"{declared})"
    )
    base.execute(
        "INSERT INTO gpkg_contents VALUES (?, 'features', ?, '', ?, NULL, NULL, NULL, NULL, 4326)",
        (name, name, _NEVER),
    )
    base.execute(
        "INSERT INTO gpkg_geometry_columns VALUES (?, 'geom', ?, 4326, 0, 0)", (name, kind)
    )
    low, high = np.full(2, np.inf), np.full(2, -np.inf)
    marks = ", ".join("?" for _ in range(1 + len(columns)))
    # The names are those above, none comes from outside.
    insert = f"INSERT INTO {name} (geom, {', '.join(columns)}) VALUES ({marks})"  # noqa: S608
    for wkb, reached, values in rows:
        low, high = np.minimum(low, reached.min(axis=0)), np.maximum(high, reached.max(axis=0))
        base.execute(insert, (_blob(wkb, reached), *values))
    if np.isfinite(low).all():
        bounds = (*low.tolist(), *high.tolist(), name)
        base.execute(
            "UPDATE gpkg_contents SET min_x = ?, min_y = ?, max_x = ?, max_y = ? "
            "WHERE table_name = ?",
            bounds,
        )


def _blob(wkb: bytes, reached: Doubles) -> bytes:
    """Return a geometry as GeoPackage stores it (clause 2.1.3): little endian, with its box."""
    (west, south), (east, north) = reached.min(axis=0), reached.max(axis=0)
    head = struct.pack("<2sBBi", b"GP", 0, 0b0000_0011, 4326)
    return head + struct.pack("<4d", west, east, south, north) + wkb


def _places(located: Located) -> Iterator[Row]:
    for one in placed(located.records()):
        lat, lon = (float(text) for text in one.texts)
        yield struct.pack("<BIdd", 1, 1, lon, lat), np.array([[lon, lat]]), _values(one)


def _values(one: Placed) -> tuple[Any, ...]:
    own = {
        "photo": as_text(str(one.record["photo"])),
        "abstained": bool(one.record.get("abstained")),
        "accuracy_90_m": round(one.accuracy_m, 3),
        "heading_deg": one.heading_deg,
        "height_m": one.height_m,
        "sha256": " ".join(filter(None, one.record.get("photo_sha256") or ())),
    }
    return tuple(own.get(key, one.record.get(key)) for key in _PLACE)


def _footprints(located: Located) -> Iterator[Row]:
    for one in placed(located.records()):
        if one.footprint is not None:
            wkb, reached = _polygon(one.footprint)
            yield wkb, reached, (as_text(str(one.record["photo"])),)


def _candidates(located: Located) -> Iterator[Row]:
    for one in placed(located.records()):
        for tile in one.record.get("candidates") or ():
            wkb, reached = _polygon(np.asarray(tile["corners"], np.float64))
            photo = as_text(str(one.record["photo"]))
            kept = (tile["rank"], tile["id"], tile["score"], tile["belief"], tile["side_m"])
            yield wkb, reached, (photo, *kept)


def _polygon(corners_latlon: Doubles) -> tuple[bytes, Doubles]:
    west, south, east, north = bounds_latlon(corners_latlon[None])
    if east < west:
        west, east = -180.0, 180.0  # two parts, one at each end of the map
    (wkb,) = footprints_wkb(corners_latlon[None])
    return wkb, np.array([[west, south], [east, north]])


def _track(located: Located) -> Iterator[Row]:
    frames = (one for one in placed(located.records()) if one.is_frame)
    places = [(float(lon), float(lat)) for lat, lon in (one.texts for one in frames)]
    if len(places) > 1:
        points = np.array(places)
        wkb = struct.pack("<BII", 1, 2, len(points)) + points.astype("<f8").tobytes()
        yield wkb, points, (len(points),)
