"""What ``georet locate`` and ``track`` were given: a gallery and photos, in this order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from georet.errors import DataError
from georet.gallery.files.manifest import MANIFEST
from georet.photos.camera.cameras import Cameras
from georet.photos.camera.telling import check_told
from georet.photos.finding import find_photos


def photos_named(gallery: Path, photos: Sequence[Path], cameras: Cameras) -> list[Path]:
    """Return the photos in files and folders; DataError where telemetry tells of none of them."""
    check_order(gallery, photos)
    found = find_photos(photos)
    check_told(cameras.telemetry, found)
    return found


def check_order(gallery: Path, photos: Sequence[Path]) -> None:
    """Raise DataError where what stands first is no gallery, and one of the photos is."""
    if (gallery / MANIFEST).is_file():
        return
    for other in photos:
        if (other / MANIFEST).is_file():
            raise DataError(
                "is no gallery", where=str(gallery), hint=f"{other} is one: did you swap them?"
            )
