"""The plugin system: discover, select, load, list, and the catalogue of what plugins bring."""

from georet.plugins.listing import PluginInfo, list_plugins
from georet.plugins.manager import Plugins, load_plugins
from georet.plugins.selection import UNSAID, Selection

__all__ = ["UNSAID", "PluginInfo", "Plugins", "Selection", "list_plugins", "load_plugins"]
