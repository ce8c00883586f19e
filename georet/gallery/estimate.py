"""What a gallery will take, before it is built: tiles, bytes and hours, from a measured sample."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from georet.contracts.running import Session
from georet.embeddings import embed_some
from georet.errors import DataError
from georet.gallery.files.parquet import plan_bytes, shard_bytes
from georet.gallery.making.layout import is_accelerated
from georet.gallery.making.reading import TileFiller
from georet.gallery.making.settings import BuildSettings
from georet.gallery.making.shards import Opener, placed
from georet.sources.opening import open_source
from georet.tiles.remarks import remarks_of
from georet.tiles.table import TileSource, TileTable
from georet.tiles.tiling import Tiling
from georet.types import Pixels

_ROUNDS: Final = 3
_MOST_S: Final = 15.0
"""So often is the sample embedded, unless it takes so long; the fastest batch counts."""


@dataclass(frozen=True)
class Estimate:
    """``num_tiles`` on ``area_km2`` of ground (overlaps once), by size or zoom; what a tile takes.

    ``read_s`` is of one core, ``embed_s`` of the device that ``backend`` names (of a CPU: all of
    its cores). ``num_sampled`` tiles were measured.
    """

    num_tiles: int
    by_kind: dict[str, int]
    area_km2: float
    bytes_a_tile: float
    read_s: float
    embed_s: float
    backend: str
    on_device: bool
    num_sampled: int

    def scaled(self, area_km2: float) -> Estimate:
        """Return the estimate for another area that is cut and looks the same."""
        factor = area_km2 / self.area_km2
        kinds = {kind: round(num * factor) for kind, num in self.by_kind.items()}
        num = sum(kinds.values())
        return replace(self, num_tiles=num, by_kind=kinds, area_km2=area_km2)

    @property
    def num_bytes(self) -> float:
        """Bytes of the finished gallery."""
        return self.num_tiles * self.bytes_a_tile

    @property
    def read_h(self) -> float:
        """Hours of one core to read all tiles."""
        return self.num_tiles * self.read_s / 3600

    @property
    def embed_h(self) -> float:
        """Hours of the device to embed all tiles."""
        return self.num_tiles * self.embed_s / 3600

    def wall_h(self, cores: int) -> float:
        """Return the hours that it takes with so many cores and one device."""
        if self.on_device:
            return max(self.read_h / max(1, cores), self.embed_h)
        return self.read_h / max(1, cores) + self.embed_h

    @property
    def cores_needed(self) -> float:
        """Cores that read as fast as the device embeds; 0 where the cores embed themselves."""
        return self.read_s / self.embed_s if self.on_device else 0.0

    def as_json(self, cores: int) -> dict[str, Any]:
        """Return all figures as JSON values."""
        return {
            "tiles": self.num_tiles,
            "by_kind": self.by_kind,
            "area_km2": self.area_km2,
            "bytes": self.num_bytes,
            "read_core_hours": self.read_h,
            "embed_device_hours": self.embed_h,
            "wall_hours": self.wall_h(cores),
            "cores": cores,
            "cores_needed": self.cores_needed,
            "backend": self.backend,
            "sampled": self.num_sampled,
        }


def estimate_gallery(
    source: str | TileSource,
    encoder: Opener,
    settings: BuildSettings,
    *,
    num_sampled: int = 256,
    say: Callable[[str], None] = lambda _: None,
) -> Estimate:
    """Return what a gallery will take, by ``num_sampled`` tiles spread over the whole source.

    Nothing is written. DataError where none of those tiles can be read.
    """
    if not isinstance(source, TileSource):
        tiling = settings.tiling or Tiling()
        source = open_source(source, tiling, selection=encoder.selection)
    for line in remarks_of(source):
        say(line)
    table = source.tiles()
    if not len(table):
        raise DataError("the source has no tiles", where=str(source.describe().get("path", "")))
    first = settings.devices[0] if settings.devices else None
    with closing(placed(encoder, first).open()) as session:
        kinds = Counter(str(name).partition("/")[0] for name in table.ids)
        is_told = len(kinds) <= len(table) / 2 or len(table) < 2
        sample = _Sample(source, table, session, settings, min(num_sampled, len(table)))
        return Estimate(
            len(table),
            dict(kinds) if is_told else {"tiles": len(table)},
            _area_km2(table, settings.tiling),
            sample.bytes_a_tile,
            sample.read_s,
            sample.embed_s,
            session.identity.backend,
            is_accelerated(session),
            sample.num_read,
        )


class _Sample:
    """Some tiles, read, embedded and encoded as a build would do it."""

    def __init__(
        self,
        source: TileSource,
        table: TileTable,
        session: Session,
        settings: BuildSettings,
        num: int,
    ) -> None:
        # Runs of neighbours, as a build reads them: what they share is decoded once.
        run = min(16, num)
        starts = np.linspace(0, len(table) - run, max(1, num // run)).astype(np.int64)
        rows = np.unique((starts[:, None] + np.arange(run)).reshape(-1))
        identity = session.identity
        filler = TileFiller(source, identity.size, identity.resize_rule, settings.thumbnails)
        images = np.empty((len(rows), *identity.size, 3), np.uint8)
        pictures: list[bytes | None] = []
        read: list[int] = []
        began_s, reason = time.process_time(), ""
        for row in rows.tolist():
            try:
                pictures.append(filler.fill(row, images[len(read)]))
            except DataError as error:
                reason = str(error)
                continue
            read.append(row)
        self.read_s = (time.process_time() - began_s) / len(rows)
        self.num_read = len(read)
        if not read:
            raise DataError(f"none of {len(rows)} tiles looked at can be read", hint=reason)
        self.embed_s = _seconds_each(session, images[: len(read)], settings.batch_size)
        # Bytes depend on their number alone, as long as they are all different.
        shape = (len(read), identity.embed_dim)
        embeddings = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        part = table.take(np.array(read))
        content = shard_bytes(
            np.array(read),
            part,
            embeddings,
            pictures if settings.thumbnails else None,
            storage=settings.storage,
        )
        self.bytes_a_tile = (len(content) + len(plan_bytes(part))) / len(read)


def _seconds_each(session: Session, images: Pixels, batch_size: int) -> float:
    """Return the seconds that an image takes, in the fastest of some batches."""
    began_s, found = time.monotonic(), []
    starts = list(range(0, len(images), batch_size))
    for start in starts[:1] + _ROUNDS * starts:  # the first one warms up
        batch = images[start : start + batch_size]
        batch_s = time.monotonic()
        embed_some(session, batch)
        found.append((time.monotonic() - batch_s) / len(batch))
        if len(found) > 1 and time.monotonic() - began_s > _MOST_S:
            break
    return min(found)


def _area_km2(table: TileTable, tiling: Tiling | None) -> float:
    """Return the ground that the tiles of one size cover, what neighbours share counted once."""
    num_sizes = max(1, len(tiling.side_m)) if tiling is not None else 1
    overlap = 0.0 if tiling is None else tiling.overlap
    return float((table.side_m**2).sum() * (1 - overlap) ** 2 / num_sizes / 1e6)
