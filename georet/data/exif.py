"""The one thing georet wants from EXIF: which way up an image is."""

from __future__ import annotations

from typing import Final, Literal

import cv2
import numpy as np

from georet.types import Pixels

_ORIENTATION_TAG: Final = 0x0112
_SEGMENT_BYTES: Final = 65_536


def jpeg_orientation(data: bytes) -> int:
    """Return the EXIF orientation 1..8 of a JPEG's bytes; 1 (upright) if there is none."""
    start = data.find(b"Exif\0\0", 0, _SEGMENT_BYTES) + 6
    if start < 6:
        return 1
    order: Literal["little", "big"] = "little" if data[start : start + 2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)

    directory = start + number(start + 4, 4)
    first = directory + 2
    for entry in range(first, first + 12 * number(directory, 2), 12):
        if number(entry, 2) == _ORIENTATION_TAG:
            value = number(entry + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1


def turn_upright(image: Pixels, orientation: int) -> Pixels:
    """Return uint8[H, W, 3] as the camera saw it (orientations 5 to 8 swap H and W).

    Orientations as in EXIF 2.3, section 4.6.4, tag 0x0112.
    """
    if orientation == 1:
        return image
    if orientation >= 5:
        image = np.asarray(cv2.transpose(image), dtype=np.uint8)
    # After the transposition 5 needs nothing more, 6 and 8 a mirror, 7 both.
    mirror = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return image if mirror is None else np.asarray(cv2.flip(image, mirror), dtype=np.uint8)
