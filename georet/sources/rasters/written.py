"""Which blocks of a GeoTIFF were ever written: a sparse file leaves out those without data."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from georet.errors import DataError
from georet.types import Bools

_BYTE_COUNTS: Final = (325, 279)
"""Tags with the lengths of tiles, or of strips; 0 for one that was never written."""

_BIG: Final = 43
_MAX_BLOCKS: Final = 2_000_000
"""Of files with more, their table of blocks alone takes long to read."""

_LOOKED_AT: Final = 48


def written_blocks(raster: Any, path: Path) -> Bools | None:
    """Return which blocks bool[rows, columns] of the first band hold data; None where all do.

    None as well where the file doesn't tell, or has more than two million.
    """
    height, width = raster.block_shapes[0]
    shape = -(-raster.height // height), -(-raster.width // width)
    num = shape[0] * shape[1]
    if num > _MAX_BLOCKS:
        _check_some(raster, path, shape)
        return None
    try:
        with path.open("rb") as stream:
            head = stream.read(8)
            head += stream.read(8) if _BIG in (head[2], head[3]) else b""
            directory = ImageFileDirectory_v2(head)
            stream.seek(directory.next)
            directory.load(stream)
            counts = next((directory[t] for t in _BYTE_COUNTS if t in directory), ())
    except Exception:  # Pillow's reader raises many types; GDAL has opened the file
        return None
    lengths = np.atleast_1d(np.asarray(counts))
    if len(lengths) < num or lengths.dtype.kind not in "iu" or lengths[:num].all():
        return None
    return (lengths[:num] > 0).reshape(shape)


def _check_some(raster: Any, path: Path, shape: tuple[int, int]) -> None:
    """Raise DataError where none of many blocks all over the raster was ever written."""
    rows, columns = (np.unique(np.linspace(0, num - 1, _LOOKED_AT).astype(int)) for num in shape)
    for row in rows.tolist():
        for column in columns.tolist():
            if raster.get_tag_item(f"BLOCK_OFFSET_{column}_{row}", "TIFF", bidx=1) is not None:
                return
    raise DataError(
        f"none of {len(rows) * len(columns):,} blocks looked at all over it was ever written",
        where=str(path),
        hint=f"gdalinfo -stats {path} tells whether it holds anything.",
    )
