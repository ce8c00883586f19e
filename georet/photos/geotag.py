"""Positions written into EXIF without touching a pixel: what is there stays where it is.

New directories are put behind the old bytes of the TIFF structure, so that offsets into it, those
in makers' notes too, stay right. Structures: TIFF 6.0, section 2; EXIF 2.32, section 4.6.6.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from georet.contracts.refining import LatLon
from georet.data.images import kind_of
from georet.errors import DataError

_GPS_POINTER: Final = 0x8825
_BYTE, _ASCII, _LONG, _RATIONAL, _UNDEFINED = 1, 2, 4, 5, 7
_STALE: Final = frozenset({8, 9, 10, 11, 30, 31})
"""Satellites, status, mode, dilution, differential correction, error: of another measurement."""
_EXIF: Final = b"Exif\0\0"
_MOST: Final = 65_533
"""Bytes that a segment of JPEG holds."""
_SECOND_STEPS: Final = 10_000
_PNG: Final = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, kw_only=True)
class Geotag:
    """What is written: degrees with ``digits`` decimals, the error in metres, the heading.

    ``looked_at`` is the ground in the photo's middle (GPSDestLatitude and Longitude).
    """

    latlon: LatLon
    digits: int = 7
    error_m: float | None = None
    heading_deg: float | None = None
    looked_at: LatLon | None = None

    def entries(self, order: str) -> dict[int, tuple[int, int, bytes]]:
        """Return type, count and bytes by tag, in a byte order of ``struct``."""
        method = b"ASCII\0\0\0georet"
        found = {
            0: (_BYTE, 4, bytes((2, 3, 0, 0))),
            **_place(self.latlon, self.digits, (1, 2, 3, 4), order),
            18: _text("WGS-84"),
            27: (_UNDEFINED, len(method), method),
        }
        if self.heading_deg is not None:
            hundredths = round(self.heading_deg % 360 * 100) % 36_000
            found |= {
                16: _text("T"),
                17: (_RATIONAL, 1, struct.pack(f"{order}II", hundredths, 100)),
            }
        if self.looked_at is not None:
            found |= _place(self.looked_at, self.digits, (19, 20, 21, 22), order)
        if self.error_m is not None:
            shown = min(round(100 * self.error_m), 0xFFFFFFFF)
            found[31] = (_RATIONAL, 1, struct.pack(f"{order}II", shown, 100))
        return found


def geotagged(data: bytes, tag: Geotag, where: Path) -> bytes:
    """Return an encoded JPEG, PNG or TIFF with the position in its EXIF, its pixels as they are.

    Other GPS tags that are still true (altitude, time) stay. DataError for another kind, for
    damaged EXIF, and where it no longer fits into a JPEG's segment.
    """
    kind = kind_of(data)
    try:
        if kind == "JPEG":
            return _in_jpeg(data, tag, where)
        if kind == "PNG":
            return _in_png(data, tag)
        if kind == "TIFF":
            return _with_gps(data, tag)
    except (struct.error, IndexError) as error:
        raise DataError(f"its EXIF is damaged: {error}", where=str(where)) from error
    raise DataError(
        f"no position can be written into a {kind or 'file of this kind'} as it is",
        where=str(where),
        hint="JPEG, PNG and TIFF can be geotagged.",
    )


def _in_jpeg(data: bytes, tag: Geotag, where: Path) -> bytes:
    """Return the file with its first EXIF segment changed, or with one behind the JFIF header."""
    at, start = 2, 2
    blocks: list[tuple[int, int]] = []
    while data[at : at + 1] == b"\xff":
        marker = data[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker in (0xD9, 0xDA):
            break
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if marker == 0xE0:
            start = end
        if marker == 0xE1 and data[at + 4 : at + 10] == _EXIF:
            blocks.append((at, end))
        at = end
    begin, end = blocks[0] if blocks else (start, start)
    payload = _EXIF + _with_gps(data[begin + 10 : end] if blocks else b"", tag)
    if len(payload) > _MOST:
        raise DataError(
            "its EXIF fills a JPEG segment, no position fits in", where=str(where), hint=None
        )
    segment = b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload
    return data[:begin] + segment + data[end:]


def _in_png(data: bytes, tag: Geotag) -> bytes:
    """Return the file with its eXIf chunk changed, or with one before the pixels (PNG 1.5)."""
    at, begin, end, block = len(_PNG), 0, 0, b""
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        name = data[at + 4 : at + 8]
        if name == b"eXIf":
            begin, end, block = at, at + 12 + length, data[at + 8 : at + 8 + length]
            break
        if name == b"IDAT" and not begin:
            begin = end = at
        at += 12 + length
    body = b"eXIf" + _with_gps(block, tag)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return data[:begin] + chunk + data[end:]


def _with_gps(block: bytes, tag: Geotag) -> bytes:
    """Return a TIFF structure with the position; empty: a new one."""
    if not block:
        block = b"II*\0" + struct.pack("<IHI", 8, 0, 0)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(bytes(block[:4]))
    if order is None:
        raise struct.error("no TIFF header")
    made = bytearray(block)
    root_at = struct.unpack_from(f"{order}I", made, 4)[0]
    root = _directory(made, root_at, order)
    kept = {}
    if _GPS_POINTER in root:
        gps_at = struct.unpack_from(f"{order}I", root[_GPS_POINTER], 8)[0]
        try:
            kept = _directory(made, gps_at, order)
        except struct.error:
            kept = {}  # what can't be read is replaced
    found = tag.entries(order)
    kept = {key: row for key, row in kept.items() if key not in found and key not in _STALE}
    gps_at = _append(made, found, kept, 0, order)
    if _GPS_POINTER in root:
        place = _entry_at(made, root_at, _GPS_POINTER, order)
        struct.pack_into(f"{order}I", made, place + 8, gps_at)
        return bytes(made)
    after = struct.unpack_from(f"{order}I", made, root_at + 2 + 12 * len(root))[0]
    pointer = {_GPS_POINTER: (_LONG, 1, struct.pack(f"{order}I", gps_at))}
    struct.pack_into(f"{order}I", made, 4, _append(made, pointer, root, after, order))
    return bytes(made)


def _directory(made: bytearray, at: int, order: str) -> dict[int, bytes]:
    """Return a directory's entries of 12 bytes by their tags."""
    num = struct.unpack_from(f"{order}H", made, at)[0]
    if at + 6 + 12 * num > len(made):
        raise struct.error("a directory runs beyond the end")
    rows = [bytes(made[at + 2 + 12 * n : at + 14 + 12 * n]) for n in range(num)]
    return {struct.unpack_from(f"{order}H", row)[0]: row for row in rows}


