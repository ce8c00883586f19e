"""What a gallery is, in figures; and how far one is that is still being built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from georet.gallery.footprints import holds_pole
from georet.gallery.gallery import Gallery
from georet.gallery.indexes import INDEX_DIR
from georet.gallery.ledger import Ledger
from georet.gallery.manifest import EXTRAS, MANIFEST
from georet.gallery.plan import load_plan
from georet.types import Doubles

CALIBRATION = "calibration.json"


@dataclass(frozen=True)
class BuildState:
    """How far a build is; ``missing`` are the shards that are not done."""

    num_shards: int
    num_tiles: int
    num_tiles_done: int
    missing: tuple[int, ...]


def build_state(folder: Path) -> BuildState | None:
    """Return how far the build in a folder is, None where none was begun."""
    plan = load_plan(folder)
    if plan is None:
        return None
    ledger = Ledger(folder, plan)
    done = ledger.refresh()
    missing = tuple(shard for shard in range(plan.num_shards) if shard not in done)
    return BuildState(plan.num_shards, len(plan.tiles), ledger.num_tiles, missing)


def describe_gallery(gallery: Gallery) -> dict[str, Any]:
    """Return JSON values: tiles, where and how large they are, encoder, storage, what was added.

    ``bounds_latlon`` is west, south, east, north; west is greater than east where the gallery lies
    across the antimeridian. ``ground_km2`` adds up the tiles, what they share counts repeatedly.
    """
    manifest, tiles = gallery.manifest, gallery.tiles
    settings = manifest["settings"]
    extras = gallery.extras
    listed = [MANIFEST, *manifest["files"], *extras, *([EXTRAS] if extras else [])]
    return {
        "path": str(gallery.path),
        "tiles": len(gallery),
        "bad_tiles": manifest["num_bad"],
        "bounds_latlon": bounds_latlon(tiles.corners_latlon),
        "side_m": [float(tiles.side_m.min()), float(tiles.side_m.max())],
        "ground_km2": float((tiles.side_m**2).sum() / 1e6),
        "source": settings["source"],
        "encoder": settings["encoder"],
        "encoder_source": manifest["encoder_source"],
        "storage": settings["storage"],
        "shards": len(manifest["shards"]),
        "thumbnails": gallery.thumbnail(0) is not None,
        "bytes": sum((gallery.path / name).stat().st_size for name in listed),
        "indexes": sorted({n.split("/")[1] for n in extras if n.startswith(f"{INDEX_DIR}/")}),
        "calibrated": CALIBRATION in extras,
        "georet": manifest["georet"],
    }


def bounds_latlon(corners_latlon: Doubles) -> list[float]:
    """Return west, south, east, north of corners float64[R, 4, 2], the narrowest such box."""
    latitude, longitude = corners_latlon[..., 0], corners_latlon[..., 1]
    # Tiles as arcs, so that a gap is where there is no tile, not where there is no corner.
    west, east = longitude.min(axis=1), longitude.max(axis=1)
    order = np.argsort(west % 360)
    starts, widths = (west % 360)[order], (east - west)[order]
    reach = np.maximum.accumulate(starts + widths)
    # What reaches round the circle covers the first starts too.
    wrapped = np.maximum(np.concatenate([[reach[-1] - 360], reach[:-1]]), reach[-1] - 360)
    gap = starts - wrapped
    first = int(np.argmax(gap))
    south, north = float(latitude.min()), float(latitude.max())
    polar = latitude[holds_pole(corners_latlon)].mean(axis=1)
    south, north = (-90.0 if (polar < 0).any() else south), (90.0 if (polar > 0).any() else north)
    if gap[first] <= 0 or len(polar):
        return [-180.0, south, 180.0, north]
    return [_turned(starts[first]), south, _turned(wrapped[first]), north]


def _turned(longitude: float) -> float:
    return float((longitude + 180) % 360 - 180)
