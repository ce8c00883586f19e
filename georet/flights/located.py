"""A flight as formats see it: located photos whose records hold the points of a track as well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from georet.files import sha256_of
from georet.flights.films import Shot
from georet.flights.flying import Flight
from georet.locate.output.records import Record, as_text, record_of
from georet.locate.refine import as_places
from georet.locate.results import Location, candidates_of
from georet.photos.outline import ground_corners

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery


@dataclass(frozen=True)
class Track:
    """The records of a flight (``georet.contracts.answering.Located``), in the order of frames."""

    flight: Flight
    shots: tuple[Shot, ...]
    provenance: Mapping[str, Any]

    @property
    def gallery(self) -> StoredGallery:
        """The gallery that was flown over."""
        return self.flight.flown.gallery

    def __len__(self) -> int:
        return len(self.shots)

    def records(self) -> Iterator[Record]:
        """Yield a record for each frame: that of a photo, at the track's place."""
        for shot, point, (row, score) in zip(
            self.shots, self.flight.points, self.flight.tops(), strict=True
        ):
            rows = np.array([row])
            tiles = self.gallery.tiles_at(rows)
            scores = np.array([score], np.float32)
            location = Location(
                photo=shot.name,
                latlon=point.latlon,
                radius_50_m=None,
                radius_90_m=None,
                confidence=None,
                abstained=point.source == "dead-reckoned",
                candidates=candidates_of(rows, tiles, scores, np.ones(1), None),
                heat=np.empty(0, np.float32),
                reach_m=float(tiles.side_m[0]) / 2**0.5,
                camera=shot.facts.camera(),
                footprint_latlon=as_places(ground_corners(shot.facts, point.latlon)),
            )
            hashes: list[str | None] = [] if shot.photo is None else [sha256_of(shot.photo)]
            record = {**record_of(location, hashes), **point.as_record()}
            names = [] if shot.photo is None else [as_text(str(shot.photo))]
            yield record | {"photo": as_text(point.name), "photos": names}

    def unreadable(self) -> list[dict[str, str]]:
        """Return nothing: frames that can't be read have a place by their neighbours."""
        return []
