"""georet finds out where a photo was taken, by retrieval among geo-tagged overhead tiles.

Importing this package imports neither torch nor any plugin.
"""

import importlib
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

import pluggy

from georet.components import Command, Component

if TYPE_CHECKING:
    from georet.gallery.gallery import Gallery

HOOK_API = 1
"""Version of the hook contract; rises when a hook is removed or changes its meaning."""

hookimpl = pluggy.HookimplMarker("georet")
"""Marks a function of a plugin as the implementation of the hook of the same name."""

try:
    __version__ = version("georet")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["HOOK_API", "Command", "Component", "Gallery", "__version__", "hookimpl"]


def __getattr__(name: str) -> Any:
    """Import ``Gallery`` when it is asked for; it brings numpy and more."""
    if name == "Gallery":
        return importlib.import_module("georet.gallery.gallery").Gallery
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
