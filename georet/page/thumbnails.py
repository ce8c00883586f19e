"""Small pictures inside the page: JPEG as data addresses, or a box that says what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import simplejpeg

from georet.data.images import read_image, within
from georet.errors import GeoretError
from georet.page.markup import Html, data_url, tag
from georet.types import Pixels

_QUALITY = 82
_PANORAMA = 1.9


@dataclass
class Thumbnails:
    """Makes thumbnails of ``side`` pixels, reading each file once; counts what can't be read."""

    side: int
    num_unreadable: int = 0
    _made: dict[Path, Html | None] = field(default_factory=dict)
    _panoramas: set[Path] = field(default_factory=set)

    def picture(self, path: Path, alt: str) -> Html:
        """Return an image element, or a box with the same text where the file can't be read."""
        if path not in self._made:
            self._made[path] = self._source(path)
        source = self._made[path]
        if source is None:
            return tag("span", "image missing", class_="gap", role="img", aria_label=alt)
        return tag("img", src=source, alt=alt)

    def is_panorama(self, path: Path) -> bool:
        """Return whether a picture already made is about twice as wide as high."""
        return path in self._panoramas

    def _source(self, path: Path) -> Html | None:
        try:
            image = shrunk(read_image(path), self.side)
        except (GeoretError, OSError):
            self.num_unreadable += 1
            return None
        if image.shape[1] > _PANORAMA * image.shape[0]:
            self._panoramas.add(path)
        jpeg = simplejpeg.encode_jpeg(image, quality=_QUALITY, colorspace="RGB")
        return data_url(jpeg)


def shrunk(image: Pixels, side: int) -> Pixels:
    """Return uint8[H, W, 3] scaled so that the shorter side has at most ``side`` pixels.

    Panoramas keep their shape but never get wider than four times that.
    """
    height, width = image.shape[:2]
    return within(image, side * min(4, max(height, width) / min(height, width)))
