"""The plugin system: discover, select, load, list, and the catalogue of what plugins bring."""

from georet.plugins.listing import PluginInfo, list_plugins
from georet.plugins.manager import Plugins, load_plugins

__all__ = ["PluginInfo", "Plugins", "list_plugins", "load_plugins"]