def _entry_at(made: bytearray, at: int, tag: int, order: str) -> int:
    num = struct.unpack_from(f"{order}H", made, at)[0]
    places = (at + 2 + 12 * n for n in range(num))
    return next(p for p in places if struct.unpack_from(f"{order}H", made, p)[0] == tag)


def _append(
    made: bytearray,
    new: Mapping[int, tuple[int, int, bytes]],
    kept: Mapping[int, bytes],
    after: int,
    order: str,
) -> int:
    """Write a directory behind all else, with ``after`` as the next one; return where it begins."""
    made += b"\0" * (len(made) % 2)
    rows = dict(kept)
    for tag, (kind, count, content) in new.items():
        place = content.ljust(4, b"\0")
        if len(content) > 4:
            place = struct.pack(f"{order}I", len(made))
            made += content + b"\0" * (len(content) % 2)
        rows[tag] = struct.pack(f"{order}HHI", tag, kind, count) + place
    begin = len(made)
    made += struct.pack(f"{order}H", len(rows))
    made += b"".join(rows[tag] for tag in sorted(rows)) + struct.pack(f"{order}I", after)
    return begin


def _place(
    latlon: LatLon, digits: int, tags: tuple[int, int, int, int], order: str
) -> dict[int, tuple[int, int, bytes]]:
    """Return references and degrees, minutes, seconds of a place."""
    found: dict[int, tuple[int, int, bytes]] = {}
    longitude = (latlon[1] + 180.0) % 360.0 - 180.0
    for value, letters, ref, number in (
        (latlon[0], "NS", tags[0], tags[1]),
        (longitude, "EW", tags[2], tags[3]),
    ):
        steps = round(abs(round(value, digits)) * 3600 * _SECOND_STEPS)
        minutes, seconds = divmod(steps, 60 * _SECOND_STEPS)
        degrees, minutes = divmod(minutes, 60)
        parts = struct.pack(f"{order}IIIIII", degrees, 1, minutes, 1, seconds, _SECOND_STEPS)
        found |= {ref: _text(letters[value < 0]), number: (_RATIONAL, 3, parts)}
    return found


def _text(text: str) -> tuple[int, int, bytes]:
    content = text.encode("ascii") + b"\0"
    return _ASCII, len(content), content
