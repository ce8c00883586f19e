"""Building a gallery: fix a plan, make its shards, seal it; resumable at any instant."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Unpack

from georet.blame import blaming
from georet.errors import UsageError
from georet.gallery.making.building import Building
from georet.gallery.making.executors import Local, executor_of
from georet.gallery.making.looks import one_colour_warning
from georet.gallery.making.settings import BuildOptions, BuildSettings
from georet.gallery.making.shards import Opener, Plain, SessionOpener
from georet.interrupt import StopRequest
from georet.tiles.table import TileSource
from georet.types import QUERY


def build_gallery(
    source: str | Path | TileSource,
    encoder: SessionOpener,
    out: Path,
    *,
    say: Callable[[str], None] = lambda _: None,
    command: Sequence[str] | None = None,
    **options: Unpack[BuildOptions],
) -> Path:
    """Embed the tiles of a source into the gallery ``out``, and return that path.

    The same call again goes on where the last one was stopped, killed or failed; the gallery's
    bytes don't depend on that, nor on ``workers``, ``devices`` and ``executor``. ``encoder`` opens
    a session for the reference view (a ``SessionSpec``). The options are the fields of
    ``BuildSettings``. With ``shard`` (i, n) whichever call finds all shards done seals the gallery.
    Unreadable tiles are reported in ``bad_tiles.json``. ``say`` is told, in words, what this call
    did. ``command`` is the command line that calls this, for executors that start it elsewhere.

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
    executor = executor_of(settings.executor, encoder.selection)
    is_own = isinstance(executor, Local)
    with (
        StopRequest() as stop,
        nullcontext() if is_own else blaming(executor, "the executor", patience_s=math.inf),
    ):
        executor.run(Building(source, encoder, Path(out), settings, stop, say, command))
    if (warning := one_colour_warning(Path(out))) is not None:
        say(warning)
    return Path(out)
