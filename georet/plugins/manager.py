"""The plugin manager: load what was selected, and a typed facade over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from georet.components import Command
from georet.errors import ComponentError, GeoretError, PluginError
from georet.plugins.catalog import Catalog
from georet.plugins.discovery import CORE, Source
from georet.plugins.loading import Loaded, declared, failure, load_plugin
from georet.plugins.selection import Selection, select
from georet.suggest import hint_for


@dataclass(frozen=True)
class Plugins:
    """The loaded plugins of one run.

    ``versions`` maps each plugin to its distribution and version (a file: its hash). ``recipes``
    maps ids (``sample4geo/orbitview``) to files. ``wishes`` is what to select to get them again.
    """

    catalog: Catalog
    versions: dict[str, str]
    recipes: dict[str, Path]
    wishes: list[str]
    _loaded: Sequence[Loaded] = field(repr=False)

    def observe(self, hook: str, **arguments: Any) -> None:
        """Call an observer hook in every plugin, in the order of selection.

        What an observer raises becomes a PluginError that names it; georet's own errors pass.
        """
        for plugin in self._loaded:
            for impl in plugin.hooks.get(hook, ()):
                try:
                    impl.function(*[arguments[name] for name in impl.argnames])
                except GeoretError:
                    raise
                except (Exception, SystemExit) as error:
                    raise failure(plugin.source, hook, error) from error

    def is_observed(self, hook: str) -> bool:
        """Say whether any plugin implements the observer hook."""
        return any(plugin.hooks.get(hook) for plugin in self._loaded)

    def commands(self) -> dict[str, tuple[Command, Source]]:
        """Return the plugins' commands by name, each with its owner; a name twice is an error."""
        found: dict[str, tuple[Command, Source]] = {}
        for plugin in self._loaded:
            for command in declared(plugin.source, plugin.hooks, "georet_commands", Command):
                if command.name in found:
                    raise PluginError(
                        f"the command {command.name!r} is brought by {found[command.name][1]} "
                        f"and by {plugin.source}",
                        hint=f"Leave one of them out: --no-plugin {plugin.source.name}",
                    )
                found[command.name] = command, plugin.source
        return found

    @property
    def default_recipe(self) -> str | None:
        """The first recipe of the first selected plugin that brings any."""
        return next(iter(self.recipes), None)

    def recipe(self, name: str) -> str:
        """Return the id of a recipe, given that or its short name while it is unique."""
        ids = [i for i in self.recipes if name in (i, i.partition("/")[2])]
        if name in ids or len(ids) == 1:
            return name if name in ids else ids[0]
        if ids:
            raise ComponentError(
                f"several plugins bring a recipe {name!r}", hint=f"Name one: {' or '.join(ids)}"
            )
        raise ComponentError(
            f"there is no recipe {name!r}", hint=hint_for(name, self.recipes, "recipes")
        )


def load_plugins(
    selection: Selection | Sequence[str] | None = None, *, also: Sequence[str] = ()
) -> Plugins:
    """Load the selected plugins and those that are always on.

    ``selection`` is what the user named (None: ``GEORET_PLUGINS``, else ``sample4geo``): names of
    installed plugins, modules, paths of files, or ``none`` alone; as a ``Selection`` it also says
    which to leave out. ``also`` are plugins that a recipe, a component's name or a checkpoint asks
    for; only installed ones are loaded for it. A plugin that can't be loaded is a PluginError,
    unless it is one that is always on.
    """
    if not isinstance(selection, Selection):
        selection = Selection.of(selection)
    loaded, broken, wishes = [], {}, []
    for choice in select(selection, also=also):
        wishes += [choice.source.wish] if choice.is_named else []
        try:
            loaded.append(load_plugin(choice.source))
        except PluginError as error:
            if choice.is_named or choice.source.name == CORE:
                raise
            broken[choice.source.name] = error.what
    catalog = Catalog(broken)
    for plugin in loaded:
        for kind, component in plugin.components:
            catalog.add(kind, component, plugin.source)
    recipes = {f"{p.source.name}/{n}": path for p in loaded for n, path in p.recipes.items()}
    versions = {plugin.source.name: plugin.source.owner for plugin in loaded}
    return Plugins(catalog, versions, recipes, wishes, loaded)
