"""What a run is in a repository: data files alone, each under its hash, in one list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from georet.errors import DataError, IntegrityError
from georet.files import file_entry
from georet.vouching import is_inside, read_sealed, write_sealed

LIST: Final = "hub.json"
"""The list of a repository's files with their hashes; it carries its own."""
CARD: Final = "README.md"
FORMAT: Final = 1
_PLAIN: Final = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_ALLOWED: Final = (
    r"README\.md|config\.yaml|(plugins|manifest|vouched)\.json|report\.html",
    rf"checkpoints/(last|best)\.json|checkpoints/{_PLAIN}/(state|manifest)\.json",
    rf"checkpoints/{_PLAIN}/(encoder|average)\.safetensors",
    rf"evaluation/({_PLAIN}/)?{_PLAIN}\.json",
)
_DATA: Final = re.compile("|".join(_ALLOWED))
MOST_BYTES: Final = 64 << 30


def is_data(name: str) -> bool:
    """Say whether a file of this name is one that a run in a repository consists of."""
    return is_inside(name) and _DATA.fullmatch(name) is not None


def write_list(folder: Path) -> None:
    """Write the hashes of a folder's files; DataError for a file that doesn't belong there."""
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_dir() or name == LIST:
            continue
        if path.is_symlink() or not is_data(name):
            raise DataError("is no data file of a run", where=str(path))
        files[name] = file_entry(path)
    write_sealed(folder / LIST, {"format": FORMAT, "files": files})


def read_list(path: Path) -> dict[str, Mapping[str, Any]]:
    """Return {name: sha256 and bytes} of a repository's list.

    IntegrityError for a list that was changed, or that names what is no data.
    """
    hint = "Pull it again, or ask whoever pushed it to push it again."
    found = read_sealed(path, hint=hint)
    if found.get("format") != FORMAT:
        what = f"is in format {found.get('format')!r}, this georet reads {FORMAT}"
        raise IntegrityError(what, where=str(path))
    files = found.get("files")
    if not isinstance(files, dict):
        raise IntegrityError("lists no files", where=str(path), hint=hint)
    total = 0
    for name, entry in files.items():
        size = entry.get("bytes") if isinstance(entry, dict) else None
        if not is_data(name) or not isinstance(size, int):
            raise IntegrityError(
                f"lists {name!r}, which is no data file of a run; nothing was taken",
                where=str(path),
            )
        total += size
    if total > MOST_BYTES:
        raise IntegrityError(f"lists {total:,} bytes, too many", where=str(path))
    return files


def check_files(folder: Path, files: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise IntegrityError unless each listed file is a plain one with the listed hash."""
    for name, entry in files.items():
        path = folder / name
        if path.is_symlink() or not path.is_file():
            raise IntegrityError("is missing, or is a link; the list names it", where=str(path))
        if file_entry(path) != entry:
            raise IntegrityError(
                "is not the file that was pushed: its SHA-256 differs",
                where=str(path),
                hint="Pull it again; if it differs still, don't use it.",
            )
