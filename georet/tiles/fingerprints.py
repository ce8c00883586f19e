"""What tells that files are still the ones that tiles were cut from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from georet.errors import DataError

_START: Final = 1 << 16


def fingerprint_file(path: Path) -> dict[str, Any]:
    """Return size, time of the last change, and the SHA-256 of the first 64 KiB and the size.

    Cheap for files of any size; in the formats of rasters and archives the beginning holds the
    header. Change elsewhere shows in the time. DataError where the file can't be read.
    """
    try:
        status = path.stat()
        with path.open("rb") as stream:
            start = stream.read(_START)
    except OSError as error:
        raise DataError(f"can't be read: {error.strerror}", where=str(path)) from error
    digest = hashlib.sha256(start + str(status.st_size).encode()).hexdigest()
    return {"bytes": status.st_size, "mtime_ns": status.st_mtime_ns, "sha256_start": digest}


def fingerprint_files(named: Iterable[tuple[str, Path]]) -> dict[str, Any]:
    """Return number, total size and one SHA-256 over names, sizes and times of many files.

    A file that is missing counts with size -1.
    """
    digest, num_files, total = hashlib.sha256(), 0, 0
    for name, path in named:
        try:
            status = path.stat()
            size, changed = status.st_size, status.st_mtime_ns
        except OSError:
            size, changed = -1, 0
        digest.update(f"{name}\0{size}\0{changed}\n".encode())
        num_files, total = num_files + 1, total + max(size, 0)
    return {"num_files": num_files, "bytes": total, "sha256_listing": digest.hexdigest()}
