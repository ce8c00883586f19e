"""The plugin ``ortho``: photos rendered from the user's own map, and encoders adapted to it."""

from __future__ import annotations

from collections.abc import Iterable

from georet import Command, hookimpl


@hookimpl
def georet_commands() -> Iterable[Command]:
    """Declare ``georet adapt``."""
    yield Command(
        "adapt",
        "georet_ortho.adapting.cli:app",
        summary="Make an encoder for an area from nothing but its map",
    )
