"""The inverted lists of a saved index: left on disk, each taken in when a query first needs it."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.files import replacing
from georet.search.blocks import CheckedFile
from georet.types import Ints

CODES: Final = "codes.bin"
ROWS: Final = "rows.bin"
SIZES: Final = "sizes.npy"
"""Rows in each list."""


def write_lists(faiss: Any, index: Any, folder: Path) -> None:
    """Write the codes and row numbers of all lists, one list after another, and empty them."""
    lists = faiss.downcast_InvertedLists(index.invlists)
    sizes = np.array([lists.list_size(place) for place in range(index.nlist)], np.int64)
    with replacing(folder / CODES, "wb") as codes, replacing(folder / ROWS, "wb") as rows:
        for place, size in enumerate(sizes.tolist()):
            num_bytes = _num_bytes(lists, size)
            if size:
                codes.write(faiss.rev_swig_ptr(lists.get_codes(place), num_bytes).tobytes())
                rows.write(faiss.rev_swig_ptr(lists.get_ids(place), size).astype("<i8").tobytes())
    np.save(folder / SIZES, sizes)


def without_lists(faiss: Any, index: Any) -> Any:
    """Return the trained part of an index: the same, its lists empty."""
    copy = faiss.deserialize_index(faiss.serialize_index(index))
    lists = faiss.downcast_InvertedLists(copy.invlists)
    for place in range(copy.nlist):
        lists.resize(place, 0)
    return copy


class Lists:
    """Fills the lists of an index, whose lists are empty, with what ``write_lists`` wrote."""

    def __init__(self, faiss: Any, index: Any, codes: CheckedFile, rows: CheckedFile, sizes: Ints):
        self._lists = faiss.downcast_InvertedLists(index.invlists)
        self._codes, self._rows, self.sizes = codes, rows, sizes
        lengths = [_num_bytes(self._lists, size) for size in sizes.tolist()]
        self._code_at = np.cumsum([0, *lengths])
        self._row_at = np.cumsum([0, *sizes.tolist()])
        self._is_here = sizes == 0

    def need(self, places: Ints) -> None:
        """Take in the lists int64[M] that are not in memory yet; IntegrityError if one changed."""
        wanted = np.unique(places[places >= 0])
        for place in wanted[~self._is_here[wanted]].tolist():
            size = int(self.sizes[place])
            codes = self._codes.read(int(self._code_at[place]), int(self._code_at[place + 1]))
            first = 8 * int(self._row_at[place])
            rows = self._rows.read(first, first + 8 * size)
            self._lists.resize(place, size)
            _copy(self._lists.get_codes(place), codes)
            _copy(self._lists.get_ids(place), rows)
            self._is_here[place] = True
        self._codes.release()  # copied: the map of it would be memory twice
        self._rows.release()

    def need_all(self) -> None:
        """Take in all lists."""
        self.need(np.arange(len(self.sizes)))

    def list_of(self) -> Ints:
        """Return the list int64[R] of each row."""
        out = np.empty(int(self._row_at[-1]), np.int64)
        rows = np.frombuffer(self._rows.read(0, 8 * len(out)), "<i8")
        out[rows] = np.repeat(np.arange(len(self.sizes)), self.sizes)
        return out


def _num_bytes(lists: Any, size: int) -> int:
    """Return the bytes of codes of a list; fast scan packs them in blocks of rows."""
    if hasattr(lists, "n_per_block"):
        return -(-size // int(lists.n_per_block)) * int(lists.block_size)
    return size * int(lists.code_size)


def _copy(target: Any, content: memoryview) -> None:
    view = np.frombuffer(content, np.uint8)
    ctypes.memmove(int(target), view.ctypes.data, len(view))
