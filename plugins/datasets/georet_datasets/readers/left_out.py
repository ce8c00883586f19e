"""What a reader of a tree of folders doesn't read: counted and named, never lost in silence."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from georet.data.images import SUFFIXES
from georet.errors import DataError
from georet.progress import say
from georet_datasets.readers.files import Origin

SYSTEM: Final = {"thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "@eadir", "$recycle.bin"}
"""What file managers leave behind, in lower case, besides files whose name begins with a dot."""

EMPTY, LINK = "folders without an image", "broken links"
CLUTTER, NO_IMAGE = "files of the operating system", "files that are no images"
STRAY, UNREAD = "images outside the folders of buildings", "folders that are not read"


class Group(NamedTuple):
    """Names of one kind that were left out of one folder."""

    kind: str
    folder: str
    names: list[str]


@dataclass
class LeftOut:
    """Collects what is left out of one data set; ``tell`` prints what is new since."""

    origin: Origin
    groups: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    _told: set[tuple[str, str]] = field(default_factory=set)

    def add(self, kind: str, folder: Path, name: str) -> None:
        """Note a name in a folder, with bytes that are no text written as such."""
        self.groups.setdefault((kind, str(folder)), []).append(readable(name))

    def tell(self) -> None:
        """Print a line on stderr for each kind and folder, once."""
        for (kind, folder), names in self.groups.items():
            if (kind, folder) not in self._told:
                self._told.add((kind, folder))
                shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
                say(f"{self.origin.name}: left out of {folder}: {kind}: {len(names):,} ({shown})")

    def listed(self) -> list[Group]:
        """Return all of it."""
        return [Group(kind, folder, names) for (kind, folder), names in self.groups.items()]


def readable(name: str) -> str:
    """Return a file's name as text that can be printed, whatever its bytes are."""
    return os.fsencode(name).decode(errors="backslashreplace")


def subfolders(folder: Path, origin: Origin, left_out: LeftOut) -> list[str]:
    """Return the names of a folder's folders, sorted, links followed; the rest is left out."""
    return _names(folder, origin, left_out, folder, "", Path.is_dir)


def image_names(inner: Path, origin: Origin, left_out: LeftOut, folder: Path) -> list[str]:
    """Return the names of a folder's images, sorted; the rest is left out of ``folder``."""
    prefix = f"{inner.relative_to(folder)}/"
    names = _names(inner, origin, left_out, folder, prefix, Path.is_file)
    for name in names:
        if not _is_image(name):
            left_out.add(NO_IMAGE, folder, prefix + name)
    images = [name for name in names if _is_image(name)]
    if not images:
        left_out.add(EMPTY, folder, prefix.rstrip("/"))
    return images


def note_unread(folder: Path, known: Collection[str], left_out: LeftOut) -> None:
    """Note the folders in a folder, if it is there, that are not ``known``, with their size."""
    if not folder.is_dir():
        return
    for entry in sorted(folder.iterdir()):
        if entry.name in known:
            continue
        if _is_clutter(entry.name):
            left_out.add(CLUTTER, folder, entry.name)
        elif entry.is_dir():
            left_out.add(UNREAD, folder, f"{entry.name} ({len(list(entry.iterdir())):,} entries)")
        elif entry.is_symlink() and not entry.exists():
            left_out.add(LINK, folder, entry.name)
        elif _is_image(entry.name):
            left_out.add(STRAY, folder, entry.name)


def _names(
    folder: Path,
    origin: Origin,
    left_out: LeftOut,
    top: Path,
    prefix: str,
    kind: Callable[[Path], bool],
) -> list[str]:
    try:
        entries = sorted(folder.iterdir())
    except (FileNotFoundError, NotADirectoryError) as error:
        raise origin.missing(folder) from error
    except OSError as error:
        what = f"can't be listed: {error.strerror}"
        raise DataError(what, where=str(folder), hint=origin.hint) from error
    names = []
    for entry in entries:
        name = entry.name
        if _is_clutter(name):
            left_out.add(CLUTTER, top, prefix + name)
        elif kind(entry):
            names.append(_utf8(name, folder))
        elif entry.is_dir():
            left_out.add(UNREAD, top, prefix + name)
        elif entry.is_file():
            left_out.add(STRAY if _is_image(name) else NO_IMAGE, top, prefix + name)
        else:
            left_out.add(LINK, top, prefix + name)
    return names


def _utf8(name: str, folder: Path) -> str:
    if any("\udc80" <= letter <= "\udcff" for letter in name):
        what = f"the name {os.fsencode(name)!r} in this folder is not UTF-8"
        raise DataError(what, where=str(folder), hint="Rename it, for example with convmv.")
    return name


def _is_clutter(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM


def _is_image(name: str) -> bool:
    return Path(name).suffix.lower() in SUFFIXES
