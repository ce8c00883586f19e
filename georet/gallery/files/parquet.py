"""Tables of tiles as GeoParquet: the plan of a gallery, and its shards."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from georet.extras import need
from georet.gallery.files.storage import from_stored, to_stored
from georet.ground.footprints import footprints_wkb, holds_pole
from georet.tiles.table import TileTable
from georet.types import Doubles, Floats, Ints

EXTRA = "gallery"
_CORNERS, _EMBEDDING = "corners_latlon", "embedding"
PLAN_GROUP: Final = 16_384
"""Tiles of a plan that are read together."""
_PAGE: Final = 2**30
_TILE: Final = ["id", "latitude", "longitude", "side_m", _CORNERS]


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
    columns = _tile_columns(pa, rows, tiles)
    columns["geometry"] = pa.array(footprints_wkb(tiles.corners_latlon), pa.binary())
    columns[_EMBEDDING] = _embedding_column(pa, stored)
    if scale is not None:
        columns["scale"] = pa.array(scale)
    if thumbnails is not None:
        columns["thumbnail"] = pa.array(thumbnails, pa.binary())
    return _encode(columns, {"geo": _geo(tiles, columns["geometry"])}, group=len(rows))


def plan_bytes(tiles: TileTable) -> bytes:
    """Return the table of R tiles as Parquet, with their corners."""
    pa = need("pyarrow", extra=EXTRA, what="a gallery")
    columns = _tile_columns(pa, np.arange(len(tiles)), tiles)
    columns["geometry"] = pa.array(footprints_wkb(tiles.corners_latlon), pa.binary())
    corners = pa.array(tiles.corners_latlon.reshape(-1))
    columns[_CORNERS] = pa.FixedSizeListArray.from_arrays(corners, 8)
    return _encode(columns, {"geo": _geo(tiles, columns["geometry"])}, group=PLAN_GROUP)


def read_plan(content: bytes) -> TileTable:
    """Return the tiles that ``plan_bytes`` wrote."""
    return _tiles(_decode(content, _TILE))


def _tiles(table: Any) -> TileTable:
    latlon = np.stack([_numpy(table, "latitude"), _numpy(table, "longitude")], axis=1)
    corners = _lists(table, _CORNERS).astype(np.float64, copy=False).reshape(-1, 4, 2)
    ids = table.column("id").to_pylist()
    return TileTable(ids, latlon, corners, _numpy(table, "side_m"))


def read_centres(file: Any) -> tuple[Doubles, Doubles]:
    """Return latlon float64[R, 2] and side_m float64[R] out of the file object of a plan.

    Nothing else of it is read.
    """
    table = _opened(file).read(columns=["latitude", "longitude", "side_m"], use_threads=False)
    latlon = np.stack([_numpy(table, "latitude"), _numpy(table, "longitude")], axis=1)
    return latlon, _numpy(table, "side_m")


def read_some(file: Any, rows: Ints) -> TileTable:
    """Return the tiles of rows int64[M] out of the file object of a plan, ascending, each once.

    Only the groups that they are in are read.
    """
    pa = need("pyarrow", extra=EXTRA, what="a gallery")
    source = _opened(file)
    sizes = [source.metadata.row_group(n).num_rows for n in range(source.metadata.num_row_groups)]
    starts = np.cumsum([0, *sizes])
    rows = np.unique(rows)
    group_of = np.searchsorted(starts, rows, side="right") - 1
    parts = []
    for group in np.unique(group_of).tolist():
        table = source.read_row_group(group, columns=_TILE, use_threads=False)
        parts.append(table.take(pa.array(rows[group_of == group] - starts[group])))
    return _tiles(pa.concat_tables(parts) if parts else source.schema_arrow.empty_table())


def read_embeddings(content: bytes) -> Floats:
    """Return the embeddings float32[M, D], of unit length, of a shard's bytes."""
    return from_stored(_stored(_decode(content, [_EMBEDDING])))


