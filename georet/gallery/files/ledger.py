"""Which shards of a build are done: those whose file is the one that a journal line describes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from georet.files import sha256_of
from georet.gallery.files import journal
from georet.gallery.files.journal import ShardEntry, blocks_name, shard_name
from georet.gallery.files.plan import Plan, write_blocks
from georet.search.blocks import block_hashes_of


class Ledger:
    """Reads the journal against the files; a shard once found whole is not hashed again."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        self._folder, self._num_shards = folder, plan.num_shards
        self.done: dict[int, ShardEntry] = {}

    def refresh(self, *, only: int | None = None) -> Mapping[int, ShardEntry]:
        """Look for shards finished since, of all or of one, and return all that are done."""
        noted: dict[int, list[ShardEntry]] = {}
        for entry in journal.entries(self._folder):
            if 0 <= entry.shard < self._num_shards and only in (None, entry.shard):
                noted.setdefault(entry.shard, []).append(entry)
        for shard, entries in noted.items():
            path = self._folder / shard_name(shard)
            if shard in self.done or not path.is_file():
                continue
            sha256 = sha256_of(path)
            # Two lines for one shard: two processes made it, and either file may have stayed.
            matching = [entry for entry in entries if entry.sha256 == sha256]
            if matching:
                self._keep_blocks(matching[-1])
                self.done[shard] = matching[-1]
        return self.done

    def _keep_blocks(self, entry: ShardEntry) -> None:
        """Write the hashes of a whole shard's blocks again where they are gone or damaged."""
        name = shard_name(entry.shard)
        path, wanted = self._folder / blocks_name(name), entry.blocks_sha256
        if wanted and not (path.is_file() and sha256_of(path) == wanted):
            write_blocks(self._folder, name, block_hashes_of(self._folder / name))

    @property
    def num_tiles(self) -> int:
        """The number of tiles of the plan that the finished shards account for."""
        return sum(entry.rows + len(entry.bad) for entry in self.done.values())

    @property
    def bad(self) -> list[tuple[int, str]]:
        """Row and reason of all unreadable tiles of the finished shards."""
        return [bad for _, entry in sorted(self.done.items()) for bad in entry.bad]
