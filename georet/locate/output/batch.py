"""Locating many photos: read, located and written down chunk by chunk, to be taken up again."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError
from georet.files import sha256_of
from georet.ground.region import Region
from georet.locate.locator import Locator
from georet.locate.output.journal import Journal
from georet.locate.output.records import Record, record_of
from georet.locate.prior import Prior
from georet.locate.results import Location
from georet.photos.gps import exif_latlon
from georet.photos.photos import PhotoReader
from georet.types import Floats, Pixels

CHUNK: Final = 64
HEAT: Final = "heat"


@dataclass(frozen=True)
class Asked:
    """What is asked of every photo of a batch.

    ``gps_radius_m``: use the photo's own EXIF position as a prior of this radius. ``num_heats``:
    so many of the records get their heat over all tiles, for a page that shows it.
    """

    k: int = 5
    region: Region | None = None
    prior: Prior | None = None
    gps_radius_m: float | None = None
    fuse: bool = False
    may_abstain: bool = True
    num_heats: int = 0

    def describe(self) -> dict[str, Any]:
        """Return JSON values that say what was asked."""
        prior = self.prior
        return {
            "k": self.k,
            "region": None if self.region is None else self.region.describe(),
            "near": None if prior is None else [*prior.latlon, prior.radius_m],
            "gps_radius_m": self.gps_radius_m,
            "fuse": self.fuse,
            "may_abstain": self.may_abstain,
        }


def locate_batch(
    locator: Locator,
    photos: Sequence[Path],
    asked: Asked,
    journal: Journal,
    *,
    quota: float = 0.0,
    advance: Callable[[int], None] = lambda _: None,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Locate the photos that the journal doesn't have yet, and add them to it.

    ``advance`` is called with the number of photos done since; ``check`` after each chunk, it may
    raise to stop. DataError where more photos can't be read than ``quota`` allows.
    """
    reader = PhotoReader(locator.session.identity.size, len(photos), quota)
    reader.bad |= {Path(name): DataError(why) for name, why in journal.unreadable().items()}
    left = [photo for photo in photos if str(photo) not in journal.done]
    advance(len(photos) - len(left))
    step = len(left) if asked.fuse else CHUNK
    for start in range(0, len(left), max(1, step)):
        chunk = left[start : start + step]
        images = reader.read(chunk)
        records = _records(locator, images, asked, journal) if images else []
        bad = {str(p): str(reader.bad[p].what) for p in chunk if p in reader.bad}
        journal.append(records, bad)
        advance(len(chunk))
        check()


def heat_in(record: Mapping[str, Any], num_tiles: int) -> Floats | None:
    """Return the heat float32[R] that a record holds, in 255 steps, or None."""
    if HEAT not in record:
        return None
    packed = zlib.decompress(base64.b64decode(record[HEAT]))
    return np.frombuffer(packed, np.uint8, num_tiles).astype(np.float32) / np.float32(255)


def _records(
    locator: Locator, images: Mapping[Path, Pixels], asked: Asked, journal: Journal
) -> list[tuple[list[str], Record]]:
    files = list(images)
    locations = locator.locate(
        list(images.values()),
        k=asked.k,
        region=asked.region,
        prior=_priors(files, asked),
        fuse=asked.fuse,
        names=[str(path) for path in files],
        files=files,
    )
    together = [files] if asked.fuse else [[path] for path in files]
    return [
        (
            [str(path) for path in paths],
            _record(location, paths, asked, has_heat=journal.num_records + at < asked.num_heats),
        )
        for at, (location, paths) in enumerate(zip(locations, together, strict=True))
    ]


def _record(location: Location, paths: Sequence[Path], asked: Asked, *, has_heat: bool) -> Record:
    if not asked.may_abstain:
        location = replace(location, abstained=False)
    record = record_of(location, [sha256_of(path) for path in paths])
    record["photos"] = [str(path) for path in paths]
    if has_heat and len(location.heat):
        steps = np.round(255 * location.heat).astype(np.uint8)
        record[HEAT] = base64.b64encode(zlib.compress(steps.tobytes(), 6)).decode("ascii")
    return record


def _priors(files: Sequence[Path], asked: Asked) -> Prior | list[Prior | None] | None:
    """Return each photo's prior: from its own position where that is asked for and there."""
    if asked.gps_radius_m is None:
        return asked.prior
    found = [exif_latlon(path) for path in files]
    return [
        asked.prior if latlon is None else Prior(latlon, asked.gps_radius_m) for latlon in found
    ]
