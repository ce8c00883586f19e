"""What a gallery holds on disk, read and verified where it is asked for: embeddings, tiles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.gallery.files.journal import blocks_name
from georet.gallery.files.manifest import damaged, vouched_bytes
from georet.gallery.files.storage import DTYPES, from_stored
from georet.search.blocks import CheckedFile
from georet.types import Bools, Floats, Ints

ROWS_AT_ONCE: Final = 16_384
"""Rows that are converted together: at 1,024 dimensions 64 MB of fp32."""


def open_checked(root: Path, name: str, files: Mapping[str, Any]) -> CheckedFile:
    """Map one of a gallery's files, whose blocks' hashes are themselves vouched for."""
    hashes = vouched_bytes(root, blocks_name(name), files)
    return CheckedFile(root / name, hashes, int(files[name]["bytes"]))


class MappedRows:
    """R embeddings float32[R, D] of unit length, left in the shards' files and verified on touch.

    ``num_bytes_read`` is what was verified so far, in blocks.
    """

    def __init__(
        self,
        root: Path,
        shards: Sequence[Mapping[str, Any]],
        files: Mapping[str, Any],
        *,
        embed_dim: int,
        storage: str,
    ) -> None:
        self._root, self._shards, self._files = root, shards, files
        self._dtype = np.dtype(DTYPES[storage])
        self._starts = np.cumsum([0, *(int(shard["rows"]) for shard in shards)])
        self._opened: dict[int, CheckedFile] = {}
        self.shape = (int(self._starts[-1]), embed_dim)

    @property
    def num_bytes_read(self) -> int:
        """Bytes of embeddings that were read and verified so far."""
        return sum(file.num_bytes_checked for file in self._opened.values())

    def take(self, rows: Ints) -> Floats:
        """Return the embeddings float32[M, D] of rows int64[M], in that order."""
        rows = np.asarray(rows, np.int64)
        out = np.empty((len(rows), self.shape[1]), np.float32)
        shard_of = np.searchsorted(self._starts, rows, side="right") - 1
        for shard in np.unique(shard_of).tolist():
            place = np.flatnonzero(shard_of == shard)
            out[place] = from_stored(self._array(shard, rows[place] - self._starts[shard]))
            self._opened[shard].release()
        return out

    def blocks(self, wanted: Bools | None = None) -> Iterator[tuple[int, Floats]]:
        """Yield (first row, embeddings float32[m, D]) of all rows, ascending.

        Each block is good until the next one is asked for, which takes its memory. Those without a
        row of ``wanted`` bool[R] are not read.
        """
        most = int(np.diff(self._starts).max(initial=0))
        buffer = np.empty((min(ROWS_AT_ONCE, most), self.shape[1]), np.float32)
        for shard, start in enumerate(self._starts[:-1].tolist()):
            num = int(self._starts[shard + 1]) - start
            for first in range(0, num, ROWS_AT_ONCE):
                part = slice(first, min(first + ROWS_AT_ONCE, num))
                if wanted is not None and not wanted[start + first : start + part.stop].any():
                    continue
                yield start + first, from_stored(self._array(shard, part), buffer)
            if shard in self._opened:
                self._opened[shard].release()

    def whole(self) -> Floats:
        """Return all embeddings float32[R, D], in memory."""
        out = np.empty(self.shape, np.float32)
        for start, some in self.blocks():
            out[start : start + len(some)] = some
        return out

    def _array(self, shard: int, rows: Ints | slice) -> np.ndarray[Any, Any]:
        entry = self._shards[shard]
        if shard not in self._opened:
            self._opened[shard] = open_checked(self._root, entry["file"], self._files)
        file, shape = self._opened[shard], (int(entry["rows"]), self.shape[1])
        start = int(entry["embeddings_at"])
        if start + shape[0] * shape[1] * self._dtype.itemsize > file.num_bytes:
            raise damaged(file.path)
        return file.array(start, shape, self._dtype, rows)


class InMemory:
    """Embeddings float32[R, D] in memory, to be used as those on disk are."""

    def __init__(self, embeddings: Floats) -> None:
        self.embeddings = embeddings
        self.shape = (embeddings.shape[0], embeddings.shape[1])

    def take(self, rows: Ints) -> Floats:
        """Return the embeddings float32[M, D] of rows int64[M]."""
        found: Floats = self.embeddings[rows]
        return found

    def blocks(self, wanted: Bools | None = None) -> Iterator[tuple[int, Floats]]:  # noqa: ARG002
        """Yield (0, all of them)."""
        yield 0, self.embeddings

    def whole(self) -> Floats:
        """Return all of them, not copied."""
        return self.embeddings


def can_map(shards: Sequence[Mapping[str, Any]], files: Mapping[str, Any]) -> bool:
    """Whether all shards say where their embeddings are; those of an older georet don't."""
    return all(
        int(shard.get("embeddings_at", -1)) >= 0 and blocks_name(shard["file"]) in files
        for shard in shards
    )


class OpenedFile:
    """A file object over a verified map, for libraries that read files; never more than asked."""

    def __init__(self, file: CheckedFile) -> None:
        self._file, self._at, self.closed = file, 0, False

    def seek(self, offset: int, whence: int = 0) -> int:
        """Go to a place, as files do."""
        base = (0, self._at, self._file.num_bytes)[whence]
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return verified bytes from the place on."""
        stop = self._file.num_bytes if size < 0 else min(self._at + size, self._file.num_bytes)
        content = bytes(self._file.read(min(self._at, stop), stop))
        self._at = max(self._at, stop)
        return content

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def writable(self) -> bool:
        """Return False."""
        return False

    def close(self) -> None:
        """Do nothing; the map belongs to another."""

    def flush(self) -> None:
        """Do nothing."""
