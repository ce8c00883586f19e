"""Care with what others wrote: only regular files are opened, and foreign text is shown escaped."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from georet.errors import DataError

_KINDS: Final = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}
_PLAIN: Final = re.compile(r"[\w./@+ -]{1,100}")
_LFS: Final = b"version https://git-lfs"
_LFS_BYTES: Final = 1024


def shown(text: object, most: int = 60) -> str:
    """Return foreign text in quotes as a message may hold it: escaped, and cut at ``most``."""
    whole = text.decode("ascii", "backslashreplace") if isinstance(text, bytes) else str(text)
    return repr(whole[:most]) + ("..." if len(whole) > most else "")


def check_regular(path: Path) -> None:
    """Raise DataError unless there is a regular file: a pipe would be waited for without end."""
    try:
        kind = stat.S_IFMT(path.stat().st_mode)
    except (OSError, ValueError) as error:
        raise DataError("there is no such file", where=str(path)) from error
    if kind != stat.S_IFREG:
        what = _KINDS.get(kind, "something else")
        raise DataError(f"is {what}, not a regular file", where=str(path))


def check_companions(path: Path) -> None:
    """Raise DataError where a pipe or device lies beside a file, named as what belongs to it.

    Libraries open ``area.tif.aux.xml``, ``area.tfw`` and the like by themselves.
    """
    check_regular(path)
    try:
        odd = _irregular(path.parent, path.parent.stat().st_mtime_ns)
    except OSError:
        return
    for name in odd:
        if name.startswith(path.stem):
            check_regular(path.parent / name)


@lru_cache(maxsize=8)
def _irregular(folder: Path, _changed_ns: int) -> list[str]:
    """Return the names in a folder of what is there, but neither a file nor a folder."""
    with os.scandir(folder) as entries:
        linked = [e for e in entries if not e.is_file(follow_symlinks=False) and not e.is_dir()]
    # What a link points to may be missing: then there is nothing to open.
    return [e.name for e in linked if not e.is_file() and Path(e.path).exists()]


def is_lfs_pointer(path: Path, num_bytes: int) -> bool:
    """Say whether a file of this size holds the address of a Git LFS file in the file's place."""
    if not 0 < num_bytes <= _LFS_BYTES:
        return False
    try:
        check_regular(path)
        with path.open("rb") as stream:
            return stream.read(len(_LFS)) == _LFS
    except (OSError, DataError):
        return False


class Inside:
    """Tells which files lie in a folder once links are followed; parents are resolved once."""

    def __init__(self, root: Path) -> None:
        self._root = os.path.realpath(root)
        self._parents: dict[str, bool] = {}

    def check(self, path: Path, where: str | None = None, *, is_link: bool | None = None) -> None:
        """Raise DataError for a file that a link takes out of the folder.

        ``is_link`` says whether the file itself is one, where that is known already.
        """
        parent, name = os.path.split(path)
        if parent not in self._parents:
            self._parents[parent] = self._holds(parent)
        is_link = os.path.islink(path) if is_link is None else is_link  # noqa: PTH114 - never raises
        if self._parents[parent] and not (is_link and not self._holds(str(path))):
            return
        target = os.path.realpath(path)
        raise DataError(
            f"{shown(name)} is a link out of the folder, to {shown(target, 200)}",
            where=where or str(path),
            hint="Copy what it points to into the folder; or, if you trust the folder, name it "
            f"with an option: {self._root}?links=follow (in quotes).",
        )

    def _holds(self, path: str) -> bool:
        return os.path.commonpath([os.path.realpath(path), self._root]) == self._root


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return the first few of several names for messages: escaped where they are no plain words."""
    plain = [name if _PLAIN.fullmatch(name) else shown(name) for name in names[:most]]
    return ", ".join(plain) + (", ..." if names[most:] else "")
