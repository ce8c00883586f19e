"""Located photos as files: GeoJSON, GeoParquet, CSV and JSON, each written atomically."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from georet.csvfile import csv_line
from georet.extras import need
from georet.files import replacing
from georet.ground.footprints import footprint_rings
from georet.locate.output.batch import HEAT
from georet.locate.output.journal import Journal
from georet.locate.output.records import PLACE, SCHEMA, Record, accuracy_m, as_text
from georet.page.readable import degree_digits

Provenance = Mapping[str, Any]
_ROWS: Final = 4096
_ESCAPED: Final = "backslashreplace"
"""A photo's name may hold bytes that are no text."""


def write_json(path: Path, journal: Journal, provenance: Provenance) -> None:
    """Write the records as one JSON document, streamed."""
    with replacing(path, errors=_ESCAPED) as stream:
        stream.write(_head(provenance, "locations"))
        _write_list(stream, map(_shown, journal.records()))
        stream.write(f',\n"unreadable": {_dumps(unreadable(journal))}}}\n')


def write_geojson(path: Path, journal: Journal, provenance: Provenance) -> None:
    """Write a FeatureCollection (RFC 7946): a point a photo, and its candidates' footprints.

    Points have ``kind`` place, footprints ``kind`` candidate; footprints that cross the
    antimeridian are cut there.
    """
    with replacing(path, errors=_ESCAPED) as stream:
        stream.write(_head(provenance, "features", type="FeatureCollection"))
        _write_list(stream, (f for record in journal.records() for f in features(record)))
        stream.write(f',\n"unreadable": {_dumps(unreadable(journal))}}}\n')


def write_csv(path: Path, journal: Journal, provenance: Provenance) -> None:
    """Write a line a photo: place, radii, confidence, and the best tile's id, score, distance.

    Degrees have the decimals that the 90 % radius, or else the tile's side, makes worth writing.
    """
    del provenance  # CSV has no place for it
    with replacing(path, errors=_ESCAPED) as stream:
        stream.write(csv_line([*PLACE, "best_tile", "best_score", "photo_sha256"]))
        for record in journal.records():
            best = record["candidates"][0]
            sha256 = " ".join(record["photo_sha256"])
            num = degree_digits(accuracy_m(record))
            place = record | {key: f"{record[key]:.{num}f}" for key in ("latitude", "longitude")}
            cells = [*(place[key] for key in PLACE), best["id"], best["score"], sha256]
            stream.write(csv_line(cells))


def write_parquet(path: Path, journal: Journal, provenance: Provenance) -> None:
    """Write GeoParquet 1.1: a row a photo with its point as WKB, and its candidates as a list."""
    pa = need("pyarrow", extra="gallery", what="GeoParquet output")
    pq = need("pyarrow.parquet", extra="gallery", what="GeoParquet output")
    column = {"encoding": "WKB", "geometry_types": ["Point"]}
    geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    metadata = {"geo": _dumps(geo), "georet": _dumps(provenance)}
    schema = _schema(pa).with_metadata(metadata)
    with replacing(path, "wb") as stream, pq.ParquetWriter(stream, schema) as writer:
        for rows in _chunks(map(_row, journal.records())):
            writer.write_table(pa.Table.from_pylist(rows, schema=schema))


WRITERS: Final[dict[str, Callable[[Path, Journal, Provenance], None]]] = {
    ".json": write_json,
    ".geojson": write_geojson,
    ".csv": write_csv,
    ".parquet": write_parquet,
}
"""By suffix; ``.html`` is a page (``georet.locate.output.page``)."""


def unreadable(journal: Journal) -> list[dict[str, str]]:
    """Return the photos that can't be read as JSON values."""
    bad = journal.unreadable().items()
    return [{"photo": as_text(photo), "reason": as_text(why)} for photo, why in bad]


def features(record: Record) -> Iterator[dict[str, Any]]:
    """Yield a record's GeoJSON features: its place, then its candidates."""
    point = {"type": "Point", "coordinates": [record["longitude"], record["latitude"]]}
    place = {key: record[key] for key in PLACE if key not in ("latitude", "longitude")}
    yield _feature(point, {"kind": "place", **place, "photo_sha256": record["photo_sha256"]})
    for candidate in record["candidates"]:
        kept = {key: candidate[key] for key in ("rank", "id", "score", "belief", "side_m")}
        properties = {"kind": "candidate", "photo": record["photo"], **kept}
        yield _feature(_footprint(candidate["corners"]), properties)


def _feature(geometry: Mapping[str, Any], properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def _footprint(corners: list[list[float]]) -> dict[str, Any]:
    rings = [
        [[round(x, 7), round(y, 7)] for x, y in np.concatenate([ring, ring[:1]]).tolist()]
        for ring in footprint_rings(np.array(corners))
    ]
    if len(rings) == 1:
        return {"type": "Polygon", "coordinates": rings}
    return {"type": "MultiPolygon", "coordinates": [[ring] for ring in rings]}


def _head(provenance: Provenance, items: str, **first: str) -> str:
    given = {**first, "schema": SCHEMA, "provenance": provenance}
    return f'{_dumps(given)[:-1]},\n"{items}": '


def _write_list(stream: IO[Any], items: Iterator[Any]) -> None:
    stream.write("[")
    for number, item in enumerate(items):
        stream.write(",\n" if number else "\n")
        stream.write(_dumps(item))
    stream.write("\n]")


def _shown(record: Record) -> Record:
    kept = {key: value for key, value in record.items() if key != HEAT}
    return kept | {"photos": [as_text(photo) for photo in record["photos"]]}


def _row(record: Record) -> dict[str, Any]:
    point = struct.pack("<BIdd", 1, 1, record["longitude"], record["latitude"])
    named = {"photo": _utf8(record["photo"]), "photos": [_utf8(p) for p in record["photos"]]}
    return {**_shown(record), **named, "geometry": point}


def _utf8(text: str) -> str:
    """Return a photo's name, which may hold bytes that are no text, as Parquet takes it."""
    return text.encode(errors="backslashreplace").decode()


def _schema(pa: Any) -> Any:
    number, text = pa.float64(), pa.string()
    candidate = {
        "rank": pa.int32(), "id": text, "row": pa.int64(), "latitude": number, "longitude": number,
        "score": number, "belief": number, "side_m": number, "corners": pa.list_(pa.list_(number)),
    }  # fmt: skip
    place = dict.fromkeys(PLACE, number) | {"photo": text, "abstained": pa.bool_()}
    return pa.schema(
        {
            **place,
            "photo_sha256": pa.list_(text),
            "photos": pa.list_(text),
            "candidates": pa.list_(pa.struct(list(candidate.items()))),
            "geometry": pa.binary(),
        }
    )


def _chunks(rows: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _ROWS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _dumps(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
