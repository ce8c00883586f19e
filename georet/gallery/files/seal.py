"""Finishing a gallery: the manifest that vouches for all of its files, written last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from georet.files import file_entry, write_json
from georet.gallery.files import journal
from georet.gallery.files.journal import JOURNAL, ShardEntry, blocks_name, shard_name
from georet.gallery.files.manifest import MANIFEST, write_sealed
from georet.gallery.files.plan import BUILD, PLAN, Plan
from georet.types import Ints

BAD_TILES: Final = "bad_tiles.json"


def seal_gallery(folder: Path, plan: Plan, entries: Sequence[ShardEntry]) -> None:
    """Write journal and report in their final form, and then the manifest.

    ``entries`` holds each shard of the plan once. Everything written depends on the plan and the
    shards alone, not on when and by whom they were made.
    """
    ordered = sorted(entries, key=lambda entry: entry.shard)
    journal.rewrite(folder, ordered)
    write_bad_tiles(folder, plan, ordered)
    shards = [
        {"file": shard_name(e.shard), "rows": e.rows, "embeddings_at": e.embeddings_at}
        for e in ordered
    ]
    files = {shard_name(e.shard): {"sha256": e.sha256, "bytes": e.bytes} for e in ordered}
    blocks = [blocks_name(shard_name(e.shard)) for e in ordered if e.blocks_sha256]
    blocks += [blocks_name(PLAN)] * (folder / blocks_name(PLAN)).is_file()
    own = (PLAN, BUILD, JOURNAL, BAD_TILES, *blocks)
    files |= {name: file_entry(folder / name) for name in own}
    num_tiles = sum(entry.rows for entry in ordered)
    manifest = {
        **plan.header,
        "num_tiles": num_tiles,
        "num_bad": len(plan.tiles) - num_tiles,
        "shards": shards,
        "files": files,
    }
    write_sealed(folder / MANIFEST, manifest)


def write_bad_tiles(folder: Path, plan: Plan, entries: Sequence[ShardEntry]) -> None:
    """Write the report on tiles that are not in the gallery: row of the plan, id, reason."""
    report = [
        {"row": row, "id": plan.tiles.ids[row], "reason": reason}
        for entry in entries
        for row, reason in entry.bad
    ]
    write_json(folder / BAD_TILES, {"bad_tiles": report})


def readable_rows(num_planned: int, bad: Sequence[int]) -> Ints:
    """Return the rows int64[R] of the plan that are in the gallery, ascending."""
    is_readable = np.ones(num_planned, np.bool_)
    is_readable[list(bad)] = False
    return np.flatnonzero(is_readable)
