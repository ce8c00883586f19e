"""The tiles of an archive as they are, each with what its neighbours show of its surroundings."""

from __future__ import annotations

from functools import cached_property

from georet.errors import UsageError
from georet.sources.archives.archive import ArchiveSource
from georet.sources.archives.stitched import StitchedSurface
from georet.sources.rasters.cut import read_wider
from georet.types import Doubles, Pixels


class NeighbouringTiles(ArchiveSource):
    """The tiles of one level of an archive; what lies around one is stitched of its neighbours."""

    def read_around(self, row: int, side_m: float) -> tuple[Pixels, Doubles]:
        """Return ``side_m`` metres around a tile's centre, less where the archive ends.

        uint8[h, w, 3], black where the archive has no tile, and where points of it lie, as
        ``Surrounding`` says.
        """
        table = self.tiles()
        found = None
        if self._surface is not None:
            window = self._surface.window_of(*self.place(row))
            factor = side_m / float(table.side_m[row])
            found = read_wider(self._surface, window, factor, table.ids[row])
        return found or (self.read(row), table.corners_latlon[row])

    @cached_property
    def _surface(self) -> StitchedSurface | None:
        try:
            return StitchedSurface(self.archive, self.zoom, 1.0, check_void=False)
        except UsageError:  # tiles too far apart for one surface have no neighbours
            return None
