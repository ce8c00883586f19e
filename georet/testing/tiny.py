"""A tiny geographic data set of real JPEG files: procedural tiles, and crops of them as queries."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from georet.errors import ConfigError
from georet.files import write_atomic
from georet.types import (
    QUERY,
    REFERENCE,
    Doubles,
    EvaluationSet,
    Floats,
    ImageTable,
    Ints,
    PairTable,
    Pixels,
)

_GRID_STEP_LATLON = 0.01
_ORIGIN_LATLON = (46.0, 7.0)


class TinyDataset:
    """Data set ``tiny``: ``num_places`` for training, ``num_held_out`` others for evaluation.

    Each place has one reference and ``queries_per_place`` queries, which are turned, zoomed and
    shifted crops of the same ground in another light. Places stand on a grid with a step of about
    a kilometre. Images are written below ``root`` when they are missing there; the same options
    always give the same images.
    """

    def __init__(
        self,
        *,
        root: Path,
        num_places: int = 24,
        num_held_out: int = 12,
        queries_per_place: int = 1,
        size: int = 48,
        protocol: str = "orbitview",
        seed: int = 0,
    ) -> None:
        options = {
            "num_places": num_places,
            "num_held_out": num_held_out,
            "queries_per_place": queries_per_place,
        }
        for key, value in options.items():
            if value < 1:
                raise ConfigError(f"{key} is {value}", where="tiny", hint="give at least 1")
        self.root = Path(root)
        self.num_places = num_places
        self.num_held_out = num_held_out
        self.queries_per_place = queries_per_place
        self.size = size
        self.protocol = protocol
        self.seed = seed

    def train(self) -> PairTable:
        """Return num_places * queries_per_place pairs, with the column ``yaw_rad``."""
        return self._pairs(np.arange(self.num_places))

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return one set: queries of the places held out, against the tiles of all places."""
        held_out = self._pairs(np.arange(self.num_places, len(self._latlon)))
        gallery = self._table(REFERENCE, np.arange(len(self._latlon)), 1)
        positives = held_out.pairs[:, 1:] + self.num_places
        about = "places that training never saw, among the tiles of all places"
        return {
            "held-out": EvaluationSet(
                held_out.queries, gallery, positives, self.protocol, about=about
            )
        }

    def _pairs(self, places: Ints) -> PairTable:
        copies = self.queries_per_place
        queries = self._table(QUERY, places, copies)
        references = self._table(REFERENCE, places, 1)
        rows = np.arange(len(queries))
        pairs = np.stack([rows, rows // copies], axis=1)
        yaw_rad = np.array([_view(self.seed, int(p), c)[0] for p in places for c in range(copies)])
        return PairTable(
            {QUERY: queries, REFERENCE: references}, pairs, columns={"yaw_rad": yaw_rad}
        )

    @cached_property
    def _latlon(self) -> Doubles:
        num = self.num_places + self.num_held_out
        row, column = np.divmod(np.arange(num), max(2, round(num**0.5)))
        return _ORIGIN_LATLON + _GRID_STEP_LATLON * np.stack([row, column], axis=1)

    def _table(self, view: str, places: Ints, copies: int) -> ImageTable:
        keys = [(int(place), copy) for place in places for copy in range(copies)]
        ids = [f"{place:04d}-{copy}" for place, copy in keys]
        paths = [self._write(view, *key) for key in keys]
        return ImageTable(ids, paths, self._latlon[np.repeat(places, copies)], name=f"tiny {view}")

    def _write(self, view: str, place: int, copy: int) -> Path:
        path = self.root / view / f"{self.seed}-{self.size}px-{place:04d}-{copy}.jpg"
        if path.exists():
            return path
        side = 2 * self.size
        ground = _ground(side, np.random.default_rng([self.seed, place]))
        image = ground if view == REFERENCE else _photo(ground, self.seed, place, copy)
        _save_jpeg(path, _resized(image, self.size, cv2.INTER_AREA).astype(np.uint8))
        return path


def tiny_dataset(root: Path, num_places: int = 24, *, size: int = 48, seed: int = 0) -> TinyDataset:
    """Return the tiny data set of ``num_places`` training places, its images written."""
    dataset = TinyDataset(root=root, num_places=num_places, size=size, seed=seed)
    dataset.train()
    dataset.evaluations()
    return dataset


def _ground(side: int, rng: np.random.Generator) -> Pixels:
    """Return the ground of a place, uint8[side, side, 3]: blends of three colours, and a road."""
    palette = rng.uniform(30, 225, size=(3, 3)).astype(np.float32)
    image = np.broadcast_to(palette[0], (side, side, 3)).astype(np.float32)
    for colour, cells in zip(palette[1:], (3, 9), strict=True):
        share = _smooth_noise(side, cells, rng)[:, :, None]
        image = image * (1 - share) + colour * share
    start, end = rng.integers(0, side, size=(2, 2))
    road = rng.uniform(0, 255, size=3)
    image = np.ascontiguousarray(image)  # large arrays keep the layout that broadcasting gave them
    cv2.line(image, tuple(map(int, start)), tuple(map(int, end)), road.tolist(), thickness=3)
    return np.clip(image, 0, 255).astype(np.uint8)


def _smooth_noise(side: int, cells: int, rng: np.random.Generator) -> Floats:
    coarse = rng.random((cells, cells), dtype=np.float32)
    smooth = _resized(coarse, side, cv2.INTER_CUBIC)
    share: Floats = np.clip(2 * smooth.astype(np.float32) - 0.5, 0, 1)
    return share


def _resized(image: Floats | Pixels, side: int, interpolation: int) -> NDArray[Any]:
    return cv2.resize(image, (side, side), interpolation=interpolation)


def _view(seed: int, place: int, copy: int) -> tuple[float, float, Doubles, float]:
    """Return yaw in radians, zoom, shift float64[2] as a share of the side, and exposure."""
    rng = np.random.default_rng([seed, place, copy, 1])
    yaw, zoom = rng.uniform(-0.4, 0.4), rng.uniform(1.2, 1.5)
    return float(yaw), float(zoom), rng.uniform(-0.08, 0.08, size=2), float(rng.uniform(0.8, 1.2))


def _photo(ground: Pixels, seed: int, place: int, copy: int) -> Pixels:
    yaw, zoom, shift, exposure = _view(seed, place, copy)
    side = len(ground)
    matrix = np.asarray(
        cv2.getRotationMatrix2D((side / 2, side / 2), float(np.rad2deg(yaw)), zoom), np.float64
    )
    matrix[:, 2] += shift * side
    turned = cv2.warpAffine(ground, matrix, (side, side), borderMode=cv2.BORDER_REFLECT_101)
    noise = np.random.default_rng([seed, place, copy, 2]).normal(0, 4, size=turned.shape)
    lit: Doubles = np.asarray(turned, np.float64) * exposure + noise
    return np.clip(lit, 0, 255).astype(np.uint8)


def _save_jpeg(path: Path, image: Pixels) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    encoded = cv2.imencode(".jpg", np.ascontiguousarray(image[:, :, ::-1]))[1]
    write_atomic(path, encoded.tobytes())
