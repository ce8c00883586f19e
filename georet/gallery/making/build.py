"""Building a gallery: fix a plan, make its shards, seal it; resumable at any instant."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Unpack

from georet.errors import DataError, UsageError
from georet.gallery.files.plan import BUILD, PLAN, Plan, check_same, load_plan, write_plan
from georet.gallery.making.campaign import Campaign
from georet.gallery.making.looks import one_colour_warning
from georet.gallery.making.settings import BuildOptions, BuildSettings
from georet.gallery.making.shards import Opener, Plain, SessionOpener, Work
from georet.interrupt import StopRequest
from georet.sources.opening import open_source
from georet.tiles.remarks import remarks_of
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling
from georet.types import QUERY


def build_gallery(
    source: str | Path | TileSource,
    encoder: SessionOpener,
    out: Path,
    *,
    say: Callable[[str], None] = lambda _: None,
    **options: Unpack[BuildOptions],
) -> Path:
    """Embed the tiles of a source into the gallery ``out``, and return that path.

    The same call again goes on where the last one was stopped, killed or failed; the gallery's
    bytes don't depend on that, nor on ``workers``. ``encoder`` opens a session for the reference
    view (a ``SessionSpec``). The options are the fields of ``BuildSettings``. With ``shard`` (i, n)
    whichever call finds all shards done seals the gallery. Unreadable tiles are reported in
    ``bad_tiles.json``. ``say`` is told, in words, what this call did.

    Raises UsageError where ``out`` was begun with other settings (it names them), DataError for
    too many unreadable tiles or a full disk, Interrupted on SIGTERM or Ctrl-C.
    """
    settings = BuildSettings(**options)
    encoder = encoder if isinstance(encoder, Opener) else Plain(encoder)
    if encoder.view == QUERY:
        raise UsageError(
            "the encoder would be opened for queries, a gallery holds references",
            hint="SessionSpec(..., view='reference')",
        )
    if isinstance(source, TileSource):
        tiles = source
    else:
        tiles = open_source(source, settings.tiling or Tiling(), selection=encoder.selection)
    with StopRequest() as stop, closing(encoder.open()) as session:
        described = {
            "source": tiles.describe(),
            "encoder": session.identity.as_json(),
            **settings.as_json(),
        }
        for line in remarks_of(tiles):
            say(line)
        plan = _planned(Path(out), tiles, described, encoder.as_json())
        num_bad_allowed = int(settings.bad_tile_quota * len(plan.tiles))
        work = Work(Path(out), tiles, encoder, num_bad_allowed)
        share = settings.shard or (1, 1)
        Campaign(work, plan, session, stop, share, settings.workers, say).run()
    if (warning := one_colour_warning(Path(out))) is not None:
        say(warning)
    return Path(out)


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
        out.mkdir(parents=True, exist_ok=True)
        (out / "shards").mkdir(exist_ok=True)
    except OSError as error:
        raise DataError(f"can't be written: {error.strerror}", where=str(out)) from error
    plan = load_plan(out)
    if plan is None:
        header = {"settings": settings, "encoder_source": encoder_source}
        return write_plan(out, source.tiles(), header)
    check_same(plan, settings, out)
    return plan
