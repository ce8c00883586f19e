"""The data set component ``cityblocks``: street panoramas to be found among overhead tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import numpy as np
from pydantic import Field

from georet.cache import cache_dir as user_cache_dir
from georet.errors import ConfigError
from georet.types import QUERY, REFERENCE, EvaluationSet, ImageTable, Ints, PairTable
from georet_cityblocks.world import TILE_SIDE_M, World
from georet_orbitview.cache import Part

PROTOCOL: Final = "cityblocks:cityblocks"
FIELDS: Final = {"cross-unknown": 360, "cross-180": 180, "cross-90": 90}
"""Evaluation sets whose photos look anywhere, and how many degrees these show."""
COLUMNS: Final = ("city", "place", "yaw_rad", "junction", "edge", "along_m", "offset_m")
"""What is known of each pair; of its photo more is."""
_MOST_OVERLAPS, _SAME_AREA_SHARE = 6, 0.1


class CityBlocks:
    """Panoramas and tiles of made-up cities; what they hold and can show stands in CARD.md.

    ``size``: ``mini`` is for tests. ``held_out`` is the city that judges and never trains.
    ``heading``: the panoramas' middle is north (``known``), or looks anywhere (``unknown``).
    ``px``: side of the tiles; panoramas are as high and twice as wide. ``train_renders``: photos of
    each place that train. ``depth`` adds the pictures of their distances. ``seed`` draws cities,
    photos and all. Images are generated below ``cache_dir`` (by default ``$GEORET_CACHE`` or the
    user's cache folder) when they are missing there.
    """

    def __init__(
        self,
        *,
        size: Literal["full", "mini"] = "full",
        held_out: Annotated[int, Field(ge=0)] | None = None,
        heading: Literal["known", "unknown"] = "known",
        px: Annotated[int, Field(ge=16, multiple_of=4)] = 96,
        train_renders: Annotated[int, Field(ge=1)] = 1,
        depth: bool = False,
        seed: Annotated[int, Field(ge=0)] = 0,
        cache_dir: Path | None = None,
    ) -> None:
        root = user_cache_dir() / "cityblocks" if cache_dir is None else Path(cache_dir)
        self.world = World(root, size, px, heading, seed)
        self.train_renders, self.depth = train_renders, depth
        self.held_out = self.world.num_cities - 1 if held_out is None else held_out
        if self.held_out >= self.world.num_cities:
            raise ConfigError(
                f"there is no city {held_out}; size {size} has {self.world.num_cities}",
                where="cityblocks.held_out",
                hint=f"give 0 to {self.world.num_cities - 1}",
            )
        self.training_cities = [c for c in range(self.world.num_cities) if c != self.held_out]

    def train(self) -> PairTable:
        """Return ``train_renders`` pairs a place, columns COLUMNS, overlaps as semi-positives."""
        tiles = self._training_tiles()
        first = np.cumsum([0, *(len(self.world.places(c)) for c in self.training_cities)])
        photos, rows, overlaps = [], [], []
        for city, start in zip(self.training_cities, first, strict=False):
            kept = np.setdiff1d(np.arange(len(self.world.places(city))), self._same_area(city))
            for render in range(self.train_renders):
                photos.append(self._photos(city, render).take(kept))
                rows.append(start + kept)
                found = self._overlaps(city, render)[kept]
                overlaps.append(np.where(found < 0, -1, found + start))
        queries, own = _joined(photos), np.concatenate(rows)
        pairs = np.stack([np.arange(len(own)), own], axis=1)
        return PairTable(
            {QUERY: queries, REFERENCE: tiles},
            pairs,
            columns={name: queries.columns[name] for name in COLUMNS},
            semi_positives=np.concatenate(overlaps),
        )

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return ``cross``, ``cross-unknown``, ``cross-180``, ``cross-90`` and ``same``."""
        city = self.held_out
        tiles, about = self._tiles(city), f"photos of city {city} among its own tiles"
        rows = np.arange(len(tiles))
        positives = np.concatenate([rows[:, None], self._overlaps(city, 0)], axis=1)
        sets = {
            "cross": EvaluationSet(
                self._photos(city, 0), tiles, positives, PROTOCOL, about=f"{about}, held out"
            )
        }
        for name, degrees in FIELDS.items():
            seen = f"{degrees} degrees, heading unknown"
            photos = self.world.fields(city, 0, degrees)
            sets[name] = EvaluationSet(photos, tiles, positives, PROTOCOL, about=f"{about}, {seen}")
        return sets | {"same": self._same()}

    def parts(self) -> list[Part]:
        """Return the cached folders that this data set uses; ``Part.verify`` reads them whole."""
        found = []
        for city in range(self.world.num_cities):
            renders = range(1 if city == self.held_out else self.train_renders)
            found += [self.world.tile_part(city)]
            found += [self.world.photo_part(city, render) for render in renders]
            if self.depth:
                found += [self.world.depth_part(city, render) for render in renders]
        fields = [self.world.field_part(self.held_out, 0, degrees) for degrees in FIELDS.values()]
        return found + fields

    def _same(self) -> EvaluationSet:
        """Return places of the training cities whose photos don't train, among all tiles there."""
        tiles = self._training_tiles()
        photos, positives, start = [], [], 0
        for city in self.training_cities:
            rows = self._same_area(city)
            overlaps = self._overlaps(city, 0)[rows]
            photos.append(self._photos(city, 0).take(rows))
            own = np.concatenate([rows[:, None], overlaps], axis=1)
            positives.append(np.where(own < 0, -1, own + start))
            start += len(self.world.places(city))
        about = "photos from between training photos among all tiles of the training cities"
        return EvaluationSet(
            _joined(photos), tiles, np.concatenate(positives), PROTOCOL, about=about
        )

    def _same_area(self, city: int) -> Ints:
        """Return the places of a training city that judge instead, in ascending order."""
        num = len(self.world.places(city))
        rng = np.random.default_rng([7, self.world.seed, city])
        return np.sort(rng.choice(num, max(1, round(num * _SAME_AREA_SHARE)), replace=False))

    def _overlaps(self, city: int, render: int) -> Ints:
        """Return int64[N, 6]: other tiles that hold a photo's position, nearest first, -1 pads."""
        places, poses = self.world.places(city), self.world.poses(city, render)
        away = np.abs(poses.xy_m[:, None] - places.xy_m[None]).max(axis=2)
        np.fill_diagonal(away, np.inf)
        nearest = np.argsort(away, axis=1, kind="stable")[:, :_MOST_OVERLAPS]
        inside = np.take_along_axis(away, nearest, axis=1) < TILE_SIDE_M / 2
        return np.where(inside, nearest, -1)

    def _training_tiles(self) -> ImageTable:
        # City by city, tiles with photos, since a city is in memory while its images are made.
        for city in self.training_cities:
            self._tiles(city)
            for render in range(self.train_renders):
                self._photos(city, render)
        return _joined([self._tiles(city) for city in self.training_cities])

    def _tiles(self, city: int) -> ImageTable:
        if city not in self._kept:
            self._kept[city] = self.world.tiles(city)
        return self._kept[city]

    def _photos(self, city: int, render: int) -> ImageTable:
        if (city, render) not in self._kept:
            self._kept[city, render] = self.world.photos(city, render, with_depth=self.depth)
        return self._kept[city, render]

    @cached_property
    def _kept(self) -> dict[Any, ImageTable]:
        return {}


def _joined(tables: Sequence[ImageTable]) -> ImageTable:
    first = tables[0]
    return ImageTable(
        [name for table in tables for name in table.ids],
        [path for table in tables for path in table.paths],
        np.concatenate([table.latlon for table in tables if table.latlon is not None]),
        {key: np.concatenate([t.columns[key] for t in tables]) for key in first.columns},
        first.name,
    )
