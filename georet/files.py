"""Writing that survives a kill: temporary name, fsync, rename; and hashes of what was written."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from georet.errors import DataError, IntegrityError
from georet.platforms import is_alive, sync

MANIFEST = "manifest.json"
"""What ``seal`` writes into a folder."""
_SUFFIX = ".tmp"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def file_entry(path: Path) -> dict[str, Any]:
    """Return what a manifest says of a file: its ``sha256`` and its size in ``bytes``."""
    return {"sha256": sha256_of(path), "bytes": path.stat().st_size}


@contextmanager
def replaced_file(path: Path, *, synced: bool = True) -> Iterator[Path]:
    """Yield a free name beside ``path``; the file written there takes its place.

    A kill at any instant leaves the old file or the new one, whole; an error leaves the old one.
    OSError from inside, such as that of a full disk, becomes a DataError that names ``path``.
    Without ``synced`` the file is not forced to disk: the caller does so, for many at once.
    """
    temporary = beside(path)
    try:
        yield temporary
        if synced:
            sync(temporary)
        temporary.replace(path)
        if synced:
            sync(path.parent)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        _remove(temporary)


@contextmanager
def replacing(path: Path, mode: str = "w", *, errors: str = "strict") -> Iterator[IO[Any]]:
    """Yield a stream, opened with ``mode`` (``w`` or ``wb``), as ``replaced_file`` yields a name.

    Text is UTF-8 with line ends as written; ``errors`` says what becomes of what is no text.
    """
    encoding, newline = (None, None) if "b" in mode else ("utf-8", "")
    how = None if encoding is None else errors
    with (
        replaced_file(path) as temporary,
        temporary.open(mode, encoding=encoding, errors=how, newline=newline) as stream,
    ):
        yield stream


@contextmanager
def replaced_folder(path: Path, *, where: Path | None = None) -> Iterator[Path]:
    """Yield a free name beside ``path``; the folder made there takes its place.

    Where none was made, ``path`` stays as it is; one that appears only meanwhile is an error. A
    kill leaves the old folder, the new one, or, for the instant between two renames, none. What is
    in the folder is the caller's to ``sync``. OSError from inside becomes a DataError that names
    ``where``, by default ``path``.
    """
    temporary, old = beside(path), beside(path)
    try:
        is_there = path.exists()
        yield temporary
        if temporary.exists():
            if is_there:
                path.rename(old)
            temporary.rename(path)
            sync(path.parent)
    except OSError as error:
        if old.exists() and not path.exists():
            old.rename(path)
        raise unwritable(where or path, error) from error
    finally:
        _remove(temporary)
        _remove(old)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes ``path``, with hashes of its files, when all went well.

    A kill at any instant leaves either no ``path`` or the complete one.
    """
    with replaced_folder(path) as temporary:
        temporary.mkdir(parents=True)
        yield temporary
        seal(temporary)


def tidy_temporary(folder: Path, name: str | None = None) -> None:
    """Remove what killed writers of ``name``, by default of anything, left in a folder.

    What another living process of this machine is at, it leaves alone.
    """
    for path in folder.glob(f".*{_SUFFIX}"):
        written, _, token = path.name.removesuffix(_SUFFIX)[1:].rpartition(".")
        if written and (name is None or written == _shortened(name)) and not _is_anothers(token):
            _remove(path)


def unwritable(path: Path, error: OSError) -> DataError:
    """Return what to raise when a file or a folder could not be written."""
    return DataError(f"can't be written: {error.strerror or error}", where=str(path))


def write_atomic(path: Path, content: bytes | str) -> None:
    """Replace ``path`` by ``content`` so that a reader sees the old file or the new one, whole."""
    with replaced_file(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def write_json(path: Path, value: object) -> None:
    """Replace ``path`` by ``value`` as indented JSON, atomically."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Return the JSON in ``path``; DataError names a file that is missing, torn or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError("no such file", where=str(path)) from error
    except RecursionError as error:
        raise DataError("can't be read as JSON: nested too deep", where=str(path)) from error
    except (ValueError, OSError) as error:
        raise DataError(f"can't be read as JSON: {error}", where=str(path)) from error


def read_object(path: Path, *keys: str) -> dict[str, Any]:
    """Return the JSON object in ``path``; DataError where it is none or lacks one of ``keys``."""
    found = read_json(path)
    if not isinstance(found, dict):
        raise DataError(f"holds a JSON {type(found).__name__}, wanted an object", where=str(path))
    missing = [key for key in keys if key not in found]
    if missing:
        raise DataError(f"lacks {', '.join(map(repr, missing))}", where=str(path))
    return found


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
        entries = list(read_json(folder / MANIFEST)["files"].items())
    except (DataError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError("has no readable manifest", where=str(folder)) from error
    names = {name for name, _ in entries}
    for path in folder.iterdir():
        if path.name not in names and path.name != MANIFEST:
            raise IntegrityError("is not listed, so that nothing vouches for it", where=str(path))
    for name, entry in entries:
        path = folder / name
        if not path.is_file():
            raise IntegrityError("is missing, its manifest lists it", where=str(path))
        if file_entry(path) != entry:
            raise IntegrityError(
                "is not the file that was written: its SHA-256 differs from the manifest's",
                where=str(path),
                hint="Restore it from a copy, or go on from another checkpoint of the run.",
            )


def beside(path: Path) -> Path:
    """Return a free name for what will be ``path``; the process is told by its id."""
    token = f"{os.getpid()}-{secrets.token_hex(4)}"
    return path.with_name(f".{_shortened(path.name)}.{token}{_SUFFIX}")


def _is_anothers(token: str) -> bool:
    """Whether a temporary name's token names another process that lives."""
    pid = token.partition("-")[0]
    if not (pid.isascii() and pid.isdigit() and 0 < int(pid) < 2**31) or int(pid) == os.getpid():
        return False
    return is_alive(int(pid))


def _shortened(name: str) -> str:
    # A file system that takes the name takes the temporary one as well: 255 bytes, UTF-8.
    return name[:48]


def _remove(path: Path) -> None:
    if not os.path.lexists(path):
        return
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
