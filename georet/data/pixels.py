"""Images as they go into a batch, kept on disk: decoded, turned upright, resized, uint8.

A store belongs to the files of one table, a size and a rule, and is shared by all runs and
processes that ask for these. Each image has a slot in a file that is mapped into memory, and an
entry that says of which state of its file it was made. A slot counts only while its entry, the
file and the slot's own checksum agree; otherwise the image is decoded and the slot written again,
pixels first. So writers need no lock, and neither a kill nor two writers at once can do harm.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
import struct
from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from georet.cache import cache_dir
from georet.config import MAX_PIXELS
from georet.contracts.transforming import Size
from georet.data.images import decode_image, read_bytes, read_image
from georet.errors import DataError, UsageError
from georet.files import unwritable, write_json
from georet.progress import say
from georet.types import Pixels

AUTO: Final = "auto"
_FORMAT: Final = 1
_DECODERS: Final = ("opencv-python-headless", "pillow", "simplejpeg")
_PIXELS, _ENTRIES, _ABOUT = "pixels.bin", "entries.bin", "about.json"
_ENTRY: Final = struct.Struct("<qqqq16sQQ")
"""Size, times of change (ns) and number of the file; hash of its bytes; sums of slot and entry."""
_STATE: Final = struct.Struct("<qqqq16sQ")


class _Entry(NamedTuple):
    state: tuple[int, int, int, int]
    content: bytes
    pixels_sum: int


def store_of(
    cache: str | None, paths: Sequence[Path], size: Size, rule: str, max_pixels: int
) -> PixelStore:
    """Return the store, made ready, below the folder that ``data.cache`` names."""
    folder = cache_dir() / "pixels" if cache in (None, AUTO) else Path(cache or "").expanduser()
    store = PixelStore(folder, paths, size, rule=rule, max_pixels=max_pixels)
    store.prepare()
    return store


class PixelStore:
    """The store of ``paths`` at ``size`` (height, width) under a ``rule``, below ``folder``.

    Picklable; files are opened in each process when first needed. ``prepare`` makes them.
    """

    def __init__(
        self,
        folder: Path,
        paths: Sequence[Path],
        size: Size,
        *,
        rule: str,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        names = sorted({os.path.abspath(path) for path in paths})  # noqa: PTH100 - links stay
        self.size, self.rule, self.max_pixels = size, rule, max_pixels
        self._slots = {name: slot for slot, name in enumerate(names)}
        made_by = [f"{name} {version(name)}" for name in _DECODERS]
        self._about = {"format": _FORMAT, "rule": rule, "size": list(size), "made_by": made_by}
        key = hashlib.sha256(json.dumps([self._about, names]).encode())
        self.folder = folder / key.hexdigest()[:32]
        self._opened: tuple[int, _Files] | None = None

    def __len__(self) -> int:
        return len(self._slots)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_opened": None}

    @property
    def slot_bytes(self) -> int:
        """Bytes of an image."""
        return self.size[0] * self.size[1] * 3

    @property
    def num_bytes(self) -> int:
        """Bytes on disk when it is full."""
        return len(self) * (self.slot_bytes + _ENTRY.size)

    @property
    def missing_bytes(self) -> int:
        """Bytes of that which are not on disk yet."""
        files = (self.folder / _PIXELS, self.folder / _ENTRIES)
        there = sum(path.stat().st_blocks * 512 for path in files if path.is_file())
        return max(0, self.num_bytes - there)

    def prepare(self) -> None:
        """Make the files, empty where they aren't there; DataError where that is impossible."""
        if not hasattr(os, "pwrite"):
            raise UsageError("isn't possible on this system", where="data.cache", hint="Leave it.")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(self.folder).free
            if free < self.missing_bytes:
                raise DataError(
                    f"{self.missing_bytes / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free",
                    where=str(self.folder),
                    hint="Free some, name another folder (data.cache), or leave the cache out.",
                )
            for name, num in ((_PIXELS, self.slot_bytes), (_ENTRIES, _ENTRY.size)):
                handle = os.open(self.folder / name, os.O_RDWR | os.O_CREAT, 0o644)
                try:
                    os.ftruncate(handle, num * len(self))
                finally:
                    os.close(handle)
            if not (self.folder / _ABOUT).is_file():
                height, width = self.size
                say(
                    f"data.cache keeps {len(self):,} images of {width} x {height}, "
                    f"{self.num_bytes / 1e6:,.0f} MB when all are there, in {self.folder}"
                )
                write_json(self.folder / _ABOUT, {**self._about, "num_images": len(self)})
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def read(self, path: Path) -> Pixels:
        """Return uint8[H, W, 3] of a file, as ``read_image`` does, and keep it.

        Raises DataError as ``read_image``, and where the store can't be read or written.
        """
        slot = self._slots.get(os.path.abspath(path))  # noqa: PTH100
        state = _state_of(path)
        if slot is None or state is None:
            # What is missing or no regular file has its own words.
            return read_image(path, size=self.size, rule=self.rule, max_pixels=self.max_pixels)
        files, data = self._files, None
        entry = files.entry(slot)
        if entry is not None and entry.state != state:
            data = read_bytes(path, max_pixels=self.max_pixels)
            entry = entry if entry.content == _hash(data) else None
        if entry is not None:
            pixels = files.pixels(slot)
            if _sum(pixels) == entry.pixels_sum:
                if data is not None:
                    files.write_entry(slot, entry._replace(state=state))
                return pixels.reshape(*self.size, 3)
        data = read_bytes(path, max_pixels=self.max_pixels) if data is None else data
        image = decode_image(data, path, size=self.size, rule=self.rule, max_pixels=self.max_pixels)
        image = np.ascontiguousarray(image)
        files.write(slot, image, _Entry(state, _hash(data), _sum(image.reshape(-1))))
        return image

    @property
    def _files(self) -> _Files:
        # A process that was forked must not share the position of its parent's mapping object.
        if self._opened is None or self._opened[0] != os.getpid():
            self._opened = os.getpid(), _Files(self.folder, len(self), self.slot_bytes)
        return self._opened[1]


