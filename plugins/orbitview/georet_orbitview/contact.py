"""Pictures of the data set for documentation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

from georet.errors import DataError, UsageError
from georet.types import Pixels

if TYPE_CHECKING:
    from pathlib import Path

    from georet_orbitview.dataset import OrbitView

_GAP_PX: Final = 6


def contact_sheet(dataset: OrbitView, places: Sequence[int], num_columns: int = 4) -> Pixels:
    """Return uint8[H, W, 3]: of each place its photo and, right of it, its tile, on white.

    ``places`` are rows of ``dataset.world``; the tiles are those of the data set's track.
    """
    if not len(places):
        raise UsageError("a contact sheet needs at least one place", where="orbitview")
    photos, tiles = dataset.world.photos(0), dataset.world.tiles(dataset.track)
    cells = [
        np.pad(
            np.hstack([_image(photos.paths[row]), _image(tiles.paths[row])]),
            ((0, _GAP_PX), (0, _GAP_PX), (0, 0)),
            constant_values=255,
        )
        for row in places
    ]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % num_columns)
    lines = [np.hstack(cells[i : i + num_columns]) for i in range(0, len(cells), num_columns)]
    return np.vstack(lines)


def _image(path: Path) -> Pixels:
    decoded = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if decoded is None:
        raise DataError("can't be decoded", where=str(path))
    return np.ascontiguousarray(decoded[:, :, ::-1], dtype=np.uint8)
