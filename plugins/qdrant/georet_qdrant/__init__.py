"""The plugin ``qdrant``: galleries on a server of Qdrant, and the index that searches there.

The component and the command are lazy, so that importing this package does not import the client.
"""

from __future__ import annotations

from collections.abc import Iterable

from georet import Command, Component, hookimpl


@hookimpl
def georet_indexes() -> Iterable[Component]:
    """Declare the index."""
    yield Component(
        "qdrant",
        "georet_qdrant.index:Qdrant",
        summary="Candidates by a server of Qdrant, to which the gallery was pushed",
        requires=("qdrant_client",),
        extra="qdrant",
    )


@hookimpl
def georet_commands() -> Iterable[Command]:
    """Declare ``georet gallery push``."""
    yield Command("gallery push", "georet_qdrant.cli:app", summary="Bring a gallery to a server")
