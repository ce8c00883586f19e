"""Many rasters as one surface, by a virtual raster (.vrt); and the tiles of a GeoPackage."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, ClassVar, Final
from xml.etree import ElementTree as ET

from georet.cache import cache_dir
from georet.errors import DataError, UsageError
from georet.files import write_atomic
from georet.sources.rasters.opening import open_raster_source
from georet.sources.rasters.raster import open_raster
from georet.sources.sheets import rasters_in
from georet.sources.untrusted import check_regular, shown
from georet.tiles.fingerprints import fingerprint_files
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling
from georet_imagery.told import Told

SUFFIXES: Final = (".tif", ".tiff", ".gtiff")
_CLOSE: Final = 0.01
"""Shares of a pixel by which rasters of a mosaic may be off its grid."""
_MOST_BYTES: Final = 64 << 20
_PLAIN: Final = (
    "VRTDataset", "VRTRasterBand", "SRS", "GeoTransform", "SimpleSource", "ComplexSource",
    "SourceFilename", "SourceBand", "SourceProperties", "SrcRect", "DstRect", "NoDataValue",
    "ColorInterp", "NODATA", "OverviewList", "Metadata", "MDI", "UseMaskBand", "MaskBand",
    "BlockXSize", "BlockYSize", "Description", "HideNoDataValue", "ColorTable", "Entry",
)  # fmt: skip


class Mosaic:
    """``mosaic:FOLDER``, or a ``.vrt``: GeoTIFFs of one grid, cut across their edges as one."""

    takes_area: ClassVar[bool] = False

    @staticmethod
    def matches(text: str) -> bool:
        """Say whether it is called like a virtual raster."""
        return Path(text).suffix.lower() == ".vrt" and not Path(text).is_dir()

    def open(self, text: str, tiling: Tiling) -> TileSource:
        """Open the folder or the file."""
        path = Path(text)
        if not path.exists():
            raise DataError("there is no such file or folder", where=text)
        if path.is_dir():
            vrt = written(path, rasters_in(path, SUFFIXES))
            parts = [path / name for name in rasters_in(path, SUFFIXES)]
        else:
            check_regular(path)
            vrt, parts = path, parts_of(path)
        about = {
            "kind": "mosaic",
            "path": str(path.absolute()),
            "fingerprint": fingerprint_files((part.name, part) for part in parts),
        }
        return Told(open_raster_source(vrt, tiling), about)


class GeoPackage:
    """The one table of tiles of a GeoPackage; of several, GDAL's translate takes one out."""

    @staticmethod
    def matches(text: str) -> bool:
        """Say whether it is called like one."""
        return Path(text).suffix.lower() == ".gpkg" and not Path(text).is_dir()

    def open(self, text: str, tiling: Tiling) -> TileSource:
        """Open the file."""
        path = Path(text)
        if not path.exists():
            raise DataError("there is no such file or folder", where=text)
        check_regular(path)
        return open_raster_source(path, tiling)


def parts_of(vrt: Path) -> list[Path]:
    """Return the rasters that a virtual raster is made of; DataError for one that is not plain.

    What computes, fetches, or leaves the folder of the file is refused: it could be anybody's.
    """
    if vrt.stat().st_size > _MOST_BYTES:
        raise DataError(f"has more than {_MOST_BYTES:,} bytes", where=str(vrt))
    content = vrt.read_bytes()
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise DataError("has a document type, which virtual rasters haven't", where=str(vrt))
    try:
        root = ET.fromstring(content)  # noqa: S314 - without entities, of limited size
    except ET.ParseError as error:
        raise DataError(f"is no XML: {error}", where=str(vrt)) from error
    odd = next((one.tag for one in root.iter() if one.tag not in _PLAIN), None)
    if root.tag != "VRTDataset" or root.get("subClass") or odd is not None:
        what = odd or root.get("subClass") or root.tag
        raise DataError(
            f"is not put together of rasters alone: {shown(what)}",
            where=str(vrt),
            hint=f"gdal_translate -of COG {vrt} area.tif makes a raster of it.",
        )
    parts: dict[Path, None] = {}
    for source in root.iter("SourceFilename"):
        name = (source.text or "").strip()
        path = (vrt.parent / name if source.get("relativeToVRT") == "1" else Path(name)).resolve()
        is_inside = path.is_relative_to(vrt.parent.resolve())
        if name.startswith("/vsi") or "://" in name or not is_inside:
            raise DataError(
                f"names a file outside of its folder: {shown(name)}",
                where=str(vrt),
                hint="Put the rasters beside it: gdalbuildvrt FOLDER/all.vrt FOLDER/*.tif",
            )
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"names {shown(name)}, which is no GeoTIFF", where=str(vrt))
        check_regular(path)
        parts[path] = None
    if not parts:
        raise DataError("names no raster", where=str(vrt))
    return list(parts)


