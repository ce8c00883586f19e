"""City graphs on disk: nodes.csv, edges.csv, streets.csv, photos.csv and the images they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.csvfile import CsvTable, csv_line, read_csv
from georet.errors import DataError
from georet.files import write_atomic
from georet.suggest import did_you_mean
from georet.types import ImageTable
from georet_peng.city.graph import FOV, NODE, CityGraph

NODES: Final = ("id", "latitude", "longitude", "tile", "side_m")
EDGES: Final = ("from", "to")
STREETS: Final = ("image", "node", "latitude", "longitude", "heading_deg", FOV)
_HINT: Final = "The page of papers in georet's docs shows the layout."


def read_graph(folder: Path) -> CityGraph:
    """Return the graph in a folder; DataError with file and line for what can't be.

    ``photos.csv`` may be missing, and so may ``streets.csv``; not both.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError("no such folder", where=str(folder), hint=_HINT)
    nodes, row_of = _nodes(folder)
    ends = _edges(folder / "edges.csv", row_of)
    tables = [_images(folder, f"{name}.csv", nodes, row_of) for name in ("streets", "photos")]
    if not any(len(table) for table in tables):
        raise DataError("has neither streets.csv nor photos.csv", where=str(folder), hint=_HINT)
    return CityGraph(folder.name, nodes, ends, *tables)


def write_graph(graph: CityGraph, folder: Path) -> None:
    """Write a graph's tables into a new folder; images stay where they are, and are named whole."""
    if folder.exists():
        raise DataError("is there already", where=str(folder), hint="Name a new folder.")
    folder.mkdir(parents=True)
    assert graph.nodes.side_m is not None
    nodes = [
        (name, *_degrees(latlon), _path(path), f"{side_m:g}")
        for name, latlon, path, side_m in zip(
            graph.nodes.ids, graph.nodes_latlon, graph.nodes.paths, graph.nodes.side_m, strict=True
        )
    ]
    names = graph.nodes.ids
    edges = [(names[one], names[other]) for one, other in graph.ends.tolist()]
    _write(folder / "nodes.csv", NODES, nodes)
    _write(folder / "edges.csv", EDGES, edges)
    for name, table in (("streets", graph.streets), ("photos", graph.photos)):
        if not len(table) or table.latlon is None or table.heading_deg is None:
            continue
        rows = [
            (
                _path(table.paths[i]),
                names[table.column(NODE)[i]],
                *_degrees(table.latlon[i]),
                f"{table.heading_deg[i]:.3f}",
                f"{table.column(FOV)[i]:g}",
            )
            for i in range(len(table))
        ]
        _write(folder / f"{name}.csv", STREETS, rows)


@dataclass
class _Rows:
    """What a table of images holds, line by line."""

    ids: list[str] = field(default_factory=list)
    paths: list[Path] = field(default_factory=list)
    latlon: list[tuple[float, float]] = field(default_factory=list)
    node: list[int] = field(default_factory=list)
    heading_deg: list[float] = field(default_factory=list)
    fov_deg: list[float] = field(default_factory=list)


def _nodes(folder: Path) -> tuple[ImageTable, dict[str, int]]:
    row_of: dict[str, int] = {}
    paths, latlon, side_m = [], [], []
    for table, where, cells in _lines(folder / "nodes.csv", NODES):
        name = _once(cells["id"], row_of, where)
        row_of[name] = len(row_of)
        latlon.append(_place(table, cells, where))
        paths.append(_file(folder, cells["tile"], where))
        side_m.append(_within(table, cells, "side_m", where, 0.1, 1e5))
    table_of = ImageTable(
        list(row_of),
        paths,
        np.array(latlon),
        name=f"tiles of {folder.name}",
        side_m=np.array(side_m),
        heading_deg=np.zeros(len(paths)),
    )
    return table_of, row_of


