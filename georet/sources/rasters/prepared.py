"""A raster as it shall be read: another value for no data, another band that is a mask."""

from __future__ import annotations

import itertools
import math
import os
from pathlib import Path
from typing import Any, Final

from georet.errors import UsageError
from georet.extras import need
from georet.sources.rasters.bands import alpha_remark, colour_bands
from georet.sources.rasters.place import Place, place_of
from georet.sources.rasters.raster import Opened, open_raster
from georet.tiles.tiling import Tiling

_NUMBERS: Final = itertools.count()


class Prepared:
    """An open raster, its place, colour bands, mask, and what to tell of them."""

    def __init__(self, path: Path, tiling: Tiling) -> None:
        opened = open_raster(path)
        self.place: Place = place_of(opened.raster, path, tiling)
        self.indexes, alpha, remark = colour_bands(opened.raster, path, tiling)
        self.remarks = [remark] if remark else []
        if alpha is not None and not tiling.bands:
            remark = alpha_remark(opened.raster, path, alpha)
            if remark:
                alpha, self.remarks = None, [*self.remarks, remark]
        self.alpha, self.source = alpha, opened
        nodata = _nodata(opened.raster, path, self.indexes, tiling)
        self.raster = _relabelled(opened, alpha, nodata)


def _nodata(raster: Any, path: Path, indexes: list[int], tiling: Tiling) -> float | None:
    """Return the value to be set as that of pixels without data, None to leave it as it is."""
    wanted = tiling.nodata
    if wanted is None or math.isnan(wanted):
        return None
    flags = {flag.name for index in indexes for flag in raster.mask_flag_enums[index - 1]}
    if "per_dataset" in flags and "alpha" not in flags:
        raise UsageError(
            "has a mask that says what is without data: a value can't be given as well",
            where=str(path),
            hint=f"gdal_translate -mask none {path} unmasked.tif drops the mask.",
        )
    integers = [raster.dtypes[i - 1] for i in indexes if "int" in raster.dtypes[i - 1]]
    numpy = need("numpy", extra="gallery")
    for name in integers:
        limits = numpy.iinfo(name)
        if not (limits.min <= wanted <= limits.max and float(wanted).is_integer()):
            raise UsageError(
                f"no pixel can have the value {wanted:g}: samples are {name}",
                where="--nodata",
                hint=f"They run from {limits.min} to {limits.max}.",
            )
    return wanted


def _relabelled(opened: Opened, alpha: int | None, nodata: float | None) -> Any:
    """Return a view of the raster in which these decide what has data; itself where they do."""
    raster = opened.raster
    names = [colour.name for colour in raster.colorinterp]
    now = names.index("alpha") + 1 if "alpha" in names else None
    if (now, None) == (alpha, nodata) or (now == alpha and nodata == raster.nodata):
        return raster
    rasterio = need("rasterio", extra="gallery", what="reading a GeoTIFF")
    copy = need("rasterio.shutil", extra="gallery").copy
    name = f"/vsimem/georet-{os.getpid()}-{next(_NUMBERS)}.vrt"
    copy(raster, name, driver="VRT")
    kinds = rasterio.enums.ColorInterp
    with rasterio.open(name, "r+", driver="VRT") as view:
        if nodata is not None:
            view.nodata = nodata
        if now != alpha:
            plain = [kinds.undefined if n == "alpha" else kinds[n] for n in names]
            view.colorinterp = [
                kinds.alpha if i + 1 == alpha else kind for i, kind in enumerate(plain)
            ]
    return rasterio.open(name, driver="VRT")
