"""What a component of the kind ``sources`` must do: open what holds tiles."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling


@runtime_checkable
class SourceOpener(Protocol):
    """Opens one kind of source; made anew for each, with the options in ``TEXT?key=value``.

    Its class has ``matches``, static, since that is asked before any option is known.
    """

    @staticmethod
    def matches(text: str, /) -> bool:
        """Say whether ``text``, a path or anything else without its options, is of this kind.

        Cheap: a suffix, or what a folder holds. Not asked where the user named the kind.
        """

    def open(self, text: str, tiling: Tiling, /) -> TileSource:
        """Open it; DataError or UsageError says what is wrong, or can't be done to it.

        ``tiling`` says how to cut; what it asks and this kind can't do is to be refused.
        """
