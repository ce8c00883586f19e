"""Makes photos with EXIF of any shape: directories are packed by hand, as odd writers do."""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image

BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL = 1, 2, 3, 4, 5, 7, 10
_FORMATS = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", UNDEFINED: "B"}
Entry = tuple[int, int, Any]
"""Tag, type, and value: bytes, numbers, or pairs of them."""


def tiff(entries: list[Entry], gps: list[Entry] | None = None, order: str = "<") -> bytes:
    """Return EXIF's TIFF part: a directory with these entries, and one of GPS behind it."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    if gps is None:
        return head + _directory(entries, 8, order)
    entries = sorted([*entries, (0x8825, LONG, [0])])
    at = 8 + len(_directory(entries, 8, order))
    entries = [(tag, kind, [at] if tag == 0x8825 else value) for tag, kind, value in entries]
    return head + _directory(entries, 8, order) + _directory(gps, at, order)


def _directory(entries: list[Entry], at: int, order: str) -> bytes:
    table, behind = struct.pack(f"{order}H", len(entries)), b""
    end = at + 2 + 12 * len(entries) + 4
    for tag, kind, value in entries:
        if kind in (RATIONAL, SRATIONAL):
            code = "II" if kind == RATIONAL else "ii"
            data = b"".join(struct.pack(order + code, *pair) for pair in value)
        else:
            values = list(value)
            data = struct.pack(f"{order}{len(values)}{_FORMATS[kind]}", *values)
        field = (
            data.ljust(4, b"\0") if len(data) <= 4 else struct.pack(f"{order}I", end + len(behind))
        )
        behind += data if len(data) > 4 else b""
        table += struct.pack(f"{order}HHI", tag, kind, len(value)) + field
    return table + b"\0" * 4 + behind


def segment(marker: int, content: bytes) -> bytes:
    """Return a JPEG's segment."""
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def jpeg(*segments: bytes, size: tuple[int, int] = (8, 8)) -> bytes:
    """Return a small JPEG with these segments behind its first two bytes."""
    buffer = BytesIO()
    Image.new("RGB", size, (90, 120, 60)).save(buffer, "JPEG")
    data = buffer.getvalue()
    return data[:2] + b"".join(segments) + data[2:]


def exif_segment(payload: bytes) -> bytes:
    return segment(0xE1, b"Exif\0\0" + payload)


def xmp_segment(inside: str) -> bytes:
    text = (
        '<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        f'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">{inside}</rdf:RDF></x:xmpmeta>'
    )
    return segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + text.encode())


@pytest.fixture
def odd() -> SimpleNamespace:
    """Return the makers of this file."""
    return SimpleNamespace(tiff=tiff, segment=segment, jpeg=jpeg, exif_segment=exif_segment)


@pytest.fixture
def gps_photo(tmp_path: Path) -> Callable[..., Path]:
    """Return what writes a photo with GPS entries, and XMP if that is given."""

    def write(gps: list[Entry] | None = None, *, xmp: str = "", order: str = "<") -> Path:
        segments = [] if gps is None else [exif_segment(tiff([], sorted(gps), order))]
        path = tmp_path / "photo.jpg"
        path.write_bytes(jpeg(*segments, *([xmp_segment(xmp)] if xmp else [])))
        return path

    return write
