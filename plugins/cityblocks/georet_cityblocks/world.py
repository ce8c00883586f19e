"""The cities of one seed, and their tiles and photos, generated when asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from georet.geodesy import latlon_of_plane
from georet.types import Doubles, ImageTable, Ints
from georet_cityblocks.streets import Places, Streets, draw_streets, place_points
from georet_orbitview.cache import Maker, Part

if TYPE_CHECKING:
    from georet_cityblocks.building import City

GENERATOR_VERSION: Final = 1
"""Rises with every change that changes an image; older caches are then left alone."""

TILE_SIDE_M: Final = 50.0
CAMERA_M: Final = 2.2
"""Height of the panoramas' camera above the ground."""
NUM_SIDE: Final = {"full": 13, "mini": 3}
NUM_CITIES: Final = {"full": 4, "mini": 2}
_APART_M: Final = 4000.0
_OFFSET_M: Final = (4.0, 0.8)
"""How far photos may lie from their place, along the street and across it."""
_POSES, _PHOTO, _TILE, _FLIGHT, _FIELD = 1, 2, 3, 4, 5


class Poses(NamedTuple):
    """Where the N photos of a city were taken: metres [N, 2] within it, and headings [N]."""

    xy_m: Doubles
    heading_rad: Doubles

    @property
    def eyes(self) -> Doubles:
        """Return the camera's positions float64[N, 3]."""
        return np.insert(self.xy_m, 2, CAMERA_M, axis=1)


