"""The data set component ``ortho``: photos rendered from a map, to be found among its tiles."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Final, Literal

import cv2
import numpy as np

from georet.cache import cache_dir as user_cache_dir
from georet.config import SMOOTH_RULE
from georet.data.resizing import resize
from georet.errors import ConfigError
from georet.files import write_atomic
from georet.geodesy import distance_m
from georet.ground.lengths import length_m
from georet.photos.known import open_queries
from georet.plugins import UNSAID
from georet.progress import stage
from georet.types import (
    QUERY,
    REFERENCE,
    Bools,
    Doubles,
    EvaluationSet,
    ImageTable,
    PairTable,
    Pixels,
)
from georet_ortho.adapting.images import TOLD, images_of, tiles_near
from georet_ortho.adapting.job import RIM, blocks_of, open_area
from georet_ortho.adapting.judging import lies_in
from georet_ortho.adapting.settings import Settings
from georet_ortho.blocks import Blocks
from georet_ortho.flights import Flights
from georet_ortho.looks import Look
from georet_ortho.making import Area, Drawn, Plan, draw, take

PROTOCOL: Final = "recall/scaled"
VERSION: Final = 1
"""Of what is rendered: another one is kept in another folder."""
_NEAREST: Final = 16
_CHUNK: Final = 64


class Ortho:
    """Photos of a map with exact truth; training photos keep clear of ground that is held out.

    ``source`` is a map, as ``georet gallery build`` takes it, cut into tiles of ``side`` ("60m")
    with ``overlap``. ``pairs`` photos train, ``judged`` are in each evaluation set. ``camera``,
    ``look``, ``photos_from``, ``dsm`` and ``held_out`` are as in ``georet adapt --help``.
    ``framing``: photos rectified by telemetry with errors (``north``), or as they are (``plain``).
    ``photos``: real ones with known places (CSV), one more evaluation set. ``px``: side of all
    images. Images are kept below ``cache_dir`` (by default ``$GEORET_CACHE`` or the user's cache
    folder), under a hash of all of this.
    """

    def __init__(
        self,
        *,
        source: str,
        side: str,
        overlap: float = 0.5,
        pairs: int = 2000,
        judged: int = 200,
        camera: str = "any",
        look: Look = "strong",
        photos_from: str | None = None,
        dsm: str | None = None,
        held_out: str | None = None,
        photos: str | None = None,
        framing: Literal["north", "plain"] = "north",
        px: int = 128,
        seed: int = 0,
        cache_dir: Path | None = None,
    ) -> None:
        for name, value, least in (("pairs", pairs, 1), ("judged", judged, 1), ("px", px, 16)):
            if value < least:
                hint = f"Give at least {least}."
                raise ConfigError(f"{name} is {value}", where="ortho", hint=hint)
        self.settings = Settings(
            source=source, encoder="", side_m=length_m(side, where="side"), overlap=overlap,
            pairs=pairs, judged=judged, camera=camera, look=look, photos_from=photos_from, dsm=dsm,
            held_out=held_out, seed=seed, size=px,
        )  # fmt: skip
        self.framing, self.photos = framing, photos
        self.flights = Flights.named(camera)
        self._cache_dir = user_cache_dir() / "ortho" if cache_dir is None else Path(cache_dir)

    @cached_property
    def area(self) -> Area:
        """The map, cut into tiles."""
        return open_area(self.settings, UNSAID)

    @cached_property
    def blocks(self) -> Blocks:
        """The ground that is held out of training."""
        return blocks_of(self.settings, self.area)

    @cached_property
    def folder(self) -> Path:
        """Where the images are kept: under a hash of all that decides them."""
        others = [self.settings.photos_from, self.settings.dsm]
        told: dict[str, Any] = {
            "version": VERSION,
            "settings": vars(self.settings),
            "framing": self.framing,
            "source": self.area.source.describe(),
            "others": [_stamp(Path(each)) for each in others if each is not None],
        }
        text = json.dumps(told, sort_keys=True, default=str)
        return self._cache_dir / hashlib.sha256(text.encode()).hexdigest()[:16]

    def train(self) -> PairTable:
        """Return the pairs: a photo, and a tile whose centre lies up to half a step beside it."""
        rim_m = RIM * self.settings.side_m
        photos = self._drawn("train", self.settings.pairs, self.flights, self.settings.look, 1,
                             partial(self.blocks.is_clear, rim_m=rim_m))  # fmt: skip
        rows = np.arange(len(photos))
        views = {QUERY: self._queries(photos), REFERENCE: self._tiles_near(photos)}
        return PairTable(views, np.stack([rows, rows], axis=1))

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return ``held``, ``new``, ``camera``, ``look`` and, where given, ``real``.

        Photos of ground held out; of all of the area; by another camera; in another look; real.
        """
        settings, number = self.settings, self.settings.judged
        other = Flights.named("action" if settings.camera != "action" else "mapping")
        look: Look = "weak" if settings.look == "strong" else "strong"
        drawn = {
            "held": self._drawn("held", number, self.flights, settings.look, 3,
                                self.blocks.is_held),
            "new": self._drawn("new", number, self.flights, settings.look, 2),
            "camera": self._drawn("camera", number, other, settings.look, 4),
            "look": self._drawn("look", number, self.flights, look, 5),
        }  # fmt: skip
        found = {
            name: self._evaluation(self._queries(photos), _about(name))
            for name, photos in drawn.items()
        }
        if self.photos is not None:
            known = open_queries(self.photos)
            names = [f"{row:06d}" for row in range(len(known.paths))]
            queries = ImageTable(names, list(known.paths), known.latlon, name="real photos")
            found["real"] = self._evaluation(queries, "real photos as they are")
        return found

    def _drawn(
        self,
        name: str,
        number: int,
        flights: Flights,
        look: Look,
        offset: int,
        allowed: Callable[[Doubles], Bools] | None = None,
    ) -> list[Drawn]:
        plan = Plan(name, number, flights, look, 1_000 * self.settings.seed + offset, 320)
        return draw(self.area, plan, allowed)

    def _queries(self, photos: Sequence[Drawn]) -> ImageTable:
        """Return the photos as they are searched for, rendered where they are missing."""
        paths = []
        with stage(len(photos), f"photos: {photos[0].plan.name}") as bar:
            for each in photos:
                path = self.folder / each.name
                if self.framing == "north":
                    path = self.folder / "north" / each.name.replace(".jpg", ".png")
                if not path.is_file():
                    photo = take(self.area, each, self.folder)
                    if self.framing == "north":
                        px, side_m = self.settings.size, self.area.side_m
                        _keep(path, images_of(TOLD, photo, each, side_m, px)[0])
                paths.append(path)
                bar.advance(1)
        poses = [each.shot.camera.pose for each in photos]
        return ImageTable(
            [each.name for each in photos],
            paths,
            np.stack([each.shot.latlon for each in photos]),
            name=photos[0].plan.name,
            heading_deg=np.degrees([pose.heading_rad for pose in poses]) % 360,
            altitude_m=np.array([pose.height_m for pose in poses]),
        )

    def _tiles_near(self, photos: Sequence[Drawn]) -> ImageTable:
        centres, paths = [], []
        for start in range(0, len(photos), _CHUNK):
            chunk = photos[start : start + _CHUNK]
            images, found = tiles_near(self.area, chunk, self.settings.size)
            centres.append(found)
            for image, each in zip(images, chunk, strict=True):
                path = self.folder / "beside" / each.name.replace(".jpg", ".png")
                if not path.is_file():
                    _keep(path, image)
                paths.append(path)
        ids = [each.name for each in photos]
        return ImageTable(ids, paths, np.concatenate(centres), name="tiles beside photos")

    @cached_property
    def _gallery(self) -> ImageTable:
        tiles, px, paths = self.area.tiles, self.settings.size, []
        with stage(len(tiles), "tiles") as bar:
            for row in range(len(tiles)):
                path = self.folder / "tiles" / f"{row:06d}.png"
                if not path.is_file():
                    _keep(path, resize(self.area.source.read(row), (px, px), SMOOTH_RULE))
                paths.append(path)
                bar.advance(1)
        return ImageTable(
            list(tiles.ids), paths, tiles.latlon, name="tiles",
            corners_latlon=tiles.corners_latlon, side_m=tiles.side_m,
        )  # fmt: skip

    def _evaluation(self, queries: ImageTable, about: str) -> EvaluationSet:
        assert queries.latlon is not None
        positives = [self._tiles_at(latlon) for latlon in queries.latlon]
        return EvaluationSet(queries, self._gallery, positives, PROTOCOL, about=about)

    def _tiles_at(self, latlon: Doubles) -> list[int]:
        """Return the rows of the tiles on which a place [2] lies, nearest centre first."""
        tiles = self.area.tiles
        nearest = np.argsort(distance_m(latlon[None], tiles.latlon), kind="stable")[:_NEAREST]
        places = np.repeat(latlon[None], len(nearest), axis=0)
        inside = lies_in(places, tiles.corners_latlon[nearest])
        found: list[int] = nearest[inside].tolist()
        return found


def _stamp(path: Path) -> tuple[int, int]:
    """Return the size and time of a file, zeros of what is none."""
    found = path.stat() if path.is_file() else None
    return (0, 0) if found is None else (found.st_size, found.st_mtime_ns)


def _about(name: str) -> str:
    return {
        "held": "photos of ground held out",
        "new": "new photos of all of the area",
        "camera": "photos by another camera",
        "look": "photos in another look",
    }[name]


def _keep(path: Path, image: Pixels) -> None:
    content = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, content)
