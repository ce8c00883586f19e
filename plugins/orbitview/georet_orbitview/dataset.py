"""The data set component ``orbitview``: photos from orbit to be found among nadir tiles."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

import numpy as np

from georet.cache import cache_dir as user_cache_dir
from georet.errors import ConfigError
from georet.types import QUERY, REFERENCE, EvaluationSet, ImageTable, Ints, PairTable
from georet_orbitview.cache import Part
from georet_orbitview.camera import TILE_SIDE_M
from georet_orbitview.earthloc import among_tiles, read_earthloc
from georet_orbitview.splits import NUM_SAME_AREA, Split, split_places
from georet_orbitview.world import World

PROTOCOL: Final = "orbitview"
COLUMNS: Final = ("place", "tilt_rad", "heading_rad", "altitude_m")
"""What is known of each pair; of its photo more is."""


class OrbitView:
    """The embedded benchmark; what it holds and what its scores mean stands in CARD.md.

    ``track``: tiles from the photos' own imagery (``orbitview``) or from an independent map
    (``relief``). ``region``: what is held out of training. ``split``: which question is asked
    first (the main evaluation set); the training set is the same. ``size``: ``mini`` is for tests.
    ``heading``: the camera looks within 45 degrees of north, or anywhere (``hard``). ``px``: side
    of all images. ``train_renders`` and ``eval_renders``: photos of each place that train and
    judge. ``seed`` draws photos and same-area places. Images are generated below ``cache_dir`` (by
    default ``$GEORET_CACHE`` or the user's cache folder) when they are missing there.
    ``astronaut_csv`` and ``astronaut_dir`` add real photos in EarthLoc's format as one more
    evaluation set; by default the images lie in the folder ``queries`` beside the CSV.
    """

    def __init__(
        self,
        *,
        track: Literal["orbitview", "relief"] = "orbitview",
        split: Literal["cross-area", "same-area"] = "cross-area",
        region: Literal["americas", "africa"] = "americas",
        size: Literal["full", "mini"] = "full",
        heading: Literal["normal", "hard"] = "normal",
        px: int = 96,
        train_renders: int = 3,
        eval_renders: int = 1,
        seed: int = 0,
        cache_dir: Path | None = None,
        astronaut_csv: Path | None = None,
        astronaut_dir: Path | None = None,
    ) -> None:
        _check_at_least(1, train_renders=train_renders, eval_renders=eval_renders)
        _check_at_least(16, px=px)
        _check_at_least(0, seed=seed)
        self.track = track
        self.split = split
        self.region = region
        self.train_renders = train_renders
        self.eval_renders = eval_renders
        self.astronaut_csv = astronaut_csv
        self.astronaut_dir = astronaut_dir
        self.world = World(
            user_cache_dir() / "orbitview" if cache_dir is None else Path(cache_dir),
            size,
            px,
            heading,
            seed,
        )

    @cached_property
    def places(self) -> Split:
        """Which places train, are held out, or neither."""
        world = self.world
        return split_places(world.latlon, self.region, NUM_SAME_AREA[world.size], world.seed)

    def train(self) -> PairTable:
        """Return ``train_renders`` pairs for each training place, with columns of the view.

        Columns: ``place``, ``tilt_rad``, ``heading_rad``, ``altitude_m``.
        """
        places = self.places.train
        queries = self._queries(places, self.train_renders)
        rows = np.arange(len(queries))
        pairs = np.stack([rows, rows % len(places)], axis=1)
        views = {QUERY: queries, REFERENCE: self._tiles.take(places)}
        columns = {name: queries.columns[name] for name in COLUMNS}
        return PairTable(views, pairs, columns=columns)

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return the sets ``cross``, ``cross-world``, ``same`` and ``same-dense``.

        With split ``same-area`` the latter two come first; with an ``astronaut_csv`` a fifth set,
        ``astronaut``, stands last.
        """
        split, num = self.places, len(self.world.latlon)
        held_out, same = split.held_out, split.same_area
        kept = np.setdiff1d(np.arange(num), held_out)
        cross, area = f"held-out places ({self.region})", "same-area places"
        sets = {
            "cross": self._evaluation(held_out, held_out, f"{cross} among their own tiles"),
            "cross-world": self._evaluation(held_out, np.arange(num), f"{cross} among all tiles"),
            "same": self._evaluation(same, same, f"{area} among their own tiles"),
            "same-dense": self._evaluation(
                same, kept, f"{area} among all tiles that are not held out, also training ones"
            ),
        }
        order = sorted(sets, key=lambda name: not name.startswith(self.split.split("-")[0]))
        return {name: sets[name] for name in order} | self._astronaut()

    def parts(self) -> list[Part]:
        """Return the cached folders that this data set uses; ``Part.verify`` reads them whole."""
        num = max(self.train_renders, self.eval_renders)
        photos = [self.world.photo_part(render) for render in range(num)]
        return [self.world.tile_part(self.track), *photos]

    def _astronaut(self) -> dict[str, EvaluationSet]:
        if self.astronaut_csv is None:
            return {}
        csv_path = Path(self.astronaut_csv)
        image_dir = Path(self.astronaut_dir or csv_path.with_name("queries"))
        photos = read_earthloc(csv_path, image_dir, missing="skip")
        return {"astronaut": among_tiles(photos, self._tiles, within_m=TILE_SIDE_M / 2)}

    @cached_property
    def _tiles(self) -> ImageTable:
        return self.world.tiles(self.track)

    @cached_property
    def _photos(self) -> dict[int, ImageTable]:
        return {}

    def _queries(self, places: Ints, num_renders: int) -> ImageTable:
        for render in range(num_renders):
            if render not in self._photos:
                self._photos[render] = self.world.photos(render)
        tables = [self._photos[render].take(places) for render in range(num_renders)]
        first = tables[0]
        return ImageTable(
            [name for table in tables for name in table.ids],
            [path for table in tables for path in table.paths],
            np.concatenate([table.latlon for table in tables if table.latlon is not None]),
            {key: np.concatenate([t.columns[key] for t in tables]) for key in first.columns},
            first.name,
        )

    def _evaluation(self, places: Ints, gallery: Ints, about: str) -> EvaluationSet:
        positives = np.tile(np.searchsorted(gallery, places), self.eval_renders)[:, None]
        queries = self._queries(places, self.eval_renders)
        return EvaluationSet(queries, self._tiles.take(gallery), positives, PROTOCOL, about=about)


def _check_at_least(least: int, **options: int) -> None:
    for key, value in options.items():
        if value < least:
            raise ConfigError(f"{key} is {value}", where="orbitview", hint=f"give at least {least}")
