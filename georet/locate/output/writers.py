"""The formats GeoJSON, GeoParquet, CSV and JSON of located photos, each written atomically."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from georet.contracts.answering import Located
from georet.csvfile import csv_line
from georet.extras import need
from georet.files import replacing
from georet.ground.footprints import footprint_rings
from georet.locate.output.records import PLACE, REFINED, SCHEMA, accuracy_m
from georet.page.readable import degree_digits

Record = Mapping[str, Any]
_ROWS: Final = 4096
_ESCAPED: Final = "backslashreplace"
"""A photo's name may hold bytes that are no text."""


class Json:
    """The records as one JSON document, streamed."""

    suffixes = (".json",)

    def write(self, path: Path, located: Located) -> None:
        """Write the file."""
        with replacing(path, errors=_ESCAPED) as stream:
            stream.write(_head(located.provenance, "locations"))
            _write_list(stream, located.records())
            stream.write(f',\n"unreadable": {_dumps(located.unreadable())}}}\n')


class GeoJson:
    """A FeatureCollection (RFC 7946): a point a photo, what it shows, and the candidates' ground.

    Points have ``kind`` place, the ground in a photo ``kind`` footprint, tiles ``kind`` candidate;
    polygons that cross the antimeridian are cut there.
    """

    suffixes = (".geojson",)

    def write(self, path: Path, located: Located) -> None:
        """Write the file."""
        with replacing(path, errors=_ESCAPED) as stream:
            stream.write(_head(located.provenance, "features", type="FeatureCollection"))
            _write_list(stream, (f for record in located.records() for f in features(record)))
            stream.write(f',\n"unreadable": {_dumps(located.unreadable())}}}\n')


class Csv:
    """A line a photo: place, radii, confidence, and the best tile's id, score, distance.

    Degrees have the decimals that the 90 % radius, or else the tile's side, makes worth writing.
    """

    suffixes = (".csv",)

    def write(self, path: Path, located: Located) -> None:
        """Write the file."""
        keys = (*PLACE, *(REFINED if is_refined(located) else ()))
        with replacing(path, errors=_ESCAPED) as stream:
            stream.write(csv_line([*keys, "best_tile", "best_score", "photo_sha256"]))
            for record in located.records():
                best = record["candidates"][0]
                sha256 = " ".join(record["photo_sha256"])
                num = degree_digits(accuracy_m(record))
                degrees = {key: f"{record[key]:.{num}f}" for key in ("latitude", "longitude")}
                place = {**record, **degrees}
                cells = [_cell(place.get(key)) for key in keys]
                stream.write(csv_line([*cells, best["id"], best["score"], sha256]))


class Parquet:
    """GeoParquet 1.1: a row a photo with its point as WKB, and its candidates as a list."""

    suffixes = (".parquet",)

    def write(self, path: Path, located: Located) -> None:
        """Write the file."""
        pa = need("pyarrow", extra="gallery", what="GeoParquet output")
        pq = need("pyarrow.parquet", extra="gallery", what="GeoParquet output")
        column = {"encoding": "WKB", "geometry_types": ["Point"]}
        geo = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
        metadata = {"geo": _dumps(geo), "georet": _dumps(located.provenance)}
        schema = _schema(pa, refined=is_refined(located)).with_metadata(metadata)
        with replacing(path, "wb") as stream, pq.ParquetWriter(stream, schema) as writer:
            for rows in _chunks(map(_row, located.records())):
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))


def is_refined(located: Located) -> bool:
    """Say whether a refiner was asked, so that records have its keys."""
    return located.provenance.get("refiner") is not None


def features(record: Record) -> Iterator[dict[str, Any]]:
    """Yield a record's GeoJSON features: its place, the ground it shows, then its candidates."""
    point = {"type": "Point", "coordinates": [record["longitude"], record["latitude"]]}
    place = {key: record[key] for key in PLACE if key not in ("latitude", "longitude")}
    place |= {key: record[key] for key in REFINED if key in record}
    yield _feature(point, {"kind": "place", **place, "photo_sha256": record["photo_sha256"]})
    if record.get("footprint"):
        shown = {"kind": "footprint", "photo": record["photo"]}
        yield _feature(_footprint(record["footprint"]), shown)
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


def _head(provenance: Mapping[str, Any], items: str, **first: str) -> str:
    given = {**first, "schema": SCHEMA, "provenance": provenance}
    return f'{_dumps(given)[:-1]},\n"{items}": '


def _write_list(stream: IO[Any], items: Iterator[Any]) -> None:
    stream.write("[")
    for number, item in enumerate(items):
        stream.write(",\n" if number else "\n")
        stream.write(_dumps(item))
    stream.write("\n]")


def _cell(value: object) -> object:
    """Return what a cell of a table holds of a value: a list as JSON."""
    return _dumps(value) if isinstance(value, list) else value


def _row(record: Record) -> dict[str, Any]:
    point = struct.pack("<BIdd", 1, 1, record["longitude"], record["latitude"])
    named = {"photo": _utf8(record["photo"]), "photos": [_utf8(p) for p in record["photos"]]}
    return {**record, **named, "geometry": point}


def _utf8(text: str) -> str:
    """Return a photo's name, which may hold bytes that are no text, as Parquet takes it."""
    return text.encode(errors="backslashreplace").decode()


def _schema(pa: Any, *, refined: bool) -> Any:
    number, text = pa.float64(), pa.string()
    candidate = {
        "rank": pa.int32(), "id": text, "row": pa.int64(), "latitude": number, "longitude": number,
        "score": number, "belief": number, "side_m": number, "corners": pa.list_(pa.list_(number)),
    }  # fmt: skip
    place = dict.fromkeys(PLACE, number) | {"photo": text, "abstained": pa.bool_()}
    if refined:
        matrix, pair = pa.list_(pa.list_(number)), pa.list_(number)
        found = {"method": text, "heading_deg": number, "covariance_m2": matrix}
        camera = {"camera": pair, "height_m": number}
        rests = {"tile": text, "inliers": pa.int64(), "reason": text, "note": text}
        place |= found | camera | rests
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
