"""How many headings a gallery wants tried of photos that tell of none: kept in it by its maker."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from georet.errors import DataError

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery

PHOTOS: Final = "photos.json"
MOST_HEADINGS: Final = 36
_KEY: Final = "headings_tried"


def keep_headings(gallery: StoredGallery, number: int) -> None:
    """Keep in a gallery how many headings are to be tried where none is known and none asked for.

    For encoders that tell north up from other ways up, which most photos are not by themselves.
    """
    gallery.save_addition(PHOTOS, (json.dumps({_KEY: number}) + "\n").encode())


def headings_of(gallery: StoredGallery) -> int:
    """Return how many headings a gallery wants tried, 1 where it says nothing: photos as they are.

    IntegrityError where the file was changed, DataError where it is none of this kind.
    """
    content = gallery.read_addition(PHOTOS)
    if content is None:
        return 1
    where, hint = (
        str(gallery.path / PHOTOS),
        "`--rotations N` of locate and track says it for a call.",
    )
    try:
        values: Any = json.loads(content)
        number = values[_KEY]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"can't be read: {error!r}", where=where, hint=hint) from error
    if type(number) is not int or not 1 <= number <= MOST_HEADINGS:
        raise DataError(
            f"{_KEY} is {number!r}, wanted 1 to {MOST_HEADINGS}", where=where, hint=hint
        )
    return number
