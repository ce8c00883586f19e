"""georet finds out where a photo was taken, by retrieval among geo-tagged overhead tiles.

Importing this package imports neither torch nor any plugin.
"""

import importlib
from typing import TYPE_CHECKING, Any

from georet import moved
from georet.components import Command, Component, hookimpl
from georet.version import HOOK_API, __version__

if TYPE_CHECKING:
    from georet.facade import Gallery
    from georet.pretrained.encoder import Encoder
    from georet.report.run_folder import RunFolder as Run

moved.install()

__all__ = [
    "HOOK_API",
    "Command",
    "Component",
    "Encoder",
    "Gallery",
    "Run",
    "__version__",
    "hookimpl",
]


def __getattr__(name: str) -> Any:
    """Import ``Gallery``, ``Encoder`` or ``Run`` when asked for; they bring numpy and more."""
    if name == "Gallery":
        return importlib.import_module("georet.facade").Gallery
    if name == "Encoder":
        return importlib.import_module("georet.pretrained.encoder").Encoder
    if name == "Run":
        return importlib.import_module("georet.report.run_folder").RunFolder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
