"""Tells the kinds of source apart, and opens them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from georet.errors import DataError, UsageError
from georet.plugins import UNSAID, Selection
from georet.sources.archives.archive import Archive, ArchiveSource
from georet.sources.archives.stitched import StitchedSurface
from georet.sources.rasters.cut import CutSource
from georet.suggest import hint_for
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling

RASTERS: Final = (".tif", ".tiff", ".gtiff")
KINDS: Final = (
    "a GeoTIFF (.tif), an archive (.mbtiles, .pmtiles), a folder with {zoom}/{x}/{y}.png, with "
    "tiles.csv or with images called ..._{lat}_{lon}.png, dataset:NAME[:SET], or run:RUN_DIR[:SET]"
)


def open_source(source: str | Path, tiling: Tiling, *, selection: Selection = UNSAID) -> TileSource:
    """Open what holds the tiles; it is told apart by its name and by what lies in it.

    ``area.tif`` (GeoTIFF, COG), ``area.mbtiles``, ``area.pmtiles``; a folder with ``tiles.csv``,
    with ``{zoom}/{x}/{y}.png``, or with images called ``..._{lat}_{lon}.png`` as VIGOR's;
    ``dataset:NAME[:SET][?key=value&...]`` and ``run:RUN_DIR[:SET]``, the gallery of an evaluation
    set (by default the first). ``selection`` says which plugins the latter two may use.

    Raises DataError or UsageError that says what is wrong with the source or can't be done to it.
    """
    source = str(source)
    scheme, _, rest = source.partition(":")
    if scheme in ("dataset", "run") and not Path(source).exists():
        from georet.sources import datasets

        opener = datasets.open_dataset if scheme == "dataset" else datasets.open_run
        return opener(rest, tiling, selection=selection)
    path, options = _with_options(source)
    return _open_folder(path, tiling, options) if path.is_dir() else _open_file(path, tiling)


def _with_options(source: str) -> tuple[Path, dict[str, Any]]:
    """Return path and options of ``folder?scheme=tms``; a path that exists has no options."""
    named, mark, query = source.rpartition("?")
    if not mark or Path(source).exists():
        return Path(source), {}
    from georet.sources.datasets import options_of

    options = options_of(query, where=source)
    for key in options:
        if key != "scheme":
            hint = hint_for(key, ["scheme"], "options")
            raise UsageError(f"there is no option {key!r} here", where=source, hint=hint)
    return Path(named), options


def _open_file(path: Path, tiling: Tiling) -> TileSource:
    suffix = path.suffix.lower()
    if not path.is_file():
        raise DataError("there is no such file or folder", where=str(path))
    if suffix in RASTERS:
        return _open_raster(path, tiling)
    if suffix == ".mbtiles":
        from georet.sources.archives.mbtiles import MBTiles

        return _open_archive(MBTiles(path), tiling)
    if suffix == ".pmtiles":
        from georet.sources.archives.pmtiles import PMTiles

        return _open_archive(PMTiles(path), tiling)
    raise UsageError(
        f"{suffix or 'a file without suffix'} is no source of tiles",
        where=str(path),
        hint=f"A source is {KINDS}. gdal_translate {path} area.tif converts other rasters.",
    )


def _open_folder(path: Path, tiling: Tiling, options: dict[str, Any]) -> TileSource:
    from georet.sources import tiles_csv, vigor
    from georet.sources.archives import xyz

    if (path / tiles_csv.FILE).is_file():
        return tiles_csv.open_csv(path, tiling)
    if xyz.numeric_folders(path):
        tms = {None: None, "xyz": False, "tms": True}
        scheme = options.get("scheme")
        if scheme not in tms:
            raise UsageError(f"scheme is {scheme!r}", where=str(path), hint="It is xyz or tms.")
        return _open_archive(xyz.XyzFolder(path, tms=tms[scheme]), tiling)
    if vigor.is_named_folder(path):
        return vigor.open_named(path, tiling)
    rasters = sorted(p.name for p in path.iterdir() if p.suffix.lower() in RASTERS)
    hint = f"A source is {KINDS}."
    if rasters:
        hint = f"Build a gallery of each raster ({rasters[0]}, ...) and merge them."
    elif not any(path.iterdir()):
        raise DataError("the folder is empty", where=str(path), hint=hint)
    raise DataError("the folder holds no tiles whose place is told", where=str(path), hint=hint)


def _open_raster(path: Path, tiling: Tiling) -> TileSource:
    from georet.sources.rasters.geotiff import RasterSurface
    from georet.sources.rasters.warped import WarpedSource

    surface = RasterSurface(path)
    if tiling.side_m and tiling.zoom is not None:
        raise UsageError(
            "a raster is cut either by --side or by --zoom",
            where=str(path),
            hint="--side cuts it in its own projection, --zoom into Web Mercator tiles.",
        )
    if tiling.zoom is not None:
        _refuse_overlap(path, tiling)
        return WarpedSource(surface, tiling)
    if not tiling.side_m:
        raise UsageError(
            "how large shall the tiles be?",
            where=str(path),
            hint=f"For instance --side {surface.likely_side()}. {surface.size_in_words()}",
        )
    return CutSource([(side, surface) for side in tiling.side_m], tiling)


def _open_archive(archive: Archive, tiling: Tiling) -> TileSource:
    if not tiling.side_m:
        _refuse_overlap(archive.path, tiling)
        return ArchiveSource(archive, tiling)
    check_void = tiling.max_nodata < 1
    parts = [
        (side, StitchedSurface(archive, tiling.zoom, side, check_void=check_void))
        for side in tiling.side_m
    ]
    return CutSource(parts, tiling)


def _refuse_overlap(path: Path, tiling: Tiling) -> None:
    if tiling.overlap:
        raise UsageError(
            "tiles overlap only where they are cut to a size",
            where=str(path),
            hint="Give --side as well, or leave --overlap out.",
        )
