"""The page's own files: a fixed list, read once; nothing else is ever served as a file."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class Asset:
    """One file: its bytes and what they are."""

    content: bytes
    media_type: str


def load_assets() -> dict[str, Asset]:
    """Return the files below ``georet/serve/static`` by their names relative to it."""
    return _below(files("georet.serve").joinpath("static"), "")


def _below(folder: Traversable, prefix: str) -> dict[str, Asset]:
    found: dict[str, Asset] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _below(entry, f"{prefix}{entry.name}/")
        elif media_type := _TYPES.get(entry.name.rpartition(".")[2]):
            found[prefix + entry.name] = Asset(entry.read_bytes(), media_type)
    return found
