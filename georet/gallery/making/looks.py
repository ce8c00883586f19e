"""A look at what was built: whether many tiles show nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from georet.data.images import decode_image
from georet.gallery.files.manifest import MANIFEST
from georet.gallery.stored import StoredGallery
from georet.tiles.remarks import one_colour_remark
from georet.types import Pixels

_SHARDS: Final = 4
_ROWS: Final = 12
"""Thumbnails are looked at in so many shards, so many in each."""


def one_colour_warning(folder: Path) -> str | None:
    """Return a warning where many tiles of a finished gallery have one colour, by thumbnails.

    The tiles themselves are not read again: only processes that may die do that.
    """
    if not (folder / MANIFEST).is_file():
        return None
    gallery = StoredGallery.open(folder)
    named = gallery.manifest["settings"]["source"].get("path", str(folder))
    return one_colour_remark(_pictures(gallery), str(named))


def _pictures(gallery: StoredGallery) -> Iterator[tuple[str, Pixels]]:
    sizes = [int(shard["rows"]) for shard in gallery.manifest["shards"]]
    starts = np.cumsum([0, *sizes])
    for shard in _spread(len(sizes), _SHARDS):
        for row in _spread(sizes[shard], _ROWS):
            number = int(starts[shard]) + row
            data = gallery.thumbnail(number)
            if data is not None:
                yield gallery.tiles.ids[number], decode_image(data, gallery.path / str(number))


def _spread(num: int, most: int) -> list[int]:
    """Return at most so many of the numbers from 0 to ``num`` - 1, evenly spread."""
    if not num:
        return []
    rows = np.unique(np.linspace(0, num - 1, most).round().astype(int))
    return [int(row) for row in rows]
