"""GeoTIFFs and COGs as surfaces, in their own projection."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError
from georet.extras import need
from georet.sources.rasters.bands import bands_of, read_valid
from georet.sources.rasters.place import Place
from georet.sources.rasters.prepared import Prepared
from georet.sources.rasters.raster import damaged, latlon_at, rasterio_errors
from georet.sources.rasters.surface import figure, scales_m
from georet.sources.rasters.written import written_blocks
from georet.tiles.fingerprints import fingerprint_file
from georet.tiles.handles import Handle
from georet.tiles.tiling import Tiling
from georet.types import Bools, Doubles, Ints, Pixels

VOID_PROBES: Final = 48
"""A tile's missing data is counted on so many points a side, or on every pixel of smaller ones."""


class RasterSurface:
    """A georeferenced raster; read window by window, from an overview where that is enough.

    ``tiling`` says, where the file doesn't or says it wrongly, which bands are colours, which
    pixels are without data, and where they lie.
    """

    def __init__(self, path: Path, tiling: Tiling | None = None) -> None:
        self.path = Path(path).absolute()
        self._tiling = tiling or Tiling()
        self._handle = Handle(partial(Prepared, self.path, self._tiling))
        prepared = self._handle.get()
        self.place: Place = prepared.place
        raster = prepared.raster
        self.width, self.height = int(raster.width), int(raster.height)
        self.bands, said = bands_of(raster, self.path, prepared.indexes, prepared.alpha)
        self._remarks = [*prepared.remarks, *said]
        self._written = None
        if raster.nodata is None and not self._has_mask(raster):
            self._written = self._summed_blocks(prepared)
        self._check_projection()

    @property
    def is_sparse(self) -> bool:
        """Whether blocks are missing in the file, of which it doesn't say what their lack means."""
        return self._written is not None

    def latlon_at(self, positions: Doubles) -> Doubles:
        """Return where columns and rows float64[N, 2] lie, as [N, 2]."""
        return latlon_at(self.place, positions)

    def remarks(self) -> list[str]:
        """Return what a user should know of how the raster is read."""
        return list(self._remarks)

    def void_shares(self, windows: Doubles) -> Doubles:
        """Return the share float64[R] without data of the windows [R, 4] of one band."""
        starts, ends = windows[:, :2], windows[:, :2] + windows[:, 2:]
        extent = np.array([self.width, self.height])
        low, high = np.clip(starts, 0, extent), np.clip(ends, 0, extent)
        area = windows[:, 2] * windows[:, 3]
        covered = (high - low).prod(axis=1)
        there = np.ones(len(windows))
        if self.bands.has_void:
            there = self._valid_shares(low, high)
        if self._written is not None:
            there = np.minimum(there, self._written_shares(low, high))
        covered = covered * there
        return np.asarray(1 - covered / area)

    def block(self, box: tuple[int, int, int, int], size: tuple[int, int], name: str) -> Pixels:
        """Return left, top, width, height reduced to ``size`` (height, width), uint8[*size, 3].

        DataError, with the tile's ``name``, where the pixels can't be read.
        """
        raster, bands = self.open(), self.bands
        options = {"window": _window(box), "resampling": self._resampling(box, size)}
        try:
            samples = raster.read(bands.indexes, out_shape=(len(bands.indexes), *size), **options)
            valid = None
            if bands.has_void:
                valid = read_valid(raster, bands, size, _window(box))
        except rasterio_errors() as error:
            raise damaged(self.path, name, error) from error
        return bands.as_rgb(samples, valid)

    def describe(self) -> dict[str, Any]:
        """Return kind, path, fingerprint, projection, transform and how bands become colours."""
        return {
            "kind": "geotiff",
            "path": str(self.path),
            "fingerprint": fingerprint_file(self.path),
            "crs": self.place.crs.to_string(),
            "transform": list(self.place.affine)[:6],
            "size": [self.width, self.height],
            "bands": list(self.bands.indexes),
            "scaled_from": None if self.bands.limits is None else list(self.bands.limits),
        }

    def open(self) -> Any:
        """Return this process's rasterio dataset."""
        return self._handle.get().raster

    def size_in_words(self) -> str:
        """Return what the raster covers, for messages."""
        middle = np.array([[self.width / 2, self.height / 2]])
        scale = scales_m(self, middle, np.array([[1.0, 1.0]]))[0]
        extent = scale * [self.width, self.height] / 1000
        return (
            f"The raster covers about {figure(extent[0])} x {figure(extent[1])} km, "
            f"a pixel {figure(scale[0])} x {figure(scale[1])} m."
        )

    def likely_side(self) -> str:
        """Return a size of 256 pixels as one would type it, for messages."""
        middle = np.array([[self.width / 2, self.height / 2]])
        scale = float(scales_m(self, middle, np.array([[1.0, 1.0]])).max())
        side_m = float(f"{256 * scale:.2g}")
        return f"{side_m:g}m" if side_m < 1000 else f"{side_m / 1000:g}km"

    def _has_mask(self, raster: Any) -> bool:
        flags = raster.mask_flag_enums[self.bands.indexes[0] - 1]
        return "all_valid" not in {flag.name for flag in flags}

    def _summed_blocks(self, prepared: Prepared) -> Ints | None:
        """Return how many written blocks lie above and left of each corner, None if all are."""
        written = written_blocks(prepared.source.raster, self.path)
        if written is None:
            return None
        self._remarks.append(
            f"note: {self.path}: {100 * (1 - written.mean()):.0f} % of its blocks were never "
            "written: they count as without data."
        )
        sums = written.cumsum(axis=0, dtype=np.int64).cumsum(axis=1)
        return np.pad(sums, ((1, 0), (1, 0)))

    def _written_shares(self, low: Doubles, high: Doubles) -> Doubles:
        """Return the share float64[R] of written blocks among those that windows touch."""
        height, width = self._handle.get().source.raster.block_shapes[0]
        assert self._written is not None
        first = np.floor(low / [width, height]).astype(int)
        end = np.maximum(np.ceil(high / [width, height]).astype(int), first + 1)
        return _summed_means(self._written, np.hstack([first, end]))

    def _check_projection(self) -> None:
        middle = np.array([[self.width / 2, self.height / 2]])
        grid = np.stack(np.meshgrid(*(np.linspace(0, 1, 5),) * 2), axis=-1).reshape(-1, 2)
        probes = np.concatenate([middle, grid * [self.width, self.height]])
        if not np.isfinite(self.latlon_at(probes)).all(axis=1).any():
            raise DataError(
                "no pixel of it lies on Earth: transform and coordinate system don't match",
                where=str(self.path),
                hint=f"gdalinfo {self.path} shows both; gdal_translate -a_srs EPSG:... corrects "
                "the latter.",
            )

    def _resampling(self, box: tuple[int, int, int, int], size: tuple[int, int]) -> Any:
        kinds = need("rasterio.enums", extra="gallery").Resampling
        is_reduced = (box[3], box[2]) != size
        return kinds.average if is_reduced and self.bands.palette is None else kinds.nearest

    def _valid_shares(self, low: Doubles, high: Doubles) -> Doubles:
        """Return the share float64[R] of valid pixels, from one reduced read of the whole band."""
        top, bottom = int(np.floor(low[:, 1].min())), int(np.ceil(high[:, 1].max()))
        left, right = int(np.floor(low[:, 0].min())), int(np.ceil(high[:, 0].max()))
        smallest = (high - low).min(axis=0)
        reduction = np.maximum(smallest / VOID_PROBES, 1)
        shape = np.array([right - left, bottom - top])
        size = np.maximum(np.ceil(shape / reduction), 1).astype(int)
        box = (left, top, int(shape[0]), int(shape[1]))
        reduced = (int(size[1]), int(size[0]))
        try:
            mask = read_valid(self.open(), self.bands, reduced, _window(box))
        except rasterio_errors():
            # Each on its own, so that only tiles in the damaged part are affected: they count as
            # whole, and whoever reads them learns what is wrong.
            return np.ones(1) if len(low) == 1 else self._shares_one_by_one(low, high)
        scale = size / shape
        begin = np.floor((low - [left, top]) * scale).astype(int)
        end = np.maximum(np.ceil((high - [left, top]) * scale).astype(int), begin + 1)
        return box_means(mask > 0, np.hstack([begin, np.minimum(end, size)]))

    def _shares_one_by_one(self, low: Doubles, high: Doubles) -> Doubles:
        rows = [slice(row, row + 1) for row in range(len(low))]
        return np.concatenate([self._valid_shares(low[row], high[row]) for row in rows])


def box_means(values: Bools, boxes: Ints) -> Doubles:
    """Return the mean float64[R] of a plane [h, w] in boxes [R, 4]: left, top, right, bottom."""
    sums = np.zeros((values.shape[0] + 1, values.shape[1] + 1))
    sums[1:, 1:] = values.cumsum(axis=0, dtype=np.float64).cumsum(axis=1)
    return _summed_means(sums, boxes)


def _summed_means(sums: Doubles | Ints, boxes: Ints) -> Doubles:
    left, top, right, bottom = boxes.T
    inside = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return np.asarray(inside / ((right - left) * (bottom - top)))


def _window(box: tuple[int, int, int, int]) -> Any:
    return need("rasterio.windows", extra="gallery").Window(*box)
