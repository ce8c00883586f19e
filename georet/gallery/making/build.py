"""Building a gallery: fix a plan, make its shards, seal it; resumable at any instant."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from georet.errors import DataError, UsageError
from georet.gallery.encoders import spec_as_json
from georet.gallery.files.plan import BUILD, PLAN, Plan, check_same, load_plan, write_plan
from georet.gallery.files.storage import check_storage
from georet.gallery.files.writing import SHARD_SIZE
from georet.gallery.making.campaign import Campaign
from georet.gallery.making.shards import THUMBNAIL_QUALITY, THUMBNAIL_SIDE, Opener, Work
from georet.interrupt import StopRequest
from georet.sessions import SessionSpec
from georet.sources.opening import open_source
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling
from georet.types import QUERY

BATCH: Final = 64
_THUMBNAILS: Final = {
    "format": "JPEG",
    "longest_side": THUMBNAIL_SIDE,
    "quality": THUMBNAIL_QUALITY,
}


def build_gallery(
    source: str | Path | TileSource,
    encoder: Opener,
    out: Path,
    *,
    tiling: Tiling | None = None,
    storage: str = "fp32",
    shard_size: int = SHARD_SIZE,
    workers: int | None = 0,
    shard: tuple[int, int] | None = None,
    thumbnails: bool = True,
    bad_tile_quota: float = 0.0,
    batch_size: int = BATCH,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Embed the tiles of a source into the gallery ``out``, and return that path.

    The same call again goes on where the last one was stopped, killed or failed; the gallery's
    bytes don't depend on that, nor on ``workers``. ``encoder`` opens a session for the reference
    view (a ``SessionSpec``). ``workers`` processes share the shards (0: this one makes them, None:
    chosen by cores and shards). ``shard`` (i, n) makes only every n-th shard, from the i-th of
    1..n; whichever call finds all shards done seals the gallery. Up to the share
    ``bad_tile_quota`` of the tiles may be unreadable; they are reported in ``bad_tiles.json``.
    ``say`` is told, in words, what this call did.

    Raises UsageError where ``out`` was begun with other settings (it names them), DataError for
    too many unreadable tiles or a full disk, Interrupted on SIGTERM or Ctrl-C.
    """
    _check(storage, shard_size, batch_size, workers, bad_tile_quota, shard)
    if isinstance(encoder, SessionSpec) and encoder.view == QUERY:
        raise UsageError(
            "the encoder would be opened for queries, a gallery holds references",
            hint="SessionSpec(..., view='reference')",
        )
    tiles = source if isinstance(source, TileSource) else _opened(source, tiling, encoder)
    with StopRequest() as stop, closing(encoder.open()) as session:
        settings = {
            "source": tiles.describe(),
            "encoder": session.identity.as_json(),
            "storage": storage,
            "shard_size": shard_size,
            "batch_size": batch_size,
            "thumbnails": dict(_THUMBNAILS) if thumbnails else None,
        }
        plan = _planned(Path(out), tiles, settings, spec_as_json(encoder))
        work = Work(Path(out), tiles, encoder, int(bad_tile_quota * len(plan.tiles)))
        Campaign(work, plan, session, stop, shard or (1, 1), workers, say).run()
    return Path(out)


def _check(
    storage: str,
    shard_size: int,
    batch_size: int,
    workers: int | None,
    quota: float,
    share: tuple[int, int] | None,
) -> None:
    check_storage(storage)
    for name, value in {"--shard-size": shard_size, "--batch": batch_size}.items():
        if value < 1:
            raise UsageError(f"{value} is too small", where=name, hint="Give at least 1.")
    if not 0 <= quota <= 1:
        raise UsageError(f"{quota:g} is no share", where="--bad-tile-quota", hint="Give 0 to 1.")
    if share is not None and not 1 <= share[0] <= share[1]:
        raise UsageError(
            f"there is no part {share[0]} of {share[1]}", where="--shard", hint="1/8 to 8/8, say."
        )
    if workers is not None and workers < 0:
        raise UsageError(
            f"there can't be {workers} processes",
            where="--workers",
            hint="Give 0 for this process alone, or how many.",
        )


def _opened(source: str | Path, tiling: Tiling | None, encoder: Opener) -> TileSource:
    plugins = encoder.plugins if isinstance(encoder, SessionSpec) else None
    blocked = encoder.blocked if isinstance(encoder, SessionSpec) else ()
    return open_source(source, tiling or Tiling(), plugins=plugins, blocked=blocked)


def _planned(
    out: Path, source: TileSource, settings: dict[str, Any], encoder_source: dict[str, Any] | None
) -> Plan:
    """Return the plan of ``out``: the one that was written there, or a new one.

    UsageError for a folder that no build began: there is somebody else's work in it.
    """
    if out.exists() and not (out / BUILD).is_file():
        if not out.is_dir():
            raise UsageError(
                "is a file, and a gallery is a folder", where=str(out), hint="Choose another --out."
            )
        early = {PLAN, "shards"}
        others = [
            path for path in out.iterdir() if path.name not in early and path.suffix != ".tmp"
        ]
        others += (out / "shards").glob("*")
        if others:
            raise UsageError(
                f"holds other things, such as {others[0].name}",
                where=str(out),
                hint="Choose a folder that is empty or does not exist yet.",
            )
    try:
        (out / "shards").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"can't be written: {error.strerror}", where=str(out)) from error
    plan = load_plan(out)
    if plan is None:
        header = {"settings": settings, "encoder_source": encoder_source}
        return write_plan(out, source.tiles(), header)
    check_same(plan, settings, out)
    return plan
