"""The places of one size of OrbitView, and their tiles and photos, generated when asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import simplejpeg

from georet.types import Doubles, ImageTable, Pixels
from georet_orbitview.cache import Maker, Part
from georet_orbitview.camera import TILE_SIDE_M, Views, draw_views
from georet_orbitview.grid import places
from georet_orbitview.render import render_photo, render_tile
from georet_orbitview.sources import SOURCES, texture

GENERATOR_VERSION: Final = 1
"""Rises with every change that changes an image; older caches are then left alone."""

PHOTO_SOURCE: Final = "blue-marble"
TILE_SOURCE: Final = {"orbitview": "blue-marble", "relief": "relief"}
_PHOTO_QUALITY, _TILE_QUALITY = 85, 92
_VIEWS, _PHOTO = 1, 2


@dataclass(frozen=True)
class World:
    """The R places of a ``size``, and their images of ``px`` x ``px`` pixels below ``root``.

    A place has one tile in each track and any number of photos, told apart by ``render``. What
    they show depends on the fields and on nothing else.
    """

    root: Path
    size: str = "full"
    px: int = 96
    heading: str = "normal"
    seed: int = 0

    @cached_property
    def latlon(self) -> Doubles:
        """Return the places' positions float64[R, 2], which are their tiles' centres."""
        return places(self.size)

    @cached_property
    def ids(self) -> list[str]:
        """Return the places' names."""
        return [f"p{row:05d}" for row in range(len(self.latlon))]

    def tiles(self, track: str) -> ImageTable:
        """Return the R tiles of a track, ``orbitview`` or ``relief``; generate missing ones.

        ``side_m`` is their ground size in metres.
        """
        part = self.tile_part(track)
        part.ensure()
        paths = [part.folder / name for name in part.names]
        side_m = np.full(len(self.ids), TILE_SIDE_M)
        return ImageTable(
            self.ids, paths, self.latlon, name=f"OrbitView {track} tiles", side_m=side_m
        )

    def photos(self, render: int) -> ImageTable:
        """Return photo ``render`` of each of the R places; generate missing ones.

        Positions are the points looked at; the columns say how each photo was taken.
        """
        part, views = self.photo_part(render), self.views(render)
        part.ensure()
        columns = {
            "place": np.arange(len(self.ids)),
            "tilt_rad": views.tilt_rad,
            "heading_rad": views.heading_rad,
        }
        return ImageTable(
            [f"{place}_r{render}" for place in self.ids],
            [part.folder / name for name in part.names],
            views.target_latlon,
            columns,
            name="OrbitView photos",
            heading_deg=np.degrees(views.heading_rad) % 360,
            altitude_m=views.altitude_m,
        )

    def views(self, render: int) -> Views:
        """Return how photo ``render`` of each place is taken."""
        return draw_views(self.latlon, self.heading, self._rng(_VIEWS, render))

    def tile_part(self, track: str) -> Part:
        """Return the folder of a track's tiles."""
        source = TILE_SOURCE[track]

        def prepare() -> Maker:
            pixels = texture(source)
            return lambda row: _encoded(
                render_tile(pixels, self.latlon[row], self.px), _TILE_QUALITY
            )

        about = {"what": "tiles", "track": track, "source": SOURCES[source].sha256}
        return self._part(f"tiles-{track}", prepare, about)

    def photo_part(self, render: int) -> Part:
        """Return the folder of photo ``render`` of all places."""

        def prepare() -> Maker:
            pixels, views = texture(PHOTO_SOURCE), self.views(render)
            return lambda row: _encoded(
                render_photo(pixels, views, row, self.px, self._rng(_PHOTO, render, row)),
                _PHOTO_QUALITY,
            )

        options = {"heading": self.heading, "seed": self.seed, "render": render}
        about = {"what": "photos", **options, "source": SOURCES[PHOTO_SOURCE].sha256}
        return self._part(f"photos-{self.heading}-s{self.seed}-r{render}", prepare, about)

    def _rng(self, stream: int, *which: int) -> np.random.Generator:
        # One generator a photo, so that neither the order nor the number of workers matters.
        return np.random.default_rng([stream, self.seed, *which])

    def _part(self, name: str, prepare: Callable[[], Maker], about: Mapping[str, object]) -> Part:
        folder = self.root / f"v{GENERATOR_VERSION}" / f"{self.size}-{self.px}px" / name
        about = {"generator": GENERATOR_VERSION, "size": self.size, "px": self.px, **about}
        return Part(folder, [f"{place}.jpg" for place in self.ids], prepare, about)


def _encoded(image: Pixels, quality: int) -> bytes:
    content: bytes = simplejpeg.encode_jpeg(image, quality=quality, colorsubsampling="420")
    return content
