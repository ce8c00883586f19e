"""Finds the photos to locate in files and folders; what is left out is counted and named."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from georet.data.kinds import (
    DEVELOP,
    HEAD,
    KINDS_IN_WORDS,
    RAW_SUFFIXES,
    SUFFIXES,
    kind_of,
    raw_refusal,
    refusal,
)
from georet.errors import DataError, MissingExtraError
from georet.extras import need
from georet.progress import one_line, say

_SIDECARS: Final = (".thm",)
"""Thumbnails that cameras lay beside videos and raw files."""
_NO_HEIF: Final = "HEIC photos need an extra: pip install 'georet[heif]'"


def find_photos(paths: Sequence[Path], *, tell: Callable[[str], None] = say) -> list[Path]:
    """Return the files named and, sorted, the images in the folders named, at any depth.

    A file that is named is taken whatever its suffix; one that comes up twice is taken once. In a
    folder files are taken by suffix or, where that says nothing, by their first bytes; links are
    followed; hidden files are passed over. ``tell`` is given one warning that counts and names
    all that is left out, and why. DataError for what isn't there, for what is no regular file, and
    for a folder without an image.
    """
    found: dict[Path, None] = {}
    left_out: dict[Path, str] = {}
    for path in paths:
        found.update(dict.fromkeys(_in_folder(path, left_out) if path.is_dir() else [_file(path)]))
    if left_out:
        num = len(found) + len(left_out)
        tell(f"warning: left out {len(left_out)} of {num} files: {in_groups(left_out)}")
    return list(found)


def in_groups(reasons: Mapping[Path, str]) -> str:
    """Return ``2 (why): a, b; 1 (why): c``: each reason once, with all the files it holds for."""
    groups: dict[str, list[str]] = {}
    for path, reason in reasons.items():
        groups.setdefault(reason, []).append(one_line(str(path)))
    return "; ".join(f"{len(names)} ({why}): {', '.join(names)}" for why, names in groups.items())


def _file(path: Path) -> Path:
    if not os.path.lexists(path):
        raise DataError("no such photo", where=str(path), hint="Check the path.")
    reason = _not_regular(path)
    if reason:
        raise DataError(reason, where=str(path), hint="Photos are regular files.")
    return path


def _in_folder(folder: Path, left_out: dict[Path, str]) -> list[Path]:
    images, before = [], len(left_out)
    for path in sorted(_files_below(folder, left_out)):
        reason = _why_not(path)
        if reason:
            left_out[path] = reason
        else:
            images.append(path)
    if not images:
        known = f"Files are taken that end in {', '.join(SUFFIXES)}, or hold such an image."
        skipped = dict(list(left_out.items())[before:])
        others = f" The folder holds {in_groups(skipped)}" if skipped else ""
        raise DataError(
            "there is no image in this folder", where=str(folder), hint=f"{known}{others}"
        )
    return images


def _files_below(folder: Path, left_out: dict[Path, str]) -> Iterator[Path]:
    """Yield all files that aren't hidden; each folder once, by whatever links it is reached."""

    def note(error: OSError) -> None:
        left_out[Path(error.filename)] = f"can't be listed: {error.strerror}"

    seen: set[tuple[int, int]] = set()
    for here, folders, names in os.walk(folder, followlinks=True, onerror=note):
        status = Path(here).stat()
        identity = status.st_dev, status.st_ino
        if identity in seen:
            folders.clear()
            continue
        seen.add(identity)
        # Real folders before links to them, so that a photo goes by its own name.
        folders[:] = sorted(
            (name for name in folders if not name.startswith(".")),
            key=lambda name: (Path(here, name).is_symlink(), name),
        )
        yield from (Path(here, name) for name in names if not name.startswith("."))


def _why_not(path: Path) -> str | None:
    """Return why a file of a folder is not taken, or None where it is a photo."""
    reason = _not_regular(path)
    if reason:
        return reason
    suffix = path.suffix.lower()
    if suffix in RAW_SUFFIXES:
        return f"{raw_refusal(path).what}: {DEVELOP}"
    if suffix in _SIDECARS:
        return "a camera's thumbnail of another file"
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD)
    except OSError as error:
        return f"can't be read: {error.strerror}"
    kind = kind_of(head)
    if kind == "HEIF":
        return _heif_missing()
    if kind is not None or suffix in SUFFIXES:
        # An unreadable file that claims to be a photo counts as a bad one, not as left out.
        return None
    refused = refusal(head, path)
    what = refused.what.removeprefix(f"not a {KINDS_IN_WORDS} image: ")
    if what.startswith("it begins with"):
        return "no image"
    return what if what == "it is a video" else f"{what}: {refused.hint}"


def _heif_missing() -> str | None:
    try:
        need("pi_heif", extra="heif")
    except (MissingExtraError, ImportError):
        return _NO_HEIF
    return None


def _not_regular(path: Path) -> str | None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "a link to nothing"
    except OSError as error:
        return f"can't be read: {error.strerror}"
    if stat.S_ISREG(mode):
        return None
    return "a pipe, which is no regular file" if stat.S_ISFIFO(mode) else "no regular file"
