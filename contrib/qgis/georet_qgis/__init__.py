# SPDX-License-Identifier: GPL-2.0-or-later
"""georet in QGIS: processing algorithms that call georet's command line, and never import it."""

from __future__ import annotations

from typing import Any


def classFactory(iface: Any) -> Any:
    """Return the plugin; ``iface`` is QGIS's window, None without one."""
    from .plugin import Plugin

    return Plugin(iface)
