"""Turns a raster's bands into RGB: which are colours, how samples are scaled, what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from georet.errors import DataError, UsageError
from georet.sources.rasters.sampled import fill_of, is_picture, percentiles, sample_of
from georet.tiles.tiling import Tiling
from georet.types import Pixels

STRETCH: Final = (2.0, 98.0)
"""Percentiles between which samples of other types than uint8 are scaled to 0..255."""

_COLOURS: Final = ("red", "green", "blue")
_NAMES: Final = (_COLOURS, ("r", "g", "b"), ("b04", "b03", "b02"))
"""What bands are called that are red, green and blue; the last are Sentinel-2's."""


@dataclass(frozen=True)
class Bands:
    """Which bands (from 1) become RGB, and how.

    ``palette`` uint8[256, 3] colours a single band; ``limits`` are the values that become 0 and
    255 (None: uint8, as it is). ``has_void``: some pixels may be without data. ``alpha``: the band
    that says which; ``is_float``: those that are no number.
    """

    indexes: tuple[int, ...]
    palette: Pixels | None
    limits: tuple[float, float] | None
    has_void: bool
    alpha: int | None
    is_float: bool = False

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


def colour_bands(raster: Any, path: Path, tiling: Tiling) -> tuple[list[int], int | None, str]:
    """Return the bands that become RGB or grey, the one that says what has data, and a remark.

    Those that the user names; else those that are interpreted as red, green and blue, or called
    so; else the first three, or the only one.
    """
    if tiling.bands:
        return *_asked(raster, path, tiling.bands), ""
    names = [colour.name for colour in raster.colorinterp]
    alpha = names.index("alpha") + 1 if "alpha" in names else None
    plain = [i + 1 for i, name in enumerate(names) if name != "alpha"]
    if not plain:
        raise DataError("has no band but a mask", where=str(path))
    if all(colour in names for colour in _COLOURS):
        return [names.index(colour) + 1 for colour in _COLOURS], alpha, ""
    called = [str(text or "").strip().lower() for text in raster.descriptions]
    for wanted in _NAMES:
        if all(called.count(name) == 1 for name in wanted):
            return [called.index(name) + 1 for name in wanted], alpha, ""
    if len(plain) >= 3:
        remark = (
            f"warning: {path}: nothing says which of its {len(plain)} bands are red, green and "
            f"blue: {', '.join(map(str, plain[:3]))} are taken. Many satellites store blue first: "
            "then add --bands 3,2,1, or ?bands=3,2,1 to the file's name."
        )
        return plain[:3], alpha, remark
    remark = f"warning: {path}: of its 2 bands only the first is shown, as grey (--bands)."
    return plain[:1], alpha, remark if len(plain) == 2 else ""


def bands_of(
    raster: Any, path: Path, indexes: list[int], alpha: int | None
) -> tuple[Bands, list[str]]:
    """Decide how a raster's colour bands become RGB, and return what to tell of it.

    Palettes are expanded. Samples that are not uint8 are scaled alike in all bands, so that 2 %
    of them (of the raster read with at most 1024 pixels a side, without what looks like filling)
    become black and 2 % white.
    """
    types = {raster.dtypes[index - 1] for index in indexes}
    if any(name.startswith("complex") for name in types):
        raise DataError(f"has samples of type {', '.join(types)}, not an image", where=str(path))
    palette = _palette(raster, indexes, path)
    is_float = any(name.startswith("float") for name in types)
    flags = {flag.name for index in indexes for flag in raster.mask_flag_enums[index - 1]}
    sample, remarks = sample_of(raster, indexes, path), []
    limits = None
    if types != {"uint8"}:
        limits = percentiles(sample, STRETCH, path)
        remarks.append(
            f"note: {path}: samples are {', '.join(sorted(types))}: {limits[0]:g} becomes black, "
            f"{limits[1]:g} white (2 % lie below, 2 % above)."
        )
    fill = None if palette is not None else fill_of(sample)
    if fill is not None:
        remarks.append(
            f"warning: {path}: {100 * fill[1]:.0f} % of the pixels with data are exactly "
            f"{fill[0]:g} in all bands. If that means no data, add --nodata {fill[0]:g}."
        )
    has_void = alpha is not None or is_float or flags != {"all_valid"}
    return Bands(tuple(indexes), palette, limits, has_void, alpha, is_float), remarks


def alpha_remark(raster: Any, path: Path, alpha: int) -> str:
    """Return a remark where the band tagged as alpha holds a picture, else an empty text."""
    sample = sample_of(raster, [alpha], path)
    if not is_picture(sample.values[0], np.ones_like(sample.valid)):
        return ""
    return (
        f"warning: {path}: band {alpha} is tagged as alpha, but holds a picture (infrared, "
        f"perhaps): it isn't taken for a mask. If it is one, add --bands 1,2,3,{alpha}, or "
        f"?bands=1,2,3,{alpha} to the file's name."
    )


def read_valid(
    raster: Any,
    bands: Bands,
    size: tuple[int, int],
    window: Any = None,
    *,
    alpha: int | None = None,
) -> Pixels:
    """Return uint8[h, w] of ``size``, 0 where the raster is without data in all colour bands.

    ``alpha`` is a band that was added when the raster was warped.
    """
    alpha = alpha or bands.alpha
    shape = (len(bands.indexes), *size)
    masks = raster.read_masks(bands.indexes, out_shape=shape, window=window)
    valid = np.asarray(masks.max(axis=0), np.uint8)
    if alpha is not None:
        # A value for no data hides the alpha band from GDAL's masks, and so do types other than
        # uint8 and uint16.
        valid[raster.read(alpha, out_shape=size, window=window) == 0] = 0
    if bands.is_float:
        samples = raster.read(bands.indexes, out_shape=shape, window=window)
        # A pixel of which one band is no number has no colour.
        valid[~np.isfinite(samples).all(axis=0)] = 0
    return valid


def _asked(raster: Any, path: Path, bands: tuple[int, ...]) -> tuple[list[int], int | None]:
    if max(bands) > raster.count:
        raise UsageError(
            f"there is no band {max(bands)}: it has {raster.count}",
            where=str(path),
            hint="--bands 3,2,1 names red, green and blue; a fourth says which pixels hold data.",
        )
    num = 3 if len(bands) >= 3 else 1
    return list(bands[:num]), bands[num] if len(bands) > num else None


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


def _scaled(samples: NDArray[Any], limits: tuple[float, float]) -> NDArray[Any]:
    low, high = limits
    share = (np.nan_to_num(samples.astype(np.float32), nan=low) - low) / (high - low)
    return np.asarray(np.clip(share, 0, 1) * 255 + 0.5, np.uint8)
