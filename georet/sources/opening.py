"""Tells the kinds of source apart, and opens them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from georet.errors import DataError, UsageError
from georet.plugins import UNSAID, Selection
from georet.sources.archives.archive import Archive, ArchiveSource
from georet.sources.archives.stitched import StitchedSurface
from georet.sources.asked import (
    ARCHIVE,
    FOLDER,
    LISTED,
    check_options,
    follows_links,
    refuse_reading,
    split_options,
    with_reading,
)
from georet.sources.rasters.cut import CutSource
from georet.sources.untrusted import check_regular, shown
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling

RASTERS: Final = (".tif", ".tiff", ".gtiff")
PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp")
KINDS: Final = (
    "a GeoTIFF (.tif), a picture with a place (.png, .jpg, .webp), an archive (.mbtiles, "
    ".pmtiles), a folder of GeoTIFFs, with {zoom}/{x}/{y}.png, with tiles.csv or with images "
    "called ..._{lat}_{lon}.png, dataset:NAME[:SET], or run:RUN_DIR[:SET]"
)


def open_source(source: str | Path, tiling: Tiling, *, selection: Selection = UNSAID) -> TileSource:
    """Open what holds the tiles; it is told apart by its name and by what lies in it.

    ``area.tif`` (GeoTIFF, COG), ``area.png`` (a picture whose place is told), ``area.mbtiles``,
    ``area.pmtiles``; a folder with ``tiles.csv``, with ``{zoom}/{x}/{y}.png``, with GeoTIFFs, or
    with images called ``..._{lat}_{lon}.png`` as VIGOR's; each with options:
    ``area.mbtiles?scheme=xyz``. ``dataset:NAME[:SET][?key=value&...]`` and
    ``run:RUN_DIR[:SET]``, the gallery of an evaluation set (by default the first). ``selection``
    says which plugins the latter two may use.

    Raises DataError or UsageError that says what is wrong with the source or can't be done to it.
    """
    source = str(source)
    scheme, _, rest = source.partition(":")
    if scheme in ("dataset", "run") and not Path(source).exists():
        from georet.sources import datasets

        refuse_reading(tiling, source)
        opener = datasets.open_dataset if scheme == "dataset" else datasets.open_run
        return opener(rest, tiling, selection=selection)
    path, options = split_options(source)
    opening = _open_folder if path.is_dir() else _open_file
    return opening(path, tiling, options)


def _open_file(path: Path, tiling: Tiling, options: dict[str, Any]) -> TileSource:
    suffix = path.suffix.lower()
    if not path.exists():
        raise DataError("there is no such file or folder", where=str(path))
    check_regular(path)
    if suffix in (*RASTERS, *PICTURES):
        from georet.sources.rasters.opening import open_raster_source

        return open_raster_source(path, with_reading(tiling, options, str(path)))
    if suffix in (".mbtiles", ".pmtiles"):
        from georet.sources.archives.mbtiles import MBTiles
        from georet.sources.archives.pmtiles import PMTiles
        from georet.sources.archives.rows import checked_scheme

        check_options(options, ARCHIVE, str(path))
        scheme = checked_scheme(options.get("scheme"), str(path))
        opener = MBTiles if suffix == ".mbtiles" else PMTiles
        return _open_archive(opener(path, scheme=scheme), tiling)
    raise UsageError(
        f"{shown(suffix, 20) if suffix else 'a file without suffix'} is no source of tiles",
        where=str(path),
        hint=f"A source is {KINDS}. gdal_translate {path} area.tif converts other rasters.",
    )


def _open_folder(path: Path, tiling: Tiling, options: dict[str, Any]) -> TileSource:
    from georet.sources import sheets, tiles_csv, vigor
    from georet.sources.archives import rows, xyz

    where = str(path)
    rasters = sheets.rasters_in(path, RASTERS)
    if (path / tiles_csv.FILE).exists():
        check_options(options, LISTED, where)
        refuse_reading(tiling, where)
        return tiles_csv.open_csv(path, tiling, follow=follows_links(options, where))
    if xyz.numeric_folders(path):
        check_options(options, FOLDER, where)
        scheme = rows.checked_scheme(options.get("scheme"), where)
        follow = follows_links(options, where)
        return _open_archive(xyz.XyzFolder(path, scheme=scheme, follow=follow), tiling)
    if vigor.is_named_folder(path):
        check_options(options, LISTED, where)
        refuse_reading(tiling, where)
        return vigor.open_named(path, tiling, follow=follows_links(options, where))
    if rasters:
        return sheets.open_sheets(path, rasters, with_reading(tiling, options, where))
    hint = f"A source is {KINDS}."
    if not any(path.iterdir()):
        raise DataError("the folder is empty", where=where, hint=hint)
    raise DataError("the folder holds no tiles whose place is told", where=where, hint=hint)


def _open_archive(archive: Archive, tiling: Tiling) -> TileSource:
    refuse_reading(tiling, str(archive.path))
    if not tiling.side_m:
        if tiling.overlap:
            raise UsageError(
                "tiles overlap only where they are cut to a size",
                where=str(archive.path),
                hint="Give --side as well, or leave --overlap out.",
            )
        return ArchiveSource(archive, tiling)
    check_void = tiling.max_nodata < 1
    parts = [
        (side, StitchedSurface(archive, tiling.zoom, side, check_void=check_void))
        for side in tiling.side_m
    ]
    return CutSource(parts, tiling)
