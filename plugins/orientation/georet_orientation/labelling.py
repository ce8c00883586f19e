"""Labels for all photos of a data set: what is matched with what, and how far it agrees."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from georet.commands.foreseeing import FEW, foretell, seconds_each
from georet.contracts.refining import Camera, Patch, Refiner, Tile
from georet.data.images import read_image
from georet.errors import DataError
from georet.ground.images import corners_of, sides_of
from georet.ground.wgs84 import square_corners
from georet.locate.refine import ask
from georet.types import Doubles, PairTable, Pixels
from georet_orientation.labels import YAW, Label
from georet_orientation.matching import Panorama

Matcher = Callable[[Pixels, Tile], Label]


def panorama_matcher(height_m: float, certain: float) -> Matcher:
    """Return what matches level panoramas taken from ``height_m`` metres above the ground."""
    match = Panorama(height_m, certain)

    def of(photo: Pixels, tile: Tile) -> Label:
        if not np.isfinite(tile.side_m):
            raise DataError(
                "nobody says how large this tile is on the ground",
                where=tile.id,
                hint="A data set tells it as `side_m` or `corners_latlon`; panoramas need it.",
            )
        return match(photo, tile.patch.image, tile.side_m)

    return of


def refiner_matcher(refiner: Refiner, certain: float) -> Matcher:
    """Return what lets a refiner place a photo on its own tile, and keeps the heading.

    The score is how many matches agree; the weight grows with it up to 1 at ``certain``. Refused
    photos have weight 0.
    """

    def match(photo: Pixels, tile: Tile) -> Label:
        found = ask(refiner, photo, [tile], Camera())
        if not found.is_accepted or found.heading_deg is None:
            return Label(0.0, 0.0, float(found.inliers))
        # Headings count from north, the tile's upper edge may point elsewhere.
        relative = math.radians(found.heading_deg) - _top_rad(tile.corners_latlon)
        return Label(relative, min(1.0, found.inliers / certain), float(found.inliers))

    return match


def foresee(pairs: PairTable, match: Matcher, num: int, out: Path, workers: int) -> None:
    """Print how many photos would be matched, and how long that takes, by a few of them."""
    each_s = seconds_each(
        lambda some: list(islice(label(pairs, match), len(some))), range(min(num, FEW))
    )
    foretell(
        {"photos": f"{num:,}"},
        {"matching": each_s * num / workers},
        f"{min(num, FEW)} photos, {each_s:.2g} s each",
        writes=[out],
    )


def label(pairs: PairTable, match: Matcher, *, workers: int = 1) -> Iterator[tuple[str, Label]]:
    """Yield the id of each training photo with its heading against its own tile, in their order.

    Headings are within -pi and pi.
    """
    tiles = pairs.references
    corners, sides = corners_of(tiles), sides_of(tiles)
    # Angles against a tile don't depend on where on Earth it lies, nor on its scale.
    is_unknown = ~np.isfinite(corners).all(axis=(1, 2))
    corners[is_unknown] = square_corners(np.zeros((1, 2)), np.array([100.0]), np.zeros(1))[0]
    photos = dict(pairs.pairs[::-1, :2].tolist())

    def of(photo: int) -> tuple[str, Label]:
        row = photos[photo]
        path, ground = tiles.paths[row], corners[row]
        centre = ground.mean(axis=0)
        tile = Tile(
            id=tiles.ids[row],
            row=row,
            latlon=(float(centre[0]), float(centre[1])),
            corners_latlon=ground,
            side_m=float(sides[row]),
            score=1.0,
            belief=1.0,
            read=lambda: Patch(read_image(path), ground),
        )
        found = match(read_image(pairs.queries.paths[photo]), tile)
        turned = math.remainder(found.yaw_rad, 2 * math.pi)
        return pairs.queries.ids[photo], found._replace(yaw_rad=turned)

    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(of, sorted(photos))


def agreement(pairs: PairTable, labels: Iterable[tuple[str, Label]]) -> dict[str, Any]:
    """Return how many photos have a label, and how far off these are where the truth is known."""
    found = dict(labels)
    weights = np.array([each.weight for each in found.values()])
    told: dict[str, Any] = {"photos": len(found), "labelled": int((weights > 0).sum())}
    told["mean weight"] = round(float(weights.mean()), 3) if len(found) else 0.0
    if YAW not in pairs.columns or not (weights > 0).any():
        return told
    rows = {pairs.queries.ids[photo]: row for row, photo in enumerate(pairs.pairs[:, 0])}
    true = np.array([pairs.columns[YAW][rows[name]] for name in found], np.float64)
    off = np.array([each.yaw_rad for each in found.values()]) - true
    errors = np.degrees(np.abs((off + np.pi) % (2 * np.pi) - np.pi))[weights > 0]
    return told | {
        "median error, degrees": round(float(np.median(errors)), 2),
        "within 10 degrees, %": round(100 * float((errors < 10).mean()), 1),
        "weighted within 10 degrees, %": round(
            100 * float(np.average(errors < 10, weights=weights[weights > 0])), 1
        ),
    }


def _top_rad(corners_latlon: Doubles) -> float:
    """Return where a tile's upper edge points, clockwise from north."""
    top, bottom = corners_latlon[:2].mean(axis=0), corners_latlon[2:].mean(axis=0)
    north = top[0] - bottom[0]
    east = (top[1] - bottom[1]) * math.cos(math.radians(float(corners_latlon[:, 0].mean())))
    return math.atan2(east, north)
