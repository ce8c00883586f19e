"""What vouches for a gallery's files: JSON that carries its own hash, and hashes of the rest."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from georet import vouching
from georet.errors import IntegrityError
from georet.vouching import hash_of, is_inside, write_sealed

__all__ = [
    "EXTRAS",
    "MANIFEST",
    "damaged",
    "hash_of",
    "is_inside",
    "missing",
    "read_sealed",
    "vouch",
    "vouched_bytes",
    "write_sealed",
]
MANIFEST: Final = "gallery.json"
EXTRAS: Final = "extras.json"
_AGAIN: Final = "Restore it from a copy, or build the gallery again."


def read_sealed(path: Path) -> dict[str, Any]:
    """Return the values that ``write_sealed`` wrote, without the seal.

    Raises IntegrityError where a single byte differs, DataError where there is no such file.
    """
    return vouching.read_sealed(path, hint=_AGAIN)


def vouch(content: bytes) -> dict[str, Any]:
    """Return the entry by which a file of this content is known again."""
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}


def vouched_bytes(root: Path, name: str, files: Mapping[str, Any]) -> bytes:
    """Return the bytes of a listed file, those that were hashed; IntegrityError names the file."""
    path = root / name
    if name not in files or not is_inside(name):
        raise IntegrityError("is not listed, so that nothing vouches for it", where=str(path))
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise missing(path) from error
    if hashlib.sha256(content).hexdigest() != files[name]["sha256"]:
        raise damaged(path)
    return content


def damaged(path: Path) -> IntegrityError:
    """Return the error for a file with other bytes than were written."""
    return IntegrityError(
        "is not the file that was written: its SHA-256 differs", where=str(path), hint=_AGAIN
    )


def missing(path: Path) -> IntegrityError:
    """Return the error for a listed file that is gone."""
    return IntegrityError("is missing, the gallery lists it", where=str(path), hint=_AGAIN)
