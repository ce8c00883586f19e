"""What vouches for a gallery's files: JSON that carries its own hash, and hashes of the rest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any, Final

from georet.errors import DataError, IntegrityError
from georet.files import write_atomic

MANIFEST: Final = "gallery.json"
EXTRAS: Final = "extras.json"
_SEAL: Final = "seal"
_AGAIN: Final = "Restore it from a copy, or build the gallery again."


def canonical(values: Mapping[str, Any]) -> bytes:
    """Return values as JSON in the one form in which georet writes them."""
    plain = json.loads(json.dumps(values))
    return (json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def hash_of(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of the values."""
    return hashlib.sha256(canonical(values)).hexdigest()


def write_sealed(path: Path, values: Mapping[str, Any]) -> None:
    """Replace ``path`` by values with a seal, the hash of all the others."""
    write_atomic(path, canonical({**values, _SEAL: hash_of(values)}))


def read_sealed(path: Path) -> dict[str, Any]:
    """Return the values that ``write_sealed`` wrote, without the seal.

    Raises IntegrityError where a single byte differs, DataError where there is no such file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"can't be read: {error.strerror}", where=str(path)) from error
    try:
        values = json.loads(content)
        # Compared as bytes, since changed white space alone would pass the hash of the values.
        is_whole = canonical(values) == content
        is_whole = values.pop(_SEAL) == hash_of(values) and is_whole
    except (ValueError, KeyError, TypeError, AttributeError):
        is_whole = False
    if not is_whole:
        raise damaged(path)
    return dict(values)


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


def is_inside(name: str) -> bool:
    """Whether a path within a gallery, as a manifest or a caller gives it, stays in the gallery."""
    path = PurePosixPath(name)
    return bool(path.parts) and not (path.is_absolute() or ".." in path.parts or "\\" in name)


def damaged(path: Path) -> IntegrityError:
    """Return the error for a file with other bytes than were written."""
    return IntegrityError(
        "is not the file that was written: its SHA-256 differs", where=str(path), hint=_AGAIN
    )


def missing(path: Path) -> IntegrityError:
    """Return the error for a listed file that is gone."""
    return IntegrityError("is missing, the gallery lists it", where=str(path), hint=_AGAIN)
