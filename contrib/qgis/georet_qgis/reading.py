# SPDX-License-Identifier: GPL-2.0-or-later
"""What georet wrote, before QGIS opens it: which layers a file has, and which style fits each.

Nothing of QGIS is imported here.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

STYLES = Path(__file__).parent / "styles"
TITLES = {
    "footprints": "what the photos show",
    "candidates": "best tiles",
    "track": "track",
    "places": "places of photos",
}
"""georet's layers from the lowest to the uppermost, and what QGIS calls them."""


class ReadError(Exception):
    """A file that georet did not write; the text is for people."""


@dataclass(frozen=True)
class Layer:
    """A layer to be opened by OGR: its address, its title, its style if there is one."""

    uri: str
    title: str
    style: Path | None
    num_features: int


def layers_in(path: Path) -> list[Layer]:
    """Return georet's layers of a GeoPackage that hold something, the uppermost last.

    ReadError for what is no GeoPackage of georet.
    """
    if not path.is_file():
        raise ReadError(f"{path}: there is no such file")
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            names = {name for (name,) in base.execute("SELECT table_name FROM gpkg_contents")}
            counts = {
                name: base.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
                for name in TITLES
                if name in names
            }
    except sqlite3.Error as error:
        raise ReadError(f"{path}: is no GeoPackage: {error}") from error
    if "places" not in counts:
        raise ReadError(f"{path}: has no layer places; georet locate --out FILE.gpkg writes one")
    return [
        Layer(f"{path}|layername={name}", title, style_of(name), counts[name])
        for name, title in TITLES.items()
        if counts.get(name)
    ]


def style_of(name: str) -> Path | None:
    """Return the style of a layer, None where QGIS's own will do."""
    path = STYLES / f"{name}.qml"
    return path if path.is_file() else None


def found(path: Path) -> tuple[int, int]:
    """Return how many photos have a place, and how many of them are abstained from."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
        row = base.execute("SELECT count(*), coalesce(sum(abstained), 0) FROM places").fetchone()
    return int(row[0]), int(row[1])
