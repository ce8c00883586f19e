"""What a component of the kind ``outputs`` must do: write located photos in a format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from georet.tiles.table import TileTable


class Pictures(Protocol):
    """The gallery, as an output sees it."""

    @property
    def tiles(self) -> TileTable:
        """All tiles."""

    def thumbnail(self, row: int) -> bytes | None:
        """Return a tile's small picture as JPEG, None if the gallery holds none."""


class Located(Protocol):
    """Located photos: as many as a batch has, so they are read one by one from disk.

    A record is a mapping of JSON values with the keys of ``--out FILE.json``: ``photo``,
    ``latitude``, ``longitude``, ``radius_50_m``, ``radius_90_m``, ``confidence``, ``abstained``,
    ``reach_m``, ``photos``, ``photo_sha256``, ``candidates``; with ``--refine`` also ``method``,
    ``heading_deg``, ``covariance_m2``, ``camera``, ``height_m``, ``tile``, ``inliers``, ``reason``
    and ``note``. Where the camera was known, ``known`` says how (as in ``Camera``), and where the
    ground in the photo's corners is, ``footprint`` has it: four pairs of latitude and longitude,
    top left first, then clockwise as seen in the photo. New keys may come.

    The frames of a flight, in their order, are located photos too: their records have the keys of
    ``georet.tracks.points.TrackPoint.as_record`` as well, and ``provenance`` has ``track``;
    ``TrackPoint.of_record`` makes a point of a record.
    """

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Gallery, encoder, versions and question, as JSON values."""

    @property
    def gallery(self) -> Pictures:
        """The gallery that was searched."""

    def __len__(self) -> int: ...

    def records(self) -> Iterator[Mapping[str, Any]]:
        """Yield the records in order; may be called again."""

    def unreadable(self) -> list[dict[str, str]]:
        """Return ``photo`` and ``reason`` of the photos that can't be read."""


@runtime_checkable
class Output(Protocol):
    """One format of located photos."""

    suffixes: tuple[str, ...]
    """Files with these suffixes are written in this format: ``(".kml",)``, lower case."""

    def write(self, path: Path, located: Located, /) -> None:
        """Write the file; it is written under a temporary name, and renamed when it is complete."""
