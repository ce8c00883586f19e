"""The tiles of a gallery in the resolution of the imagery that it was built from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Final

import cv2
import numpy as np

from georet.contracts.refining import Patch
from georet.errors import DataError, GeoretError
from georet.gallery.stored import StoredGallery
from georet.plugins import UNSAID, Selection
from georet.sources.reopening import reopen_source
from georet.tiles.table import Surrounding, TileSource

_SAME_DEG: Final = 1e-9
"""Corners of a tile that is cut again agree to the last bits."""


class Originals:
    """Reads tiles from a gallery's imagery, and their thumbnails where that is gone or changed.

    The imagery is opened at the first tile that is read; ``selection`` says which plugins may open
    it. ``note`` then says why there are thumbnails only; empty: there is the imagery.
    """

    def __init__(self, gallery: StoredGallery, selection: Selection = UNSAID) -> None:
        self.gallery, self.selection = gallery, selection

    @property
    def note(self) -> str:
        """Why tiles come as thumbnails, in words; empty where they don't."""
        return self._opened[1]

    def tile(self, row: int) -> Patch:
        """Return a tile of the gallery; DataError where there is not even a thumbnail."""
        source, at = self._place_of(row)
        corners = self.gallery.tiles.corners_latlon[row]
        if source is None or at is None:
            return self._thumbnail(row)
        return Patch(source.read(at), corners)

    def around(self, row: int, side_m: float) -> Patch:
        """Return what the imagery shows ``side_m`` metres around a tile, or the tile alone."""
        source, at = self._place_of(row)
        if at is None or not isinstance(source, Surrounding):
            return self.tile(row)
        return Patch.of(*source.read_around(at, side_m))

    def close(self) -> None:
        """Close the imagery; it is opened again when a tile is read."""
        vars(self).pop("_opened", None)

    @cached_property
    def _opened(self) -> tuple[list[tuple[TileSource, dict[str, int]]], str]:
        """The sources, each with the rows of its tiles' ids; and why there are none."""
        described = self.gallery.manifest["settings"]["source"]
        try:
            sources = [reopen_source(one, selection=self.selection) for one in _single(described)]
            rows = [{name: at for at, name in enumerate(s.tiles().ids)} for s in sources]
        except GeoretError as error:
            # Whatever is wrong with imagery that isn't needed for an answer: thumbnails must do.
            return [], f"thumbnails only: {error.where}: {error.what}"
        return list(zip(sources, rows, strict=True)), ""

    def _place_of(self, row: int) -> tuple[TileSource | None, int | None]:
        tiles = self.gallery.tiles
        name = tiles.ids[row]
        for source, rows in self._opened[0]:
            # A merge calls the second tile of an id `id@2`, a joined gallery `name/id`.
            known = (name, name.rpartition("@")[0], name.partition("/")[2])
            at = next((rows[one] for one in known if one in rows), None)
            if at is not None:
                off = np.abs(source.tiles().corners_latlon[at] - tiles.corners_latlon[row])
                if off.max() <= _SAME_DEG:
                    return source, at
        return None, None

    def _thumbnail(self, row: int) -> Patch:
        tiles = self.gallery.tiles
        encoded = self.gallery.thumbnail(row)
        if encoded is None:
            raise DataError(
                f"tile {tiles.ids[row]} has no picture",
                where=str(self.gallery.path),
                hint=self.note or "Build the gallery with thumbnails.",
            )
        picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
        pixels = np.ascontiguousarray(np.asarray(picture, np.uint8)[:, :, ::-1])
        note = self.note or f"thumbnails only: the imagery has no tile {tiles.ids[row]}"
        return Patch(pixels, tiles.corners_latlon[row], is_full=False, note=note)


def _single(described: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the descriptions of the sources that a gallery, of several or not, was built from."""
    if described.get("kind") not in ("merged", "joined"):
        return [described]
    return [one for part in described["of"] for one in _single(part["source"])]
