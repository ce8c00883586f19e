"""What addresses of tiles are made of, and what services answer in JSON."""

from __future__ import annotations

import json
from typing import Any

from georet.errors import DataError


def filled(template: str, zoom: int, x: int, y: int) -> str:
    """Return the address of a tile by a template."""
    flipped = 2**zoom - 1 - y
    quadkey = "".join(str((x >> bit & 1) + 2 * (y >> bit & 1)) for bit in reversed(range(zoom)))
    values = {
        "{z}": zoom, "{x}": x, "{y}": y, "{-y}": flipped, "{q}": quadkey, "{s}": "a",
        "{TileMatrix}": zoom, "{TileRow}": y, "{TileCol}": x,
        "{TileMatrixSet}": "GoogleMapsCompatible",
    }  # fmt: skip
    for name, value in values.items():
        template = template.replace(name, str(value))
    return template


def as_json(content: bytes, where: str) -> dict[str, Any]:
    """Return the JSON object that a service sent; DataError for anything else."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        start = " ".join(content[:200].decode("utf-8", "replace").split())[:120]
        raise DataError(f"sends no JSON: {start!r}", where=where) from error
    if not isinstance(found, dict):
        raise DataError(f"sends a JSON {type(found).__name__}, wanted an object", where=where)
    if isinstance(found.get("error"), dict):
        raise DataError(f"says: {found['error'].get('message', 'an error')}", where=where)
    return found
