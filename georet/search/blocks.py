"""Files that are verified block by block, each when it is first touched, instead of as a whole."""

from __future__ import annotations

import hashlib
import mmap
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from georet.errors import DataError, IntegrityError
from georet.types import Ints

BLOCK: Final = 4096
"""Bytes hashed at once: candidates lie scattered, so what is read beside them must be little."""
_HEAD: Final = 8
_DIGEST: Final = 32
_AGAIN: Final = "Restore it from a copy, or build the gallery again."


def block_hashes(content: bytes) -> bytes:
    """Return the size of a block as 8 bytes, little-endian, then the SHA-256 of each block.

    The last block is shorter.
    """
    whole = memoryview(content)
    parts = range(0, len(whole), BLOCK)
    digests = (hashlib.sha256(whole[start : start + BLOCK]).digest() for start in parts)
    return BLOCK.to_bytes(_HEAD, "little") + b"".join(digests)


def block_hashes_of(path: Path) -> bytes:
    """Return ``block_hashes`` of a file, read bit by bit."""
    with path.open("rb") as stream:
        parts = iter(lambda: stream.read(BLOCK), b"")
        digests = b"".join(hashlib.sha256(part).digest() for part in parts)
    return BLOCK.to_bytes(_HEAD, "little") + digests


class CheckedFile:
    """A file mapped into memory, of which nothing is used before its block's hash was right.

    ``hashes`` is what ``block_hashes`` gave of it, itself vouched for. What changes in a file after
    its block was checked goes unnoticed, as far as the system shows changes to a map; galleries are
    written by renaming only, which leaves a map as it was.
    """

    def __init__(self, path: Path, hashes: bytes, num_bytes: int) -> None:
        self.path, self.num_bytes, self._hashes = path, num_bytes, hashes[_HEAD:]
        self.block = max(1, int.from_bytes(hashes[:_HEAD], "little"))
        num_blocks = -(-num_bytes // self.block)
        self._is_checked = np.zeros(num_blocks, np.bool_)
        self._expected = mmap.MADV_NORMAL
        try:
            with path.open("rb") as stream:
                # What touches a map beyond the file's end is killed, so sizes come first.
                size = stream.seek(0, 2)
                if size != num_bytes or len(self._hashes) != num_blocks * _DIGEST:
                    raise IntegrityError(
                        f"has {size} bytes and {len(self._hashes) // _DIGEST} hashes, {num_bytes} "
                        f"bytes were written in {num_blocks} blocks",
                        where=str(path),
                        hint=_AGAIN,
                    )
                self._map = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) if size else b""
        except FileNotFoundError as error:
            raise IntegrityError("is missing, the gallery lists it", where=str(path)) from error
        except OSError as error:
            raise DataError(f"can't be read: {error.strerror}", where=str(path)) from error

    @property
    def num_bytes_checked(self) -> int:
        """Bytes of the blocks that were read and verified so far."""
        return min(int(self._is_checked.sum()) * self.block, self.num_bytes)

    def read(self, start: int, stop: int) -> memoryview:
        """Return the bytes from ``start`` to ``stop``; IntegrityError names a changed block."""
        if stop > start:
            # Exactly that much is read: what lies beyond may not be wanted.
            self._expect(mmap.MADV_RANDOM)
            first = start // mmap.PAGESIZE * mmap.PAGESIZE
            if isinstance(self._map, mmap.mmap):
                self._map.madvise(mmap.MADV_WILLNEED, first, stop - first)
        self._check(np.arange(start // self.block, -(-stop // self.block)))
        return memoryview(self._map)[start:stop]

    def release(self) -> None:
        """Give back the memory of what was read; it is fetched again when it is touched again."""
        if isinstance(self._map, mmap.mmap):
            self._map.madvise(mmap.MADV_DONTNEED)

    def array(
        self, start: int, shape: tuple[int, int], dtype: Any, rows: Ints | slice
    ) -> NDArray[Any]:
        """Return some rows of an array [M, D] that begins at byte ``start``.

        A slice copies nothing. ``dtype`` is that of the stored values, little-endian.
        """
        kind = np.dtype(dtype).newbyteorder("<")
        width = shape[1] * kind.itemsize
        if isinstance(rows, slice):
            self._expect(mmap.MADV_SEQUENTIAL)
            first, last, _ = rows.indices(shape[0])
            begin, stop = start + first * width, start + max(first, last) * width
            self._check(np.arange(begin // self.block, -(-stop // self.block)))
        else:
            self._expect(mmap.MADV_RANDOM)
            begins = start + rows * width
            spread = np.arange(-(-width // self.block) + 1)
            blocks = begins[:, None] // self.block + spread
            # A row ends in a block before the farthest that one of its length can reach.
            is_own = blocks <= (begins[:, None] + width - 1) // self.block
            self._check(np.unique(blocks[is_own]))
        flat = np.frombuffer(self._map, kind, shape[0] * shape[1], start)
        found: NDArray[Any] = flat.reshape(shape)[rows]
        return found

    def _expect(self, how: int) -> None:
        # Rows lie scattered: reading ahead of them would read the whole file after all.
        if how != self._expected and isinstance(self._map, mmap.mmap):
            self._map.madvise(how)
            self._expected = how

    def _fetch(self, blocks: Ints) -> None:
        """Ask for scattered blocks int64[M], ascending, all at once: a disk then reads several."""
        if self._expected != mmap.MADV_RANDOM or not isinstance(self._map, mmap.mmap):
            return
        for run in np.split(blocks, np.flatnonzero(np.diff(blocks) != 1) + 1):
            first = int(run[0]) * self.block // mmap.PAGESIZE * mmap.PAGESIZE
            stop = min((int(run[-1]) + 1) * self.block, self.num_bytes)
            self._map.madvise(mmap.MADV_WILLNEED, first, stop - first)

    def _check(self, blocks: Ints) -> None:
        new = blocks[~self._is_checked[blocks]]
        if not len(new):
            return
        self._fetch(new)
        whole = memoryview(self._map)
        for block in new.tolist():
            digest = hashlib.sha256(whole[block * self.block : (block + 1) * self.block]).digest()
            if digest != self._hashes[block * _DIGEST : (block + 1) * _DIGEST]:
                start, stop = block * self.block, min((block + 1) * self.block, self.num_bytes)
                raise IntegrityError(
                    f"is not the file that was written: block {block}, bytes {start} to {stop}, "
                    "has another SHA-256",
                    where=str(self.path),
                    hint=_AGAIN,
                )
        self._is_checked[new] = True