def embeddings_at(content: bytes) -> int | None:
    """Return at which byte of a shard its stored embeddings begin, in one piece; None: they don't.

    In a Parquet file the values of an uncompressed page in plain encoding stand at its end, one
    after another (Apache Parquet format, Encodings: PLAIN). That is compared, not believed.
    """
    about = _opened(io.BytesIO(content)).metadata
    if about.num_row_groups != 1:
        return None
    group = about.row_group(0)
    columns = [group.column(number) for number in range(group.num_columns)]
    column = next(c for c in columns if c.path_in_schema.partition(".")[0] == _EMBEDDING)
    stored = _stored(_decode(content, [_EMBEDDING]))
    end = column.data_page_offset + column.total_compressed_size
    start = end - stored.nbytes
    return int(start) if content[start:end] == stored.tobytes() else None


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


def _embedding_column(pa: Any, stored: NDArray[Any]) -> Any:
    """Return stored values [M, D] as a column: lists of numbers, of int8 fixed-size binary.

    Parquet keeps a number of one byte in four; as bytes it takes one.
    """
    size = stored.shape[1]
    if stored.dtype != np.int8:
        return pa.FixedSizeListArray.from_arrays(pa.array(stored.reshape(-1)), size)
    content = pa.py_buffer(np.ascontiguousarray(stored).tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(stored), [None, content])


def _stored(table: Any) -> NDArray[Any]:
    """Return the stored values [M, D] of a table's embeddings."""
    column = table.column(_EMBEDDING).combine_chunks()
    if hasattr(column.type, "list_size"):
        return _lists(table, _EMBEDDING)
    size, start = column.type.byte_width, column.offset * column.type.byte_width
    flat = np.frombuffer(column.buffers()[1], np.int8)[start : start + len(column) * size]
    return flat.reshape(len(column), size)


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


def _encode(columns: dict[str, Any], metadata: dict[str, str], *, group: int) -> bytes:
    pa, pq = need("pyarrow", extra=EXTRA), need("pyarrow.parquet", extra=EXTRA)
    table = pa.table(columns).replace_schema_metadata(metadata)
    stream = io.BytesIO()
    # Embeddings and JPEGs don't shrink; what else there is does.
    packed = {name: "NONE" if name in (_EMBEDDING, "thumbnail") else "ZSTD" for name in columns}
    for name, column in columns.items():
        if pa.types.is_fixed_size_list(column.type):
            packed[f"{name}.list.element"] = packed.pop(name)
    # One page a column and group: the embeddings of a shard then lie in one piece, as in memory.
    pq.write_table(
        table,
        stream,
        compression=packed,
        use_dictionary=False,
        row_group_size=max(1, group),
        data_page_size=_PAGE,
        write_batch_size=_PAGE,
    )
    return stream.getvalue()


def _opened(file: Any) -> Any:
    """Return an Arrow reader that starts no thread, if it is read with ``use_threads=False``.

    Arrow's threads stay, and a process that ends while one of them starts is aborted by C++.
    """
    pq = need("pyarrow.parquet", extra=EXTRA, what="a gallery")
    return pq.ParquetFile(file, pre_buffer=False)


def _decode(content: bytes, columns: list[str]) -> Any:
    return _opened(io.BytesIO(content)).read(columns=columns, use_threads=False)


def _numpy(table: Any, name: str) -> Doubles:
    values: Doubles = _plain(table.column(name).combine_chunks())
    return values


def _lists(table: Any, name: str) -> NDArray[Any]:
    """Return a column of fixed-size lists as an array [M, size]."""
    column = table.column(name).combine_chunks()
    values = _plain(column.flatten())
    return values.reshape(len(table), column.type.list_size)


def _plain(array: Any) -> NDArray[Any]:
    """Return an Arrow array of numbers as NumPy's; Arrow's own way imports pandas."""
    values: NDArray[Any] = np.from_dlpack(array)
    return values
