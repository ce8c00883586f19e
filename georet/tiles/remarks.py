"""What sources of tiles have to say: assumptions, and what looks wrong without being an error."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Protocol, runtime_checkable

from georet.types import Pixels

_LEAST: Final = 2
_MANY: Final = 0.1


@runtime_checkable
class Remarking(Protocol):
    """A source, or what it reads from, that has something to say."""

    def remarks(self) -> list[str]:
        """Return lines for people, each with ``warning:`` or ``note:`` before it."""


def remarks_of(source: object) -> list[str]:
    """Return the remarks of a source, none where it makes no remarks; each line once."""
    return list(dict.fromkeys(source.remarks())) if isinstance(source, Remarking) else []


def one_colour_remark(pictures: Iterable[tuple[str, Pixels]], name: str) -> str | None:
    """Return a warning where a tenth or more of tiles have one colour throughout.

    ``pictures`` are ids and uint8[h, w, 3] of tiles from all over the area, ``name`` is the
    source's.
    """
    num, flat = 0, []
    for tile, pixels in pictures:
        num += 1
        if (pixels == pixels[:1, :1]).all():
            flat.append((tile, pixels[0, 0].tolist()))
    if num < _LEAST or len(flat) < _MANY * num:
        return None
    tile, colour = flat[0]
    return (
        f"warning: {name}: {len(flat)} of {num} tiles looked at have one and the same colour "
        f"throughout, such as {tile} with {', '.join(map(str, colour))}. They look like ground "
        "without data: of a raster, --nodata VALUE leaves them out."
    )
