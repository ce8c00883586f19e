"""georet's own kinds of source, as components: each says what it matches, and opens it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict

from georet.errors import DataError, UsageError
from georet.plugins import UNSAID, Selection
from georet.sources.archives.archive import Archive
from georet.sources.archives.rows import checked_scheme
from georet.sources.archives.stitched import StitchedSurface
from georet.sources.archives.xyz import XyzFolder, numeric_folders
from georet.sources.asked import follows_links, refuse_reading, with_reading
from georet.sources.neighbouring import NeighbouringTiles
from georet.sources.rasters.cut import CutSource
from georet.sources.untrusted import check_regular, is_lfs_pointer
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling

RASTERS: Final = (".tif", ".tiff", ".gtiff")
PICTURES: Final = (".png", ".jpg", ".jpeg", ".webp")
_Numbers = float | str | list[float]


class Raster:
    """A GeoTIFF or COG, or a picture whose place is told; cut, or warped to Web Mercator.

    ``nodata``: the value of pixels without data. ``bands``: which become red, green and blue.
    ``origin`` is the top left corner LAT,LON of a picture, ``resolution`` its pixels' side in
    metres; or ``corners`` are its corners' LAT,LON.
    """

    def __init__(
        self,
        *,
        nodata: _Numbers | None = None,
        bands: _Numbers | None = None,
        origin: _Numbers | None = None,
        resolution: _Numbers | None = None,
        corners: _Numbers | None = None,
    ) -> None:
        said = {
            "nodata": nodata,
            "bands": bands,
            "origin": origin,
            "resolution": resolution,
            "corners": corners,
        }
        self._reading = {key: value for key, value in said.items() if value is not None}

    @staticmethod
    def matches(text: str) -> bool:
        """Say whether it is called like one."""
        return _has_suffix(text, (*RASTERS, *PICTURES)) and not Path(text).is_dir()

    def open(self, text: str, tiling: Tiling) -> TileSource:
        """Open the file."""
        from georet.sources.rasters.opening import open_raster_source

        path = _file(text)
        return open_raster_source(path, with_reading(tiling, self._reading, str(path)))


class Sheets(Raster):
    """A folder of GeoTIFFs, each cut in its own projection; options are those of one raster."""

    @staticmethod
    def matches(text: str) -> bool:
        """Say whether a folder holds rasters."""
        from georet.sources.sheets import rasters_in

        return Path(text).is_dir() and bool(rasters_in(Path(text), RASTERS))

    def open(self, text: str, tiling: Tiling) -> TileSource:
        """Open the folder."""
        from georet.sources.sheets import open_sheets, rasters_in

        path = _folder(text)
        rasters = rasters_in(path, RASTERS)
        if not rasters:
            raise DataError("the folder holds no GeoTIFF", where=text)
        return open_sheets(path, rasters, with_reading(tiling, self._reading, text))


class MBTilesFile:
    """An ``.mbtiles`` file. ``scheme``: rows count from the south (tms) or from the north (xyz)."""

    suffix = ".mbtiles"

    def __init__(self, *, scheme: str | None = None) -> None:
        self._scheme = scheme

    @classmethod
    def matches(cls, text: str) -> bool:
        """Say whether it is called like one."""
        return _has_suffix(text, (cls.suffix,)) and not Path(text).is_dir()

    def open(self, text: str, tiling: Tiling) -> TileSource:
        """Open the file."""
        from georet.sources.archives.mbtiles import MBTiles

        path = _file(text)
        return open_archive(MBTiles(path, scheme=checked_scheme(self._scheme, text)), tiling)


class PMTilesFile(MBTilesFile):
    """A ``.pmtiles`` file. ``scheme``: rows count from the south (tms) or from the north (xyz)."""

    suffix = ".pmtiles"

    def open(self, text: str, tiling: Tiling) -> TileSource:
        """Open the file."""
        from georet.sources.archives.pmtiles import PMTiles

        path = _file(text)
        return open_archive(PMTiles(path, scheme=checked_scheme(self._scheme, text)), tiling)


class Xyz:
    """A folder of ``{zoom}/{x}/{y}.png``.

    ``scheme``: rows count from the south (tms) or from the north (xyz). ``links``: follow allows
    links that leave the folder.
    """

    def __init__(self, *, scheme: str | None = None, links: str | bool | None = None) -> None:
        self._scheme, self._options = scheme, {"links": links}

    @staticmethod
    def matches(text: str) -> bool:
        """Say whether a folder holds folders that are called by numbers."""
        return Path(text).is_dir() and bool(numeric_folders(Path(text)))

    def open(self, text: str, tiling: Tiling) -> TileSource:
        """Open the folder."""
        scheme, follow = checked_scheme(self._scheme, text), follows_links(self._options, text)
        return open_archive(XyzFolder(_folder(text), scheme=scheme, follow=follow), tiling)


class TilesCsv:
    """A folder with ``tiles.csv``. ``links``: follow allows links that leave the folder."""

    def __init__(self, *, links: str | bool | None = None) -> None:
        self._options = {"links": links}

    @staticmethod
    def matches(text: str) -> bool:
        """Say whether a folder holds the table."""
        from georet.sources.tiles_csv import FILE

        return Path(text).is_dir() and (Path(text) / FILE).exists()

    def open(self, text: str, tiling: Tiling) -> TileSource:
        """Open the folder."""
        from georet.sources.tiles_csv import open_csv

        refuse_reading(tiling, text)
        return open_csv(_folder(text), tiling, follow=follows_links(self._options, text))


class NamedImages(TilesCsv):
    """A folder of images called ``..._{lat}_{lon}.png``, as VIGOR's.

    ``links``: follow allows links that leave the folder.
    """

    @staticmethod
    def matches(text: str) -> bool:
        """Say whether a folder holds such an image."""
        from georet.sources.vigor import is_named_folder

        return Path(text).is_dir() and is_named_folder(Path(text))

    def open(self, text: str, tiling: Tiling) -> TileSource:
        """Open the folder."""
        from georet.sources.vigor import open_named

        refuse_reading(tiling, text)
        return open_named(_folder(text), tiling, follow=follows_links(self._options, text))


class DatasetOptions(BaseModel):
    """The data set's own options, whatever they are called."""

    model_config = ConfigDict(extra="allow")


