"""Writing that survives a kill: temporary name, fsync, rename; and hashes of what was written."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from georet.errors import DataError, IntegrityError

MANIFEST = "manifest.json"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_entry(path: Path) -> dict[str, Any]:
    """Return what a manifest says of a file: its ``sha256`` and its size in ``bytes``."""
    return {"sha256": sha256_of(path), "bytes": path.stat().st_size}


def sync(path: Path) -> None:
    """Force a file or a folder's entries to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomic(path: Path, content: bytes | str) -> None:
    """Replace ``path`` by ``content`` so that a reader sees the old file or the new one, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    data = content.encode() if isinstance(content, str) else content
    try:
        temporary.write_bytes(data)
        sync(temporary)
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise DataError(f"can't be written: {error.strerror}", where=str(path)) from error
    sync(path.parent)


def write_json(path: Path, value: object) -> None:
    """Replace ``path`` by ``value`` as indented JSON, atomically."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Return the JSON in ``path``; a missing or torn file raises DataError naming it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError("no such file", where=str(path)) from error
    except (ValueError, OSError) as error:
        raise DataError(f"can't be read as JSON: {error}", where=str(path)) from error


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path``, with hashes of its files, when all went well.

    A kill at any instant leaves either no ``path`` or the complete one.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        seal(temporary)
        temporary.rename(path)
    except OSError as error:
        raise DataError(f"can't be written: {error.strerror}", where=str(path)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync(path.parent)


def seal(folder: Path) -> None:
    """Write the folder's manifest: the SHA-256 and size of each file in it, all of it on disk."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != MANIFEST)
    for path in files:
        sync(path)
    write_json(folder / MANIFEST, {"files": {p.name: file_entry(p) for p in files}})
    sync(folder)


def verify(folder: Path) -> None:
    """Raise IntegrityError unless every file of the folder is the one its manifest vouches for."""
    try:
        entries = read_json(folder / MANIFEST)["files"].items()
    except (DataError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError("has no readable manifest", where=str(folder)) from error
    for name, entry in entries:
        path = folder / name
        if not path.is_file():
            raise IntegrityError("is missing, its manifest lists it", where=str(path))
        if sha256_of(path) != entry["sha256"]:
            raise IntegrityError(
                "is not the file that was written: its SHA-256 differs from the manifest's",
                where=str(path),
                hint="Restore it from a copy, or go on from another checkpoint of the run.",
            )