def _edges(path: Path, row_of: Mapping[str, int]) -> Any:
    found: dict[tuple[int, int], str] = {}
    for _, where, cells in _lines(path, EDGES):
        one, other = (_node(cells[key], row_of, where, key) for key in EDGES)
        if one == other:
            raise DataError(f"leads from {cells['from']!r} to itself", where=where)
        pair = (min(one, other), max(one, other))
        if pair in found:
            raise DataError("is there already", where=where, hint=f"It stands at {found[pair]}.")
        found[pair] = where
    return np.array(list(found), np.int64)


def _images(folder: Path, name: str, nodes: ImageTable, row_of: Mapping[str, int]) -> ImageTable:
    path, rows = folder / name, _Rows()
    if not path.is_file():
        return ImageTable([], [], name=name)
    assert nodes.latlon is not None
    seen: dict[str, int] = {}
    for table, where, cells in _lines(path, STREETS[:2]):
        image = _once(cells["image"], seen, where)
        seen[image] = len(seen)
        node = _node(cells["node"], row_of, where, NODE)
        rows.ids.append(Path(image).with_suffix("").as_posix())
        rows.paths.append(_file(folder, image, where))
        rows.node.append(node)
        is_told = bool(cells.get("latitude") or cells.get("longitude"))
        own = nodes.latlon[node]
        rows.latlon.append(
            _place(table, cells, where) if is_told else (float(own[0]), float(own[1]))
        )
        heading = cells.get("heading_deg") or "0"
        rows.heading_deg.append(table.numbers.read(heading, where, name="heading_deg"))
        is_whole = not cells.get(FOV)
        rows.fov_deg.append(360.0 if is_whole else _within(table, cells, FOV, where, 1, 360))
    return ImageTable(
        rows.ids,
        rows.paths,
        np.array(rows.latlon),
        {NODE: np.array(rows.node, np.int64), FOV: np.array(rows.fov_deg)},
        name=f"{path.stem} of {folder.name}",
        heading_deg=np.array(rows.heading_deg),
    )


def _lines(path: Path, needed: Sequence[str]) -> Iterator[tuple[CsvTable, str, Mapping[str, str]]]:
    if not path.is_file():
        raise DataError("no such file", where=str(path), hint=_HINT)
    table = read_csv(path, (*needed, *STREETS))
    table.check_columns(needed, hint=_HINT)
    is_empty = True
    for where, cells in table:
        is_empty = False
        yield table, where, cells
    if is_empty:
        raise DataError("lists nothing", where=str(path), hint=_HINT)


def _once(name: str, seen: Mapping[str, int], where: str) -> str:
    if not name:
        raise DataError("has no name", where=where)
    if name in seen:
        raise DataError(f"{name!r} stands there twice", where=where)
    return name


def _node(name: str, row_of: Mapping[str, int], where: str, column: str) -> int:
    if name not in row_of:
        hint = did_you_mean(name, list(row_of)) or "nodes.csv lists the nodes."
        raise DataError(f"{column} is {name!r}, which is no node", where=where, hint=hint)
    return row_of[name]


def _place(table: CsvTable, cells: Mapping[str, str], where: str) -> tuple[float, float]:
    latitude = _within(table, cells, "latitude", where, -90, 90)
    return latitude, _within(table, cells, "longitude", where, -180, 360)


def _within(
    table: CsvTable, cells: Mapping[str, str], key: str, where: str, low: float, high: float
) -> float:
    value = table.numbers.read(cells.get(key, ""), where, name=key)
    if not low <= value <= high:
        raise DataError(f"{key} is {value:g}, wanted {low:g} to {high:g}", where=where)
    return value


def _file(folder: Path, name: str, where: str) -> Path:
    path = folder / name
    if not name or not path.is_file():
        raise DataError(f"there is no image {name!r}", where=where, hint=f"It would be {path}.")
    return path


def _degrees(latlon: Any) -> tuple[str, str]:
    return f"{latlon[0]:.8f}", f"{latlon[1]:.8f}"


def _path(path: Path) -> str:
    return Path(path).resolve().as_posix()


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    write_atomic(path, "".join([csv_line(header), *(csv_line(row) for row in rows)]))
