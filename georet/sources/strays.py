"""What lies in a folder of tiles and can't be used: counted, and named once in words."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from georet.sources.untrusted import is_lfs_pointer, listed

_NAMED: Final = 3
_WORDS: Final = {
    "names": "{num} left out, since their names tell no tile's place",
    "twice": "{num} left out, since another file is the same tile",
    "empty": "{num} of 0 bytes",
    "lfs": "{num} with the address of a Git LFS file instead of a picture (git lfs pull fetches "
    "it)",
}


class Strays:
    """Counts files by what is wrong with them, and keeps the first names of each kind."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._counts = dict.fromkeys(_WORDS, 0)
        self._names: dict[str, list[str]] = {kind: [] for kind in _WORDS}

    def note(self, kind: str, name: str) -> None:
        """Count a file: its ``names`` tells no place, it is there ``twice``, ``empty``, ``lfs``."""
        self._counts[kind] += 1
        # In order, so that the same folder is told of in the same words.
        self._names[kind] = sorted([*self._names[kind], name])[: _NAMED + 1]

    def look(self, name: str, path: Path, num_bytes: int) -> None:
        """Count a file that is listed as a tile where there is no picture in it."""
        if num_bytes == 0:
            self.note("empty", name)
        elif is_lfs_pointer(path, num_bytes):
            self.note("lfs", name)

    def remarks(self) -> list[str]:
        """Return a line for each kind that was found."""
        return [
            f"warning: {self._root}: {words.format(num=_files(self._counts[kind]))}: "
            f"{listed(self._names[kind], _NAMED)}"
            for kind, words in _WORDS.items()
            if self._counts[kind]
        ]


def _files(num: int) -> str:
    return f"{num:,} file{'' if num == 1 else 's'}"
