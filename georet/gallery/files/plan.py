"""What a build will do, fixed before it begins: the tiles in order, cut into shards."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError, IntegrityError, UsageError
from georet.files import write_atomic
from georet.gallery.files.journal import blocks_name
from georet.gallery.files.manifest import damaged, hash_of, read_sealed, write_sealed
from georet.gallery.files.parquet import plan_bytes, read_plan
from georet.search.blocks import block_hashes
from georet.tiles.table import TileTable
from georet.types import Ints
from georet.version import __version__

PLAN: Final = "plan.parquet"
BUILD: Final = "build.json"
FORMAT: Final = 1
SETTINGS: Final = "settings"


@dataclass(frozen=True)
class Plan:
    """All tiles of a gallery in a fixed order, and the range of them that each shard holds.

    ``header`` is what the build wrote down of itself: the settings, their key, where the encoder
    was found.
    """

    tiles: TileTable
    header: Mapping[str, Any]

    @property
    def settings(self) -> Mapping[str, Any]:
        """Everything that decides the shards' bytes."""
        settings: Mapping[str, Any] = self.header[SETTINGS]
        return settings

    @property
    def num_shards(self) -> int:
        """The number of shards."""
        return -(-len(self.tiles) // int(self.settings["shard_size"]))

    def rows(self, shard: int) -> Ints:
        """Return the rows int64[M] of the plan that a shard holds."""
        size = int(self.settings["shard_size"])
        return np.arange(shard * size, min((shard + 1) * size, len(self.tiles)))


def write_plan(folder: Path, tiles: TileTable, header: Mapping[str, Any]) -> Plan:
    """Write the plan and then its header, which makes it final, and return it."""
    if not len(tiles):
        raise DataError("the source has no tiles", where=str(header[SETTINGS].get("source", "")))
    content = plan_bytes(tiles)
    hashes = block_hashes(content)
    whole = {
        "format": FORMAT,
        "georet": __version__,
        "key": hash_of(header[SETTINGS]),
        "plan_sha256": hashlib.sha256(content).hexdigest(),
        "plan_blocks_sha256": hashlib.sha256(hashes).hexdigest(),
        "num_planned": len(tiles),
        **header,
    }
    write_blocks(folder, PLAN, hashes)
    write_atomic(folder / PLAN, content)
    write_sealed(folder / BUILD, whole)
    return Plan(tiles, whole)


def load_plan(folder: Path) -> Plan | None:
    """Return the plan that was written there, None where there is none or only half of one."""
    if not (folder / BUILD).is_file():
        return None
    header = read_sealed(folder / BUILD)
    check_format(header, folder / BUILD)
    content = (folder / PLAN).read_bytes() if (folder / PLAN).is_file() else b""
    if hashlib.sha256(content).hexdigest() != header["plan_sha256"]:
        raise damaged(folder / PLAN)
    hashes = block_hashes(content)
    blocks = folder / blocks_name(PLAN)
    if "plan_blocks_sha256" in header and not (blocks.is_file() and blocks.read_bytes() == hashes):
        write_blocks(folder, PLAN, hashes)
    return Plan(read_plan(content), header)


def write_blocks(folder: Path, name: str, hashes: bytes) -> None:
    """Write the hashes of the blocks of one of a gallery's files."""
    path = folder / blocks_name(name)
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, hashes)


def check_format(header: Mapping[str, Any], path: Path) -> None:
    """Raise IntegrityError for a gallery written in another format."""
    if header.get("format") != FORMAT:
        raise IntegrityError(
            f"is in format {header.get('format')!r}, this georet reads {FORMAT}", where=str(path)
        )


def check_same(plan: Plan, settings: Mapping[str, Any], folder: Path) -> None:
    """Raise UsageError that names what differs between a build and the one begun there."""
    if plan.header["key"] == hash_of(settings):
        return
    found = differences(plan.settings, settings)
    lines = "".join(f"\n  {name}: {before!r}, now {now!r}" for name, before, now in found)
    raise UsageError(
        f"was begun with other settings:{lines}",
        where=str(folder),
        hint="Give the same settings to go on, another --out, or remove the folder.",
    )


def differences(before: Any, now: Any, name: str = "") -> list[tuple[str, Any, Any]]:
    """Return (dotted name, value before, value now) of what differs in two JSON values."""
    if not (isinstance(before, Mapping) and isinstance(now, Mapping)):
        return [] if hash_of({"": before}) == hash_of({"": now}) else [(name, before, now)]
    found = []
    for key in sorted({*before, *now}):
        inner = f"{name}.{key}" if name else key
        found += differences(before.get(key), now.get(key), inner)
    return found