class DatasetGallery:
    """``dataset:NAME[:SET]``: the gallery of an evaluation set; options are the data set's."""

    def __init__(self, options: DatasetOptions) -> None:
        self._options = dict(options.model_extra or {})

    @staticmethod
    def matches(text: str) -> bool:
        """Say that it isn't: it is named."""
        del text
        return False

    def open(self, text: str, tiling: Tiling, *, selection: Selection = UNSAID) -> TileSource:
        """Open the gallery."""
        from georet.sources.datasets import open_dataset

        refuse_reading(tiling, f"dataset:{text}")
        return open_dataset(text, self._options, tiling, selection=selection)


class RunGallery:
    """``run:RUN_DIR[:SET]``: the gallery that a run was judged on."""

    @staticmethod
    def matches(text: str) -> bool:
        """Say that it isn't: it is named."""
        del text
        return False

    def open(self, text: str, tiling: Tiling, *, selection: Selection = UNSAID) -> TileSource:
        """Open the gallery."""
        from georet.sources.datasets import open_run

        refuse_reading(tiling, f"run:{text}")
        return open_run(text, tiling, selection=selection)


def open_archive(archive: Archive, tiling: Tiling) -> TileSource:
    """Return an archive's own tiles, or with ``side_m`` tiles cut out of a level of it."""
    refuse_reading(tiling, str(archive.path))
    if not tiling.side_m:
        if tiling.overlap:
            raise UsageError(
                "tiles overlap only where they are cut to a size",
                where=str(archive.path),
                hint="Give --side as well, or leave --overlap out.",
            )
        return NeighbouringTiles(archive, tiling)
    check_void = tiling.max_nodata < 1
    parts = [
        (side, StitchedSurface(archive, tiling.zoom, side, check_void=check_void))
        for side in tiling.side_m
    ]
    return CutSource(parts, tiling)


def _has_suffix(text: str, suffixes: tuple[str, ...]) -> bool:
    return Path(text).suffix.lower() in suffixes


def _file(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise DataError("there is no such file or folder", where=text)
    check_regular(path)
    num_bytes = path.stat().st_size
    if not num_bytes:
        raise DataError("is empty (0 bytes)", where=text, hint="Fetch or copy the file again.")
    if is_lfs_pointer(path, num_bytes):
        raise DataError(
            "is a Git LFS pointer to the file, not the file itself",
            where=text,
            hint="git lfs pull, in its repository, fetches it.",
        )
    return path


def _folder(text: str) -> Path:
    path = Path(text)
    if not path.exists():
        raise DataError("there is no such file or folder", where=text)
    if not path.is_dir():
        raise UsageError("is a file, and such a source is a folder", where=text)
    return path
