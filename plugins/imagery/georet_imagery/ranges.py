"""A file at an address, read in ranges, as rasterio wants it: one state of the file only."""

from __future__ import annotations

import io
from collections import OrderedDict
from typing import Final

from georet.errors import DataError
from georet_imagery.net import Answer, Client, Transient
from georet_imagery.redact import shown_url

BLOCK: Final = 1 << 18
_MOST_BLOCKS: Final = 256


class RangeFile(io.RawIOBase):
    """What lies at an address; blocks of 256 KiB are fetched when they are read, and kept a while.

    DataError where the file changes between two reads, or the host can't send parts of it.
    """

    def __init__(self, url: str, client: Client) -> None:
        self._url, self._client, self._at = url, client, 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._size, self._tag = -1, ""
        self.error: Exception | None = None
        self._blocks[0] = self._fetched(0)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self._size

    @property
    def tag(self) -> str:
        """What the host says of the file's state: its ETag, or when it was changed."""
        return self._tag

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def seekable(self) -> bool:
        """Say that any place of it can be read."""
        return True

    def tell(self) -> int:
        """Return the place."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        self._at = offset + {0: 0, 1: self._at, 2: self._size}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        """Return the bytes from here on, fewer at the end."""
        end = self._size if size < 0 else min(self._at + size, self._size)
        parts = []
        while self._at < end:
            number = self._at // BLOCK
            start = self._at - number * BLOCK
            part = self._block(number)[start : start + end - self._at]
            if not part:
                break
            parts.append(part)
            self._at += len(part)
        return b"".join(parts)

    def _block(self, number: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        if self.error is not None:
            return b""
        try:
            found = self._fetched(number)
        except Exception as error:
            # GDAL can't pass on what is raised in here: it gets nothing, and whoever reads by it
            # asks for the error afterwards.
            self.error = error
            return b""
        self._blocks[number] = found
        if len(self._blocks) > _MOST_BLOCKS:
            self._blocks.popitem(last=False)
        return found

    def _fetched(self, number: int) -> bytes:
        first = number * BLOCK
        last = first + BLOCK - 1
        shown = shown_url(self._url)

        def check(answer: Answer) -> None:
            if answer.status != 206:
                raise DataError(
                    "the host sends only whole files, not parts of them",
                    where=shown,
                    hint="Fetch the file, and name it on this machine.",
                )
            span, _, size = answer.headers.get("content-range", "").rpartition("/")
            if not size.isdigit() or not span.startswith(f"bytes {first}-"):
                raise DataError("the host sends another part than was asked for", where=shown)
            if len(answer.content) != min(last + 1, int(size)) - first:
                raise Transient("was cut off")
            tag = answer.headers.get("etag") or answer.headers.get("last-modified") or ""
            if self._size >= 0 and (int(size), tag) != (self._size, self._tag):
                raise DataError(
                    "changed between two reads",
                    where=shown,
                    hint="Try again once nobody writes to it.",
                )
            self._size, self._tag = int(size), tag

        answer = self._client.get(
            self._url, headers={"range": f"bytes={first}-{last}"}, check=check
        )
        if answer is None:
            raise DataError("there is nothing", where=shown)
        return answer.content