class _Files:
    """The two files of a store, opened."""

    def __init__(self, folder: Path, num: int, slot_bytes: int) -> None:
        self._folder, self._slot_bytes = folder, slot_bytes
        try:
            self._pixels = os.open(folder / _PIXELS, os.O_RDWR)
            self._entries = os.open(folder / _ENTRIES, os.O_RDWR)
            self._mapped = mmap.mmap(self._pixels, num * slot_bytes, access=mmap.ACCESS_READ)
            self._index = mmap.mmap(self._entries, num * _ENTRY.size, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise DataError(
                f"the cache of images can't be read: {error}",
                where=str(folder),
                hint="Start again, or leave it out: --set data.cache=null",
            ) from error

    def entry(self, slot: int) -> _Entry | None:
        """Return a slot's entry, None where there is none or it was torn."""
        raw = self._index[slot * _ENTRY.size : (slot + 1) * _ENTRY.size]
        *state, content, pixels_sum, own_sum = _ENTRY.unpack(raw)
        if own_sum != _sum_of_bytes(raw[: _STATE.size]):
            return None
        return _Entry((state[0], state[1], state[2], state[3]), content, pixels_sum)

    def pixels(self, slot: int) -> Pixels:
        """Return a copy uint8[n] of a slot, which others can't change any more."""
        start = slot * self._slot_bytes
        return np.frombuffer(self._mapped, np.uint8, self._slot_bytes, start).copy()

    def write(self, slot: int, image: Pixels, entry: _Entry) -> None:
        """Write pixels, then their entry; by calls, as a full disk kills who writes to a map."""
        self._put(self._pixels, image.data.cast("B"), slot * self._slot_bytes)
        self.write_entry(slot, entry)

    def write_entry(self, slot: int, entry: _Entry) -> None:
        """Write a slot's entry."""
        raw = _STATE.pack(*entry.state, entry.content, entry.pixels_sum)
        whole = raw + struct.pack("<Q", _sum_of_bytes(raw))
        self._put(self._entries, memoryview(whole), slot * _ENTRY.size)

    def _put(self, handle: int, content: memoryview, start: int) -> None:
        try:
            while len(content):
                num = os.pwrite(handle, content, start)
                content, start = content[num:], start + num
        except OSError as error:
            raise unwritable(self._folder, error) from error


def _state_of(path: Path) -> tuple[int, int, int, int] | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino


def _hash(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:16]


def _sum_of_bytes(raw: bytes) -> int:
    return int.from_bytes(hashlib.sha256(raw).digest()[:8], "little")


def _sum(pixels: Pixels) -> int:
    """Return a checksum of uint8[n] that tells torn and lost blocks; not meant for attackers."""
    num = len(pixels) // 8 * 8
    words = pixels[:num].view(np.uint64)
    rest = int.from_bytes(pixels[num:].tobytes(), "little")
    return (int(np.dot(words, _weights(len(words)))) + rest + len(pixels)) % 2**64


@lru_cache(maxsize=8)
def _weights(num: int) -> Any:
    """Return odd numbers uint64[num], so that no word of a sum is lost."""
    return np.random.default_rng(num).integers(0, 2**63, num, dtype=np.uint64) * 2 + np.uint64(1)
