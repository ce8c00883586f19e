"""The journal of a build: one line a finished shard, written so that a kill harms no other line."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from georet.errors import DataError
from georet.files import write_atomic

JOURNAL: Final = "journal.jsonl"
BLOCKS: Final = "blocks"
"""The folder of the hashes by which files are verified block by block."""
_CHECK: Final = "check"


@dataclass(frozen=True)
class ShardEntry:
    """One finished shard: its file's hash and size, its number of rows, and the unreadable tiles.

    ``bad`` holds (row of the plan, reason). ``embeddings_at`` is the byte of the file at which the
    stored embeddings begin, and ``blocks_sha256`` the hash of the file of its blocks' hashes; -1
    and empty for a shard that has to be read as a whole.
    """

    shard: int
    sha256: str
    bytes: int
    rows: int
    bad: tuple[tuple[int, str], ...] = ()
    embeddings_at: int = -1
    blocks_sha256: str = ""


def shard_name(number: int) -> str:
    """Return a shard's path within the gallery."""
    return f"shards/part-{number:05d}.parquet"


def blocks_name(name: str) -> str:
    """Return the path, within the gallery, of the hashes of a file's blocks."""
    return f"{BLOCKS}/{name.replace('/', '-')}.sha256"


def append(folder: Path, entry: ShardEntry) -> None:
    """Add a line and force it to disk; a torn line before it, of a killed writer, is closed."""
    path = folder / JOURNAL
    try:
        handle = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            # The new line's own newline in front keeps a torn one from swallowing it.
            size = os.fstat(handle).st_size
            os.lseek(handle, max(0, size - 1), os.SEEK_SET)
            is_torn = os.read(handle, 1) not in (b"", b"\n")
            os.write(handle, b"\n" * is_torn + _line(entry))
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise DataError(f"can't be written: {error.strerror}", where=str(path)) from error


def entries(folder: Path) -> Iterator[ShardEntry]:
    """Yield the journal's whole lines; torn and damaged ones count as never written."""
    path = folder / JOURNAL
    if not path.is_file():
        return
    for line in path.read_bytes().split(b"\n"):
        entry = _parse(line)
        if entry is not None:
            yield entry


def rewrite(folder: Path, final: Iterable[ShardEntry]) -> None:
    """Replace the journal by one line a shard, in their order."""
    lines = [_line(entry) for entry in sorted(final, key=lambda entry: entry.shard)]
    write_atomic(folder / JOURNAL, b"".join(lines))


def _line(entry: ShardEntry) -> bytes:
    body = json.dumps(asdict(entry), ensure_ascii=False)
    return f'{body[:-1]}, "{_CHECK}": "{_check(body)}"}}\n'.encode()


def _check(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:16]


def _parse(line: bytes) -> ShardEntry | None:
    try:
        values: dict[str, Any] = json.loads(line)
        check = values.pop(_CHECK)
        # As it was written: a later georet may know of more.
        body = json.dumps(values, ensure_ascii=False)
        entry = ShardEntry(**{**values, "bad": tuple((r, why) for r, why in values["bad"])})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return entry if _check(body) == check else None
