"""A look at a raster before it is cut: what values it has, and which of them look like filling."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from georet.errors import DataError
from georet.extras import need
from georet.sources.rasters.raster import damaged, rasterio_errors
from georet.types import Bools

_SAMPLE_PX: Final = 1024
_PATCHES: Final = 16
_PATCH_PX: Final = 32
_PLAIN_PX: Final = {True: 1 << 24, False: 1 << 28}
"""Rasters (of uint8; of other types) with more pixels and without overviews are looked at in
patches: reduced, they would have to be read whole."""

_FILL_SHARE: Final = 0.05


class Sample(NamedTuple):
    """Values [C, N] of pixels all over a raster, and which of them have data, bool[N]."""

    values: NDArray[Any]
    valid: Bools


def sample_of(raster: Any, indexes: list[int], path: Path) -> Sample:
    """Return pixels of the whole raster read with at most 1024 a side, or of patches all over."""
    is_bytes = {raster.dtypes[index - 1] for index in indexes} == {"uint8"}
    is_small = raster.width * raster.height <= _PLAIN_PX[is_bytes]
    try:
        if is_small or raster.overviews(indexes[0]):
            return _reduced(raster, indexes)
    except rasterio_errors():
        pass  # damaged somewhere: what can be read is looked at, and tiles there are named later
    return _in_patches(raster, indexes, path)


def fill_of(sample: Sample) -> tuple[float, float] | None:
    """Return a value that pixels have in all bands, as filling has, and their share; or None.

    With a single band only its least or greatest value can be one.
    """
    values = sample.values[:, sample.valid]
    if not values.size:
        return None
    same = values[0, (values == values[0]).all(axis=0)]
    found, counts = np.unique(same, return_counts=True)
    if len(found) and len(values) == 1:
        found, counts = found[[0, -1]], counts[[0, -1]]
    if not len(found) or len(np.unique(values[0])) < 3:
        return None
    most = int(np.argmax(counts))
    share = float(counts[most]) / values.shape[1]
    return (float(found[most]), share) if share >= _FILL_SHARE else None


def is_picture(values: NDArray[Any], valid: Bools) -> bool:
    """Say whether a band of values [N] tagged as alpha holds a picture (infrared) instead.

    Masks have few values, and most pixels have the least or the greatest.
    """
    seen = values[valid]
    if not len(seen) or len(np.unique(seen)) < 16:
        return False
    return bool(((seen > seen.min()) & (seen < seen.max())).mean() > 0.5)


def _reduced(raster: Any, indexes: list[int]) -> Sample:
    shrink = max(1.0, max(raster.height, raster.width) / _SAMPLE_PX)
    size = max(1, int(raster.height / shrink)), max(1, int(raster.width / shrink))
    read = raster.read(indexes, out_shape=(len(indexes), *size), masked=True)
    return _flat([read])


def _in_patches(raster: Any, indexes: list[int], path: Path) -> Sample:
    windows = need("rasterio.windows", extra="gallery")
    width, height = min(_PATCH_PX, raster.width), min(_PATCH_PX, raster.height)
    rows = np.linspace(0, raster.height - height, _PATCHES).astype(int).tolist()
    columns = np.linspace(0, raster.width - width, _PATCHES).astype(int).tolist()
    patches = [windows.Window(x, y, width, height) for y in rows for x in columns]
    parts, last = [], None
    for patch in patches:
        try:
            parts.append(raster.read(indexes, window=patch, masked=True))
        except rasterio_errors() as error:
            last = error
    if last is not None and not parts:
        raise damaged(path, "(overview)", last) from last
    return _flat(parts)


def _flat(parts: list[Any]) -> Sample:
    values = [np.ma.getdata(part).reshape(len(part), -1) for part in parts]
    masks = [np.ma.getmaskarray(part).reshape(len(part), -1) for part in parts]
    every, mask = np.concatenate(values, axis=1), np.concatenate(masks, axis=1)
    if every.dtype.kind == "f":
        mask = mask | ~np.isfinite(every)
    return Sample(every, np.asarray(~mask.any(axis=0)))


def percentiles(sample: Sample, shares: tuple[float, float], path: Path) -> tuple[float, float]:
    """Return the values below which the shares (in percent) of the valid samples lie.

    What looks like filling is left out. DataError where no sample is valid.
    """
    valid, fill = sample.valid, fill_of(sample)
    if fill is not None:
        valid = valid & ~(sample.values == fill[0]).all(axis=0)
    values = sample.values[:, valid].astype(np.float64)
    if not values.size:
        raise DataError("holds no valid sample", where=str(path))
    low, high = np.percentile(values, shares)
    return float(low), float(high if high > low else low + 1)
