"""What ``georet plugins`` shows: every installed plugin, its state, and what active ones bring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from georet.errors import PluginError
from georet.plugins.discovery import Source, installed, split
from georet.plugins.entry import Entry, is_installed
from georet.plugins.loading import load_plugin
from georet.plugins.selection import UNSAID, Selection, select

Status = Literal["active", "available", "blocked", "broken"]


@dataclass(frozen=True)
class ComponentInfo:
    """A component in the listing; ``missing`` are required modules that are not installed."""

    id: str
    kind: str
    summary: str
    missing: tuple[str, ...]


@dataclass(frozen=True)
class PluginInfo:
    """A plugin in the listing; kinds and components are known of loaded ones alone."""

    name: str
    distribution: str
    version: str
    status: Status
    reason: str = ""
    kinds: tuple[str, ...] = ()
    components: tuple[ComponentInfo, ...] = ()


def list_plugins(selection: Selection = UNSAID, *, check: bool = False) -> list[PluginInfo]:
    """Return all plugins: the active ones in their order, then the others by name.

    Plugins that are merely available are listed from metadata and not imported, except with
    ``check``, which finds out whether they load.
    """
    active = [choice.source for choice in select(selection)]
    names, barred = {source.name for source in active}, split(selection.blocked)
    listed = [_loaded(source, "active") for source in active]
    for source in installed().values():
        if source.name in names:
            continue
        if source.name in barred:
            listed.append(_info(source, "blocked", "--no-plugin"))
        else:
            listed.append(_loaded(source, "available") if check else _available(source))
    return listed


def _loaded(source: Source, status: Status) -> PluginInfo:
    try:
        plugin = load_plugin(source)
    except PluginError as error:
        return _info(source, "broken", error.what)
    entries = [Entry(kind, component, source) for kind, component in plugin.components]
    components = tuple(
        ComponentInfo(entry.id, entry.kind, entry.component.summary, entry.missing)
        for entry in entries
    )
    kinds = tuple(dict.fromkeys(entry.kind for entry in entries))
    return PluginInfo(
        source.name, source.distribution, source.version, status, "", kinds, components
    )


def _available(source: Source) -> PluginInfo:
    """Say what can be seen from outside: a second claim on the name, a module that isn't there."""
    if source.rivals:
        return _info(source, "broken", f"also claimed by {', '.join(source.rivals)}")
    if not is_installed(str(source.target)):
        return _info(source, "broken", f"there is no module {source.target!r}")
    return _info(source, "available", f"--plugins {source.name}")


def _info(source: Source, status: Status, reason: str) -> PluginInfo:
    return PluginInfo(source.name, source.distribution, source.version, status, reason)
