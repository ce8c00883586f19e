"""georet finds out where a photo was taken, by retrieval among geo-tagged overhead tiles.

Importing this package imports neither torch nor any plugin.
"""

from importlib.metadata import PackageNotFoundError, version

import pluggy

from georet.components import Command, Component

HOOK_API = 1
"""Version of the hook contract; rises when a hook is removed or changes its meaning."""

hookimpl = pluggy.HookimplMarker("georet")
"""Marks a function of a plugin as the implementation of the hook of the same name."""

try:
    __version__ = version("georet")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"

__all__ = ["HOOK_API", "Command", "Component", "__version__", "hookimpl"]
