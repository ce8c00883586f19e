"""An XMP packet as flat text: ``name`` or ``name/part`` to value, namespaces as their writers'."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final
from xml.etree import ElementTree as ET

from georet.photos.camera.facts import ReadingError

_RDF: Final = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_PACKETS: Final = re.compile(
    rb"<x:xmpmeta\b.*?</x:xmpmeta\s*>|<rdf:RDF\b.*?</rdf:RDF\s*>", re.DOTALL
)
_NUMBER: Final = re.compile(
    r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?:\s*/\s*(\d+\.?\d*))?"
    r"\s*(?:m|mm|px|deg|degrees|\N{DEGREE SIGN})?\s*",
    re.IGNORECASE | re.ASCII,
)
_MOST_BYTES: Final = 1 << 20
_MOST_VALUES: Final = 10_000
_DEEPEST: Final = 6


def packets_in(data: bytes) -> Iterator[bytes]:
    """Yield the XMP packets in a file's bytes, as they stand in JPEG, PNG, WebP, TIFF or HEIF."""
    for match in _PACKETS.finditer(data):
        yield match[0]


def values_of(packet: bytes) -> dict[str, str]:
    """Return a packet's values by ``namespace|name`` in lower case; parts of a structure behind /.

    The namespace is its address, so that what writers call it doesn't matter. Raises ReadingError
    for a packet that is no XML, that is too large, or that brings definitions of its own, which
    XMP has none of and which may expand without bound.
    """
    if len(packet) > _MOST_BYTES:
        raise ReadingError(f"the XMP has {len(packet):,} bytes, at most {_MOST_BYTES:,} are read")
    if b"<!" in packet.replace(b"<!--", b""):
        raise ReadingError("the XMP brings definitions of its own")
    try:
        root = ET.fromstring(packet)  # noqa: S314 -- definitions, which could expand, are refused
    except ET.ParseError as error:
        raise ReadingError(f"the XMP is no XML: {error}") from None
    found: dict[str, str] = {}
    for description in root.iter(f"{_RDF}Description"):
        for key, value in _flat(description, "", 0):
            # The first packet wins, as the first of two equal names does.
            found.setdefault(key, value)
            if len(found) > _MOST_VALUES:
                raise ReadingError("the XMP has no end of values")
    return found


def number_in(text: str) -> float:
    """Return the number in ``+12.5``, ``125/10`` or ``12.5 m``; ReadingError for other text."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise ReadingError(f"is {text[:30]!r}")
    over = float(match[2] or 1)
    if over == 0:
        raise ReadingError(f"is {text[:30]!r}")
    return float(match[1]) / over


def lookup(values: Mapping[str, str], name: str, *, space: str = "") -> tuple[str, str] | None:
    """Return (name as written, value) of a name in any namespace whose address holds ``space``."""
    wanted = name.lower()
    for key, value in values.items():
        address, _, local = key.partition("|")
        if local == wanted and space in address:
            return key, value
    return None


def _flat(element: ET.Element, above: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth > _DEEPEST:
        return
    for name, value in element.attrib.items():
        if not name.startswith(_RDF):
            yield _key(name, above), value.strip()
    for child in element:
        if child.tag == f"{_RDF}Description":
            # A structure may be written with a description of its own in between.
            yield from _flat(child, above, depth + 1)
            continue
        key = _key(child.tag, above)
        if child.text and child.text.strip():
            yield key, child.text.strip()
        yield from _flat(child, f"{key}/", depth + 1)


def _key(tag: str, above: str) -> str:
    """Return the key of a tag ``{address}name``; a part keeps its structure's address."""
    address, _, name = tag.removeprefix("{").rpartition("}")
    return (above + name if above else f"{address}|{name}").lower()
