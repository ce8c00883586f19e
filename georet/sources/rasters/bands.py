"""Turns a raster's bands into RGB: which are colours, how samples are scaled, what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from georet.errors import DataError
from georet.sources.rasters.raster import damaged, rasterio_errors
from georet.types import Pixels

STRETCH: Final = (2.0, 98.0)
"""Percentiles between which samples of other types than uint8 are scaled to 0..255."""

_SAMPLE_PX: Final = 1024
_COLOURS: Final = ("red", "green", "blue")


@dataclass(frozen=True)
class Bands:
    """Which bands (from 1) become RGB, and how.

    ``palette`` uint8[256, 3] colours a single band; ``limits`` are the values that become 0 and
    255 (None: uint8, as it is). ``has_void``: some pixels may be without data. ``has_alpha``: a
    band says which.
    """

    indexes: tuple[int, ...]
    palette: Pixels | None
    limits: tuple[float, float] | None
    has_void: bool
    has_alpha: bool

    def as_rgb(self, samples: NDArray[Any], valid: Pixels | None) -> Pixels:
        """Return uint8[h, w, 3] of samples [C, h, w]; black where ``valid`` [h, w] is 0."""
        if self.palette is not None:
            rgb = self.palette[samples[0]]
        else:
            scaled = samples if self.limits is None else _scaled(samples, self.limits)
            rgb = np.moveaxis(np.broadcast_to(scaled, (3, *scaled.shape[1:])), 0, -1)
        rgb = np.ascontiguousarray(rgb, dtype=np.uint8)
        if valid is not None:
            rgb[valid == 0] = 0
        return rgb


def bands_of(raster: Any, path: Path) -> Bands:
    """Decide how the raster's bands become RGB.

    Bands interpreted as red, green and blue are taken; otherwise the first three, or the only one
    as grey (through its palette, where it has one). Samples that are not uint8 are scaled alike
    in all bands, so that 2 % of them (in an overview of at most 1024 pixels a side) become black
    and 2 % white.
    """
    names = [colour.name for colour in raster.colorinterp]
    plain = [i + 1 for i, name in enumerate(names) if name != "alpha"]
    if all(colour in names for colour in _COLOURS):
        indexes = [names.index(colour) + 1 for colour in _COLOURS]
    else:
        indexes = plain[:3] if len(plain) >= 3 else plain[:1]
    if not indexes:
        raise DataError("has no band but a mask", where=str(path))
    types = {raster.dtypes[index - 1] for index in indexes}
    if any(name.startswith("complex") for name in types):
        raise DataError(f"has samples of type {', '.join(types)}, not an image", where=str(path))
    palette = _palette(raster, indexes, path)
    has_alpha = "alpha" in names
    flags = {flag.name for index in indexes for flag in raster.mask_flag_enums[index - 1]}
    limits = None if types == {"uint8"} else _limits(raster, indexes, path)
    return Bands(tuple(indexes), palette, limits, has_alpha or flags != {"all_valid"}, has_alpha)


def read_valid(raster: Any, bands: Bands, size: tuple[int, int], window: Any = None) -> Pixels:
    """Return uint8[h, w] of ``size``, 0 where the raster is without data in all colour bands."""
    shape = (len(bands.indexes), *size)
    masks = raster.read_masks(bands.indexes, out_shape=shape, window=window)
    return np.asarray(masks.max(axis=0), np.uint8)


def _palette(raster: Any, indexes: list[int], path: Path) -> Pixels | None:
    if raster.colorinterp[indexes[0] - 1].name != "palette" or len(indexes) > 1:
        return None
    if raster.dtypes[indexes[0] - 1] != "uint8":
        hint = f"gdal_translate -expand rgb {path} rgb.tif"
        raise DataError("has a palette of more than 256 colours", where=str(path), hint=hint)
    palette = np.zeros((256, 3), np.uint8)
    for value, colour in raster.colormap(indexes[0]).items():
        palette[value] = colour[:3]
    return palette


def _limits(raster: Any, indexes: list[int], path: Path) -> tuple[float, float]:
    shrink = max(1.0, max(raster.height, raster.width) / _SAMPLE_PX)
    size = max(1, int(raster.height / shrink)), max(1, int(raster.width / shrink))
    try:
        samples = raster.read(indexes, out_shape=(len(indexes), *size), masked=True)
    except rasterio_errors() as error:
        raise damaged(path, "(overview)", error) from error
    values = samples.compressed().astype(np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        raise DataError("holds no valid sample", where=str(path))
    low, high = np.percentile(values, STRETCH)
    return float(low), float(high if high > low else low + 1)


def _scaled(samples: NDArray[Any], limits: tuple[float, float]) -> NDArray[Any]:
    low, high = limits
    share = (np.nan_to_num(samples.astype(np.float32), nan=low) - low) / (high - low)
    return np.asarray(np.clip(share, 0, 1) * 255 + 0.5, np.uint8)
