"""Whose imagery a gallery shows, and of when: what its sources say of themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def credits_of(manifest: Mapping[str, Any]) -> list[str]:
    """Return a line for each source that names whom to credit, or when it was taken.

    ``manifest`` is a gallery's; of merged and joined ones all parts are asked.
    """
    source = (manifest.get("settings") or {}).get("source") or {}
    return list(dict.fromkeys(_lines(source)))


def _lines(source: Mapping[str, Any]) -> Iterator[str]:
    for part in source.get("of") or ():
        yield from _lines(part.get("source") or {})
    owner, day = source.get("attribution"), source.get("captured")
    taken = None if day is None else f"taken {day}"
    if owner is not None or taken is not None:
        yield ", ".join(str(one) for one in (owner, taken) if one is not None)
