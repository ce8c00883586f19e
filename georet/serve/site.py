"""What is served: a gallery, the locator that searches it, its pictures, and sample photos."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import simplejpeg

from georet.blame import maker_of
from georet.data.images import MAX_PIXELS, read_image, within
from georet.data.resizing import is_fast
from georet.errors import DataError
from georet.gallery.credits import credits_of
from georet.gallery.pictures.atlas import decode_thumbnail
from georet.gallery.pictures.mosaic import Pictured
from georet.identity import EncoderIdentity
from georet.locate.question import Question
from georet.page.markup import data_url
from georet.photos.camera.cameras import Cameras
from georet.photos.framing import Framing, Views
from georet.serve.answer import extent, located, told
from georet.serve.basemap import Basemap
from georet.types import Pixels

if TYPE_CHECKING:
    from georet.ground.region import Region
    from georet.locate import Locator

DECODING_BYTES: Final = 2_000_000_000
"""For all photos that are decoded at once; the largest of 8 bits a sample take about as much."""
_PREVIEW_PX, _SAMPLE_PX = 640, 1600
_QUALITY = 85


@dataclass(frozen=True)
class Sample:
    """A photo that the page offers, with the place where it was taken, if that is known."""

    path: Path
    label: str
    latlon: tuple[float, float] | None = None


class Site:
    """Answers the page's questions; every method may be called from several threads."""

    def __init__(
        self,
        gallery: Pictured,
        locator: Locator,
        *,
        name: str,
        encoder: EncoderIdentity | None = None,
        samples: Sequence[Sample] = (),
        max_pixels: int = MAX_PIXELS,
        decoding_bytes: int = DECODING_BYTES,
    ) -> None:
        self.gallery = gallery
        self.samples = samples
        self._locator = locator
        self._name = name
        self._encoder = encoder
        self.max_pixels = max_pixels
        self.decoding_bytes = decoding_bytes
        self._searching = threading.Lock()
        self.basemap = Basemap(gallery)

    @cached_property
    def _framing(self) -> Framing:
        return self._locator.framing(None)

    @cached_property
    def about(self) -> dict[str, Any]:
        """What the page must know of the gallery, as JSON values."""
        tiles, refiner = self.gallery.tiles, getattr(self._locator, "refiner", None)
        owners = credits_of(getattr(self.gallery, "manifest", {}))
        return {
            "name": self._name,
            "num_tiles": len(tiles),
            "side_m": [float(tiles.side_m.min(initial=np.inf)), float(tiles.side_m.max(initial=0))],
            "extent": extent(tiles.latlon),
            "max_zoom": self.basemap.max_zoom,
            "refiner": None if refiner is None else maker_of(refiner).id,
            "encoder": None if self._encoder is None else self._encoder.as_json(),
            **({"credits": owners} if owners else {}),
            "samples": [
                {"label": sample.label, "latlon": sample.latlon} for sample in self.samples
            ],
        }

    def locate(
        self,
        path: Path,
        k: int,
        region: Region | None,
        cameras: Cameras | None = None,
        refines: bool = True,
    ) -> dict[str, Any]:
        """Return JSON values that say where a photo may have been taken; DataError for a bad one.

        ``cameras`` say what somebody knows of the camera, before what the photo tells. The preview
        is made of pixels, so that it holds nothing else of what the file says.
        """
        image = read_image(path, max_pixels=self.max_pixels)
        height, width = image.shape[:2]
        cameras = cameras or Cameras()
        facts = cameras.of(path)
        if self._framing.leaves(facts) and is_fast(self._framing.rule):
            # A rule of scaled decoding needs the file; all others take its pixels.
            size, rule = self._framing.size, self._framing.rule
            views = Views(read_image(path, size=size, rule=rule, max_pixels=self.max_pixels)[None])
        else:
            views = self._framing.views(image, facts)
        preview = data_url(_jpeg(within(image, _PREVIEW_PX)))
        del image  # a refiner reads it once more
        question = Question(k=k, region=region, cameras=cameras, refines=refines)
        with self._searching:
            (location,) = self._locator.answer(
                question, {path: views.pixels}, how={path: views.how}
            )
        photo = {"width": width, "height": height, "preview": preview}
        return {"photo": photo, "camera": told(facts), **located(location, self.gallery.tiles)}

    def tile(self, row: int) -> bytes | None:
        """Return a tile's thumbnail, encoded anew, or None where there is none."""
        if not 0 <= row < len(self.gallery.tiles):
            return None
        content = self.gallery.thumbnail(row)
        if content is None:
            return None
        try:
            return _jpeg(decode_thumbnail(content))
        except ValueError as error:
            raise DataError(f"the thumbnail of tile {row} is damaged: {error}") from None

    def sample(self, number: int) -> bytes | None:
        """Return a sample photo as JPEG, or None where there is none."""
        if not 0 <= number < len(self.samples):
            return None
        return _jpeg(within(read_image(self.samples[number].path), _SAMPLE_PX))


def _jpeg(image: Pixels) -> bytes:
    content: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(image), quality=_QUALITY)
    return content