def written(folder: Path, names: list[str]) -> Path:
    """Write the virtual raster of a folder's GeoTIFFs into the cache, and return its path.

    UsageError unless all of them have one coordinate system, size of pixels, grid and bands.
    """
    if not names:
        raise DataError("the folder holds no GeoTIFF", where=str(folder))
    rasters = [(folder / name, open_raster(folder / name).raster) for name in names]
    first = rasters[0][1]
    for path, raster in rasters:
        _check_like(path, raster, first)
    width, height = first.transform.a, first.transform.e
    left = min(raster.bounds.left for _, raster in rasters)
    top = max(raster.bounds.top for _, raster in rasters)
    right = max(raster.bounds.right for _, raster in rasters)
    bottom = min(raster.bounds.bottom for _, raster in rasters)
    size = {
        "rasterXSize": str(round((right - left) / width)),
        "rasterYSize": str(round((bottom - top) / height)),
    }
    root = ET.Element("VRTDataset", size)
    ET.SubElement(root, "SRS").text = first.crs.to_wkt()
    place = (left, width, 0.0, top, 0.0, height)
    ET.SubElement(root, "GeoTransform").text = ", ".join(map(repr, place))
    for number in range(1, first.count + 1):
        kind = {"dataType": _kind(first.dtypes[number - 1]), "band": str(number)}
        band = ET.SubElement(root, "VRTRasterBand", kind)
        if first.nodata is not None:
            ET.SubElement(band, "NoDataValue").text = repr(first.nodata)
        color = first.colorinterp[number - 1].name.capitalize()
        ET.SubElement(band, "ColorInterp").text = color
        for path, raster in rasters:
            source = ET.SubElement(band, "SimpleSource")
            ET.SubElement(source, "SourceFilename").text = str(path.absolute())
            ET.SubElement(source, "SourceBand").text = str(number)
            whole = {"xSize": str(raster.width), "ySize": str(raster.height)}
            offset = {
                "xOff": str(round((raster.bounds.left - left) / width)),
                "yOff": str(round((raster.bounds.top - top) / height)),
            }
            ET.SubElement(source, "SrcRect", {"xOff": "0", "yOff": "0", **whole})
            ET.SubElement(source, "DstRect", {**offset, **whole})
    content = ET.tostring(root)
    name = hashlib.sha256(content).hexdigest()[:20]
    path = cache_dir() / "imagery" / "mosaics" / f"{name}.vrt"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, content)
    return path


def _check_like(path: Path, raster: Any, first: Any) -> None:
    """Raise UsageError unless two rasters lie on one grid and have the same bands."""
    if raster.crs != first.crs or raster.crs is None:
        what = f"has another coordinate system than the first: {raster.crs} and {first.crs}"
    elif raster.dtypes != first.dtypes or raster.nodata != first.nodata:
        what = f"has other bands than the first: {raster.dtypes} and {first.dtypes}"
    elif (raster.transform.b, raster.transform.d) != (0, 0):
        what = "is turned"
    else:
        pixel = (first.transform.a, first.transform.e)
        off = [
            abs((a - b) / p - round((a - b) / p))
            for a, b, p in (
                (raster.transform.c, first.transform.c, pixel[0]),
                (raster.transform.f, first.transform.f, pixel[1]),
            )
        ]
        scale = max(abs(raster.transform.a / pixel[0] - 1), abs(raster.transform.e / pixel[1] - 1))
        if scale * max(raster.width, raster.height) <= _CLOSE and max(off) <= _CLOSE:
            return
        what = "lies on another grid of pixels than the first"
    raise UsageError(
        what,
        where=str(path),
        hint="As sheets, without mosaic: in front, each is cut on its own; gdalwarp brings "
        "them to one grid.",
    )


def _kind(dtype: str) -> str:
    names = {"uint8": "Byte", "uint16": "UInt16", "int16": "Int16", "float32": "Float32"}
    return names.get(dtype, "Float64")
