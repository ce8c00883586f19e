"""Tables of tiles as GeoParquet: the plan of a gallery, and its shards."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from georet.extras import need
from georet.gallery.files.storage import from_stored, to_stored
from georet.ground.footprints import footprints_wkb, holds_pole
from georet.tiles.table import TileTable
from georet.types import Doubles, Floats, Ints

EXTRA = "gallery"
_CORNERS = "corners_latlon"


def shard_bytes(
    rows: Ints,
    tiles: TileTable,
    embeddings: Floats,
    thumbnails: Sequence[bytes | None] | None,
    *,
    storage: str,
) -> bytes:
    """Return a shard of M tiles as GeoParquet: embeddings float32[M, D], thumbnails as JPEG.

    ``rows`` int64[M] are the tiles' rows in the plan. The same arguments give the same bytes.
    """
    pa = need("pyarrow", extra=EXTRA, what="a gallery")
    stored, scale = to_stored(embeddings, storage)
    size = embeddings.shape[1]
    flat = pa.array(stored.reshape(-1))
    columns = _tile_columns(pa, rows, tiles)
    columns["geometry"] = pa.array(footprints_wkb(tiles.corners_latlon), pa.binary())
    columns["embedding"] = pa.FixedSizeListArray.from_arrays(flat, size)
    if scale is not None:
        columns["scale"] = pa.array(scale)
    if thumbnails is not None:
        columns["thumbnail"] = pa.array(thumbnails, pa.binary())
    return _encode(columns, {"geo": _geo(tiles, columns["geometry"])})


def plan_bytes(tiles: TileTable) -> bytes:
    """Return the table of R tiles as Parquet, with their corners."""
    pa = need("pyarrow", extra=EXTRA, what="a gallery")
    columns = _tile_columns(pa, np.arange(len(tiles)), tiles)
    columns["geometry"] = pa.array(footprints_wkb(tiles.corners_latlon), pa.binary())
    corners = pa.array(tiles.corners_latlon.reshape(-1))
    columns[_CORNERS] = pa.FixedSizeListArray.from_arrays(corners, 8)
    return _encode(columns, {"geo": _geo(tiles, columns["geometry"])})


def read_plan(content: bytes) -> TileTable:
    """Return the tiles that ``plan_bytes`` wrote."""
    table = _decode(content, ["id", "latitude", "longitude", "side_m", _CORNERS])
    latlon = np.stack([_numpy(table, "latitude"), _numpy(table, "longitude")], axis=1)
    corners = _lists(table, _CORNERS).astype(np.float64, copy=False).reshape(-1, 4, 2)
    ids = table.column("id").to_pylist()
    return TileTable(ids, latlon, corners, _numpy(table, "side_m"))


def read_embeddings(content: bytes) -> Floats:
    """Return the embeddings float32[M, D], of unit length, of a shard's bytes."""
    return from_stored(_lists(_decode(content, ["embedding"]), "embedding"))


def read_thumbnails(content: bytes) -> Any:
    """Return a shard's thumbnails as an arrow array of JPEG bytes, or None if it holds none."""
    pq = need("pyarrow.parquet", extra=EXTRA, what="a gallery")
    if "thumbnail" not in pq.read_schema(io.BytesIO(content)).names:
        return None
    return _decode(content, ["thumbnail"]).column("thumbnail").combine_chunks()


def _tile_columns(pa: Any, rows: Ints, tiles: TileTable) -> dict[str, Any]:
    return {
        "row": pa.array(rows, pa.int64()),
        "id": pa.array(tiles.ids, pa.string()),
        "latitude": pa.array(tiles.latlon[:, 0]),
        "longitude": pa.array(tiles.latlon[:, 1]),
        "side_m": pa.array(tiles.side_m),
    }


def _geo(tiles: TileTable, geometry: Any) -> str:
    """Return the GeoParquet 1.1 metadata; without ``crs`` it means OGC:CRS84."""
    kinds = {int.from_bytes(wkb.as_py()[1:5], "little") for wkb in geometry}
    names = {3: "Polygon", 6: "MultiPolygon"}
    column = {
        "encoding": "WKB",
        "geometry_types": [names[kind] for kind in sorted(kinds)],
        "orientation": "counterclockwise",
        "bbox": _bbox(tiles.corners_latlon),
    }
    whole = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": column}}
    return json.dumps(whole)


def _bbox(corners_latlon: Doubles) -> list[float]:
    """Return west, south, east, north; the whole circle where tiles cross the antimeridian."""
    if not len(corners_latlon):
        return [0.0, 0.0, 0.0, 0.0]
    south, west = corners_latlon.min(axis=(0, 1)).tolist()
    north, east = corners_latlon.max(axis=(0, 1)).tolist()
    polar = holds_pole(corners_latlon)
    if polar.any():
        poles = np.sign(corners_latlon[polar, :, 0].mean(axis=1)) * 90
        south, north = min(south, float(poles.min())), max(north, float(poles.max()))
    if polar.any() or west < -180 or east > 180:
        west, east = -180.0, 180.0
    return [west, south, east, north]


def _encode(columns: dict[str, Any], metadata: dict[str, str]) -> bytes:
    pa, pq = need("pyarrow", extra=EXTRA), need("pyarrow.parquet", extra=EXTRA)
    table = pa.table(columns).replace_schema_metadata(metadata)
    stream = io.BytesIO()
    # Embeddings and JPEGs don't shrink; what else there is does.
    packed = {name: "NONE" if name in ("embedding", "thumbnail") else "ZSTD" for name in columns}
    levels = []
    for name, column in columns.items():
        if pa.types.is_fixed_size_list(column.type):
            packed[f"{name}.list.element"] = packed.pop(name)
            # Parquet keeps an int8 in four bytes; as one of 255 values it takes one.
            levels += [f"{name}.list.element"] if pa.types.is_int8(column.type.value_type) else []
    pq.write_table(table, stream, compression=packed, use_dictionary=levels or False)
    return stream.getvalue()


def _decode(content: bytes, columns: list[str]) -> Any:
    pq = need("pyarrow.parquet", extra=EXTRA, what="a gallery")
    return pq.read_table(io.BytesIO(content), columns=columns)


def _numpy(table: Any, name: str) -> Doubles:
    values: Doubles = table.column(name).to_numpy()
    return values


def _lists(table: Any, name: str) -> NDArray[Any]:
    """Return a column of fixed-size lists as an array [M, size]."""
    column = table.column(name).combine_chunks()
    values: NDArray[Any] = column.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(len(table), column.type.list_size)
