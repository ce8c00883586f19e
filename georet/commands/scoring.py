"""What ``georet score`` does: find the protocol, then score the files."""

from __future__ import annotations

from typing import Any

from georet.evaluate.protocols import ALIASES, PROTOCOLS
from georet.evaluate.score_files import Files, score_files
from georet.plugins import UNSAID, Selection, load_plugins


def score_under(
    protocol: str, files: Files, *, name: str | None = None, selection: Selection = UNSAID
) -> dict[str, Any]:
    """Return the result of files under a protocol of georet or of a plugin, as JSON values.

    Plugins are loaded only where the name isn't georet's own, which needs no torch either.
    """
    if protocol in PROTOCOLS or protocol in ALIASES:
        return score_files(files, protocol=protocol, name=name)
    from georet.train.setup import protocol_named

    found = protocol_named(protocol, load_plugins(selection), where="--protocol")
    return score_files(files, protocol=found, name=name)
