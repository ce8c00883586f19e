"""How a gallery is built: the choices that ``georet gallery build`` and Python offer, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from georet.contracts.making import Executor
from georet.errors import UsageError
from georet.gallery.files.storage import check_storage
from georet.gallery.files.writing import SHARD_SIZE
from georet.gallery.making.reading import THUMBNAIL_QUALITY, THUMBNAIL_SIDE
from georet.sessions import BATCH
from georet.tiles.tiling import Tiling


class BuildOptions(TypedDict, total=False):
    """The fields of ``BuildSettings`` as keywords, for callers from Python."""

    tiling: Tiling | None
    storage: str
    shard_size: int
    workers: int | None
    devices: tuple[str, ...] | None
    executor: str | Executor
    shard: tuple[int, int] | None
    thumbnails: bool
    bad_tile_quota: float
    batch_size: int


@dataclass(frozen=True, kw_only=True)
class BuildSettings:
    """How a gallery is built; UsageError for values that make no sense.

    ``tiling`` says how a source that is named is cut. ``workers`` processes read tiles (0:
    whoever embeds reads, None: chosen by encoder and cores). ``devices`` are where it is embedded,
    a process each if there are several (None: where the encoder says). ``executor`` has the shards
    made (a name with options, ``ray?cpus=2``, or an object). ``shard`` (i, n) makes only
    every n-th shard, from the i-th of 1..n. Up to the share ``bad_tile_quota`` of the tiles may be
    unreadable. ``storage``, ``shard_size``, ``batch_size`` and ``thumbnails`` decide the bytes.
    """

    tiling: Tiling | None = None
    storage: str = "fp32"
    shard_size: int = SHARD_SIZE
    workers: int | None = 0
    devices: tuple[str, ...] | None = None
    executor: str | Executor = "local"
    shard: tuple[int, int] | None = None
    thumbnails: bool = True
    bad_tile_quota: float = 0.0
    batch_size: int = BATCH

    def __post_init__(self) -> None:
        check_storage(self.storage)
        for name, value in {"--shard-size": self.shard_size, "--batch": self.batch_size}.items():
            if value < 1:
                raise UsageError(f"{value} is too small", where=name, hint="Give at least 1.")
        quota, share, workers = self.bad_tile_quota, self.shard, self.workers
        if not 0 <= quota <= 1:
            where = "--bad-tile-quota"
            raise UsageError(f"{quota:g} is no share", where=where, hint="Give 0 to 1.")
        if share is not None and not 1 <= share[0] <= share[1]:
            what = f"there is no part {share[0]} of {share[1]}"
            raise UsageError(what, where="--shard", hint="1/8 to 8/8, say.")
        if workers is not None and workers < 0:
            raise UsageError(
                f"there can't be {workers} processes",
                where="--workers",
                hint="Give 0 for this process alone, or how many.",
            )

    def as_json(self) -> dict[str, Any]:
        """Return JSON values of what decides the shards' bytes, beside source and encoder."""
        picture = {"format": "JPEG", "longest_side": THUMBNAIL_SIDE, "quality": THUMBNAIL_QUALITY}
        return {
            "storage": self.storage,
            "shard_size": self.shard_size,
            "batch_size": self.batch_size,
            "thumbnails": picture if self.thumbnails else None,
        }
