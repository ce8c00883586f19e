"""What lies in a folder of somebody's own: maps, photos, and what is neither."""

from __future__ import annotations

import shlex
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from georet.data.kinds import SUFFIXES
from georet.run_layout import CONFIG

MAPS: Final = (".tif", ".tiff", ".vrt", ".mbtiles", ".pmtiles", ".gpkg", ".jp2")
ENCODER: Final = "timm:tf_efficientnet_lite0?weights=lite0&stage=3&pool=gem&size=128"
"""What the page "Your own map" begins with."""
MADE: Final = (("gallery.json", 0), (CONFIG, 0), ("adapt/settings.json", 1))
"""Marks of what georet itself has made, and how far above them its folder is: not anybody's data.
"""
MOST: Final = 100_000
"""Files looked at; who has more knows what is there."""


@dataclass(frozen=True)
class Found:
    """Maps and photos below a folder, by path, and the number of other files."""

    folder: Path
    maps: tuple[Path, ...]
    photos: tuple[Path, ...]
    num_others: int

    def said(self) -> str:
        """Say what is there, in words: ``12 photos and 3 other files``."""
        parts = [_many(len(self.maps), "map"), _many(len(self.photos), "photo")]
        parts.append(_many(self.num_others, "other file"))
        return " and ".join(part for part in parts if part) or "it is empty"

    def advice(self) -> str:
        """Return the commands that lead from the first map to places of the photos."""
        area, encoder = shlex.quote(str(self.maps[0])), shlex.quote(ENCODER)
        gallery = shlex.quote(str(self.maps[0].with_suffix(".gallery")))
        # A folder of photos alone is located whole; beside a map the photos are named one by one.
        shown = self.photos[0].parent if self.photos else None
        photos = "PHOTO..." if shown is None else shlex.quote(str(shown))
        if shown is not None and shown == self.maps[0].parent:
            photos = shlex.quote(str(self.photos[0]))
        build = f"georet gallery build {area} --encoder {encoder} --side 60m --overlap 0.5"
        sets = f"--set dataset.source={area} --set dataset.side=60m"
        lines = [
            f"{self.folder}: {self.said()}. A map needs no configuration; photos are looked for",
            "in a gallery of its tiles. --side is about the width of ground that a photo shows.",
            "",
            f"{build} --out {gallery}",
            f"georet locate {gallery} {photos} --out places.html",
            "",
            "An encoder made for this ground finds more:",
            "",
            f"georet adapt {area} --encoder {encoder} --side 60m --out runs/area",
            "",
            "All of an encoder can be trained on photos rendered from the map, which takes longer:",
            "",
            f"georet train --recipe ortho/own-map {sets} --dry-run",
        ]
        return "\n".join(lines)


def in_folder(folder: Path) -> Found:
    """Return what lies in a folder and below it; hidden files don't count."""
    maps, photos, others = [], [], 0
    for number, path in enumerate(sorted(_files(folder))):
        if number == MOST:
            break
        suffix = path.suffix.lower()
        if suffix in MAPS and _is_map(path):
            maps.append(path)
        elif suffix in SUFFIXES:
            photos.append(path)
        else:
            others += 1
    return Found(folder, tuple(maps), tuple(photos), others)


def _files(folder: Path) -> list[Path]:
    made = {path.parents[depth] for mark, depth in MADE for path in folder.rglob(mark)}
    made.discard(folder)
    files = (path for path in folder.rglob("*") if path.is_file())
    return [
        path
        for path in files
        if made.isdisjoint(path.parents)
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def _is_map(path: Path) -> bool:
    """Whether a TIFF has a place on Earth; all else with a map's suffix counts as one."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return True
    try:
        import rasterio
    except ImportError:
        return True  # `georet gallery build` will say what it needs.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # That a picture has no place is what is asked here.
            file = rasterio.open(path)
        with file:
            return file.crs is not None or bool(file.gcps[0]) or file.rpcs is not None
    except rasterio.errors.RasterioError:
        return False


def _many(number: int, what: str) -> str:
    return "" if number == 0 else f"{number:,} {what}{'' if number == 1 else 's'}"