@dataclass(frozen=True)
class World:
    """The cities of a ``seed``, with images below ``root``: tiles ``px`` square, photos px x 2 px.

    A place has one tile and any number of photos, told apart by ``render``. What they show depends
    on the fields and on nothing else.
    """

    root: Path
    size: str = "full"
    px: int = 96
    heading: str = "known"
    seed: int = 0

    @property
    def num_cities(self) -> int:
        """How many cities there are."""
        return NUM_CITIES[self.size]

    def streets(self, city: int) -> Streets:
        """Return a city's road graph, metres from the city's middle."""
        return self._plans[city][0]

    def places(self, city: int) -> Places:
        """Return a city's places, by whose rows tiles and photos are numbered."""
        return self._plans[city][1]

    def city(self, city: int) -> City:
        """Return a city with all that stands in it; this takes seconds."""
        from georet_cityblocks.making import built

        return built(NUM_SIDE[self.size], self.seed, city)

    def origin_m(self, city: int) -> Doubles:
        """Return a city's middle on the plane that all cities share, easting and northing."""
        return (np.array([city % 2, city // 2]) - 0.5) * _APART_M

    def ids(self, city: int) -> list[str]:
        """Return the names of a city's places."""
        return [f"c{city}p{row:04d}" for row in range(len(self.places(city)))]

    def poses(self, city: int, render: int) -> Poses:
        """Return where photo ``render`` of each place was taken, and its middle's heading."""
        rng, places = self._rng(_POSES, city, render), self.places(city)
        num = len(places)
        # Along one of the streets that meet at the place.
        arm = (rng.random(num) * (places.neighbours >= 0).sum(axis=1)).astype(int)
        bearing = np.radians(places.bearings_deg[np.arange(num), arm])
        along, across = rng.uniform(-1, 1, (2, num)) * np.array(_OFFSET_M)[:, None]
        east = along * np.sin(bearing) + across * np.cos(bearing)
        north = along * np.cos(bearing) - across * np.sin(bearing)
        heading = rng.uniform(0, 2 * np.pi, num) if self.heading == "unknown" else np.zeros(num)
        return Poses(places.xy_m + np.stack([east, north], axis=1), heading)

    def tiles(self, city: int) -> ImageTable:
        """Return a city's tiles, one a place, north up; generate missing ones."""
        part, plane = self.tile_part(city), self.places(city).xy_m + self.origin_m(city)
        part.ensure()
        num = len(plane)
        columns: dict[str, Any] = {"easting_m": plane[:, 0], "northing_m": plane[:, 1]}
        return ImageTable(
            self.ids(city),
            [part.folder / name for name in part.names],
            latlon_of_plane(plane),
            columns | {"city": np.full(num, city), "place": np.arange(num)},
            name="CityBlocks tiles",
            side_m=np.full(num, TILE_SIDE_M),
            heading_deg=np.zeros(num),
        )

    def photos(self, city: int, render: int, *, with_depth: bool = False) -> ImageTable:
        """Return photo ``render`` of each place of a city; generate missing ones.

        With ``with_depth`` the column ``depth_file`` names pictures of uint16 centimetres, 0: sky.
        """
        part, places, poses = (
            self.photo_part(city, render),
            self.places(city),
            self.poses(city, render),
        )
        part.ensure()
        plane, num = poses.xy_m + self.origin_m(city), len(places)
        columns: dict[str, Any] = {
            "easting_m": plane[:, 0],
            "northing_m": plane[:, 1],
            "city": np.full(num, city),
            "place": np.arange(num),
            "yaw_rad": poses.heading_rad,
            "offset_m": poses.xy_m - places.xy_m,
            "junction": places.junction,
            "edge": places.edge,
            "along_m": places.along_m,
            "bearings_deg": places.bearings_deg,
        }
        if with_depth:
            depths = self.depth_part(city, render)
            depths.ensure()
            columns["depth_file"] = np.array([str(depths.folder / name) for name in depths.names])
        return ImageTable(
            [f"{place}_r{render}" for place in self.ids(city)],
            [part.folder / name for name in part.names],
            latlon_of_plane(plane),
            columns,
            name="CityBlocks photos",
            heading_deg=np.degrees(poses.heading_rad),
            altitude_m=np.full(num, CAMERA_M),
        )

    def tile_part(self, city: int) -> Part:
        """Return the folder of a city's tiles."""

        def prepare() -> Maker:
            from georet_cityblocks.making import tile_maker

            flight = self._rng(_FLIGHT, city)
            return tile_maker(
                self.city(city), TILE_SIDE_M, self.px, flight, self._rng_of(_TILE, city)
            )

        return self._part(f"tiles-c{city}", city, ".jpg", prepare, what="tiles")

    def photo_part(self, city: int, render: int) -> Part:
        """Return the folder of photo ``render`` of a city's places."""

        def prepare() -> Maker:
            from georet_cityblocks.making import photo_maker

            poses, rng_of = self.poses(city, render), self._rng_of(_PHOTO, city, render)
            return photo_maker(self.city(city), poses.eyes, poses.heading_rad, self.px, rng_of)

        name = f"photos-{self.heading}-c{city}-r{render}"
        about = {"heading": self.heading, "render": render}
        return self._part(name, city, ".jpg", prepare, what="photos", **about)

    def depth_part(self, city: int, render: int) -> Part:
        """Return the folder of the depths of photo ``render``: PNG, uint16 centimetres, 0: sky."""

        def prepare() -> Maker:
            from georet_cityblocks.making import depth_maker

            poses = self.poses(city, render)
            return depth_maker(self.city(city), poses.eyes, poses.heading_rad, self.px)

        name = f"depths-{self.heading}-c{city}-r{render}"
        about = {"heading": self.heading, "render": render}
        return self._part(name, city, ".png", prepare, what="depths", **about)

    def field_part(self, city: int, render: int, degrees: int) -> Part:
        """Return the folder of photos ``render``, turned by any angle and cut to ``degrees``.

        They keep their size; what lies outside the field, to the left and right, is black.
        """
        whole = self.photo_part(city, render)

        def prepare() -> Maker:
            from georet_cityblocks.making import field_maker

            paths = [whole.folder / name for name in whole.names]
            return field_maker(paths, self._shift(city, render, degrees), degrees)

        name = f"field{degrees}-{self.heading}-c{city}-r{render}"
        about = {"heading": self.heading, "render": render, "degrees": degrees}
        return self._part(name, city, ".jpg", prepare, what="fields", **about)

    def fields(self, city: int, render: int, degrees: int) -> ImageTable:
        """Return the photos of ``field_part`` with the headings of their middles."""
        photos, part = self.photos(city, render), self.field_part(city, render, degrees)
        part.ensure()
        assert photos.heading_deg is not None
        turned_deg = self._shift(city, render, degrees) * 180 / self.px
        heading_deg = (photos.heading_deg + turned_deg) % 360
        return ImageTable(
            [f"{name}_{degrees}" for name in photos.ids],
            [part.folder / name for name in part.names],
            photos.latlon,
            {**photos.columns, "heading_deg": heading_deg, "yaw_rad": np.radians(heading_deg)},
            name=photos.name,
        )

    def _shift(self, city: int, render: int, degrees: int) -> Ints:
        rng = self._rng(_FIELD, city, render, degrees)
        return rng.integers(0, 2 * self.px, len(self.places(city)))

    @cached_property
    def _plans(self) -> list[tuple[Streets, Places]]:
        drawn = [
            draw_streets(NUM_SIDE[self.size], self.seed, city) for city in range(self.num_cities)
        ]
        return [(streets, place_points(streets)) for streets in drawn]

    def _rng(self, stream: int, *which: int) -> np.random.Generator:
        return np.random.default_rng([stream, self.seed, *which])

    def _rng_of(self, stream: int, *which: int) -> Callable[[int], np.random.Generator]:
        return lambda row: self._rng(stream, *which, row)

    def _part(
        self, name: str, city: int, suffix: str, prepare: Callable[[], Maker], **about: object
    ) -> Part:
        folder = self.root / f"v{GENERATOR_VERSION}" / f"{self.size}-{self.px}px-s{self.seed}"
        made = {"generator": GENERATOR_VERSION, "size": self.size, "px": self.px, "city": city}
        names = [f"{place}{suffix}" for place in self.ids(city)]
        return Part(
            folder / name, names, prepare, {**made, "seed": self.seed, **about}, "CityBlocks"
        )
