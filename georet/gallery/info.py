"""What a gallery is, in figures; and how far one is that is still being built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from georet.gallery.files.additions import CALIBRATION, INDEX_DIR
from georet.gallery.files.ledger import Ledger
from georet.gallery.files.manifest import EXTRAS, MANIFEST
from georet.gallery.files.plan import load_plan
from georet.gallery.stored import StoredGallery
from georet.ground.footprints import bounds_latlon


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


def describe_gallery(gallery: StoredGallery) -> dict[str, Any]:
    """Return JSON values: tiles, where and how large they are, encoder, storage, what was added.

    ``bounds_latlon`` is west, south, east, north; west is greater than east where the gallery lies
    across the antimeridian. ``ground_km2`` adds up the tiles, what they share counts repeatedly.
    """
    manifest, tiles = gallery.manifest, gallery.tiles
    settings = manifest["settings"]
    extras = gallery.additions
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
