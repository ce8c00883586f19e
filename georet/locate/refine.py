"""Letting a refiner place a photo within its best tiles: what it gets, and what becomes of it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from georet.blame import blaming, maker_of
from georet.configure.inline import spec_of
from georet.contracts.refining import Camera, LatLon, Refinement, Refiner, Tile
from georet.data.images import MAX_PIXELS, read_image
from georet.gallery.pictures.originals import Originals
from georet.locate.refining import Refining
from georet.locate.results import Location
from georet.plugins import Selection, load_plugins
from georet.sources.rasters.heights import Heights
from georet.tiles.table import TileTable
from georet.types import Doubles, Floats, Ints, Pixels

KIND: Final = "refiners"


def make_refiner(name: str, selection: Selection) -> Refiner:
    """Build the refiner of ``NAME:key=value,...`` from the plugins' components."""
    spec = spec_of(name, where="--refine")
    catalog = load_plugins(selection).catalog
    return cast(Refiner, catalog.create(KIND, spec, where="--refine"))


def refined(
    location: Location,
    photo: Path | Pixels,
    tiles: Sequence[Tile],
    refiner: Refiner,
    *,
    camera: Camera | None = None,
    refining: Refining | None = None,
    max_pixels: int = MAX_PIXELS,
) -> Location:
    """Return the location at the place that a refiner finds on its ``tiles``, best first.

    Where it accepts none, the location stays what retrieval says, with the reason. An accepted
    place has radii and confidence by what a calibration knows of the refiner (``refining``), else
    none: those of retrieval say nothing of it. What the refiner does wrong is a ComponentError
    with its name.
    """
    tiles = tiles[: max(0, refiner.max_candidates)]
    pixels = read_image(photo, max_pixels=max_pixels) if isinstance(photo, Path) else photo
    found = ask(refiner, pixels, tiles, camera or Camera())
    radius_50_m = radius_90_m = confidence = None
    if refining is not None:
        found = refining.checked(found)
    # Reading a tile that was read costs nothing: it is kept.
    notes = [tile.patch.note for tile in tiles[:1]]
    if not found.is_accepted or found.latlon is None or found.tile is None:
        return replace(location, refinement=found, note="".join(notes))
    if refining is not None:
        radius_50_m, radius_90_m = refining.radii_m(found)
        method = refining.method(found.by)
        confidence = None if method is None else method.right
    return replace(
        location,
        latlon=found.latlon,
        radius_50_m=radius_50_m,
        radius_90_m=radius_90_m,
        confidence=confidence,
        abstained=False,
        refinement=found,
        refined_tile=tiles[found.tile].id,
        note="".join(notes),
        footprint_latlon=as_places(found.corners_latlon),
        retrieved_latlon=location.latlon,
    )


def as_places(latlon: Doubles | None) -> tuple[LatLon, ...] | None:
    """Return places float64[N, 2] as pairs of numbers; None for None."""
    return None if latlon is None else tuple((lat, lon) for lat, lon in latlon.tolist())


def ask(refiner: Refiner, photo: Pixels, tiles: Sequence[Tile], camera: Camera) -> Refinement:
    """Return a refiner's answer; ComponentError unless it is a ``Refinement`` about the tiles."""
    maker = maker_of(refiner)
    function: Any = refiner
    with blaming(refiner, "the refiner"):
        asks = "camera" in inspect.signature(function).parameters
        found: Any = function(photo, tiles, **({"camera": camera} if asks else {}))
    if not isinstance(found, Refinement):
        raise maker.broke(
            f"returned a {type(found).__name__}, wanted a Refinement",
            "georet.contracts.refining says what a refiner returns.",
        )
    if found.is_accepted and found.tile not in range(len(tiles)):
        raise maker.broke(f"placed the photo on tile {found.tile} of {len(tiles)}")
    return found


def tiles_of(
    rows: Ints,
    scores: Doubles | Floats,
    beliefs: Doubles,
    table: TileTable,
    originals: Originals,
    heights: Heights | None = None,
) -> list[Tile]:
    """Return tiles of the gallery as refiners see them; their pixels are read when asked for.

    ``table`` holds the tiles of the rows int64[M] alone, in their order. ``heights`` tell of the
    ground, where they are known.
    """
    return [
        Tile(
            id=table.ids[at],
            row=row,
            latlon=(float(table.latlon[at, 0]), float(table.latlon[at, 1])),
            corners_latlon=table.corners_latlon[at],
            side_m=float(table.side_m[at]),
            score=float(score),
            belief=float(belief),
            read=partial(originals.tile, row),
            read_around=partial(originals.around, row),
            read_relief=None if heights is None else partial(heights.around, table.latlon[at]),
        )
        for at, (row, score, belief) in enumerate(zip(rows.tolist(), scores, beliefs, strict=True))
    ]


def about(refiner: Refiner) -> dict[str, Any]:
    """Return JSON values that name a refiner: its component's id, who brings it, its options."""
    maker = maker_of(refiner)
    return {"id": maker.id, "of": maker.owner, "options": dict(maker.options)}


def as_json(found: Refinement) -> dict[str, Any]:
    """Return a refinement as JSON values that keep every bit; corners and matches are left out."""
    spread = found.covariance_m2
    # A plugin's numbers may be numpy's, which JSON doesn't know.
    numbers = {
        name: None if value is None else float(value)
        for name in ("heading_deg", "height_m", "clearness", "scatter_m")
        for value in [getattr(found, name)]
    }
    places = {
        name: None if place is None else [float(degrees) for degrees in place]
        for name in ("latlon", "camera_latlon")
        for place in [getattr(found, name)]
    }
    return {
        **places,
        "covariance_m2": None if spread is None else np.asarray(spread, np.float64).tolist(),
        **numbers,
        "inliers": int(found.inliers),
        "tile": None if found.tile is None else int(found.tile),
        "reason": found.reason,
        "by": found.by,
    }


def of_json(values: dict[str, Any]) -> Refinement:
    """Return a refinement of its JSON values."""
    told = dict(values)
    for name in ("latlon", "camera_latlon"):
        told[name] = None if told[name] is None else tuple(told[name])
    if told["covariance_m2"] is not None:
        told["covariance_m2"] = np.asarray(told["covariance_m2"], np.float64)
    return Refinement(**told)
