"""The journal of a batch: each located photo a line, so that a killed batch goes on."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from georet.errors import DataError
from georet.locate.output.records import Record
from georet.platforms import sync

_BAD, _RECORD, _HEAD = "unreadable", "record", "asked"


class Journal:
    """Lines of JSON at ``path``, for one way of asking.

    The first names what was asked; a journal of something else is begun anew. Lines are on disk
    before ``append`` returns; a torn last line is dropped.
    """

    def __init__(self, path: Path, asked: Mapping[str, Any]) -> None:
        self.path = path
        self.key = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
        self.done: set[str] = set()
        self.num_records = 0
        kept = list(self._lines()) if path.is_file() else []
        if not kept or kept[0].get(_HEAD) != self.key:
            self._begin()
            return
        for line in kept[1:]:
            self.done.update(line["photos"])
            self.num_records += _RECORD in line

    def append(
        self, records: Sequence[tuple[Sequence[str], Record]], bad: Mapping[str, str]
    ) -> None:
        """Add records, each with the photos that it is of, and photos that can't be read."""
        lines: list[dict[str, Any]] = [
            {"photos": list(photos), _RECORD: record} for photos, record in records
        ]
        lines += [{"photos": [photo], _BAD: reason} for photo, reason in bad.items()]
        with self.path.open("a", encoding="utf-8") as stream:
            stream.writelines(json.dumps(line) + "\n" for line in lines)
            stream.flush()
            os.fsync(stream.fileno())
        self.num_records += len(records)
        self.done.update(photo for line in lines for photo in line["photos"])

    def records(self) -> Iterator[Record]:
        """Yield the records in the order in which they were added, from disk."""
        for line in self._lines():
            if _RECORD in line:
                yield line[_RECORD]

    def unreadable(self) -> dict[str, str]:
        """Return the photos that can't be read, and why."""
        return {line["photos"][0]: line[_BAD] for line in self._lines() if _BAD in line}

    def remove(self) -> None:
        """Delete the journal; what it held is written elsewhere."""
        self.path.unlink(missing_ok=True)

    def _begin(self) -> None:
        try:
            self.path.write_text(json.dumps({_HEAD: self.key}) + "\n", encoding="utf-8")
        except OSError as error:
            raise DataError(f"can't be written: {error.strerror}", where=str(self.path)) from error
        sync(self.path)

    def _lines(self) -> Iterator[dict[str, Any]]:
        with self.path.open("rb") as stream:
            for raw in stream:
                if not raw.endswith(b"\n"):
                    # Only a kill in the middle of a write leaves such a line, and it is the last.
                    os.truncate(self.path, self.path.stat().st_size - len(raw))
                    return
                try:
                    line: dict[str, Any] = json.loads(raw)
                except ValueError as error:
                    raise DataError(
                        "is damaged", where=str(self.path), hint="Delete it; the batch begins anew."
                    ) from error
                yield line
