"""Recipes: named YAML files of plugins, laid one over the other, and the plugins they need."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from georet.configure.layers import Layer
from georet.configure.yamlfile import read_yaml
from georet.errors import ConfigError
from georet.places import components_in
from georet.plugins import Plugins, Selection, load_plugins
from georet.plugins.discovery import installed, split
from georet.plugins.selection import named_by_user

NO_RECIPE = "none"
"""Named instead of a recipe, it leaves the core's defaults alone."""
UNNAMED: Final = "modern/orbitview"
"""What is trained where nothing is named: what ``docs/modern.md`` found to be best."""


def usual_recipe(recipe: str | None, selection: Selection, path: Path | None) -> str | None:
    """Return the recipe named, or georet's own where neither plugins nor a file are named either.

    None leaves the choice to what is named; so does blocking the plugin that brings georet's own.
    """
    is_named = recipe is not None or path is not None or named_by_user(selection.plugins)
    is_blocked = UNNAMED.partition("/")[0] in split(selection.blocked)
    return recipe if is_named or is_blocked else UNNAMED


def load_for(
    selection: Selection,
    recipe: str | None,
    upper: Sequence[Layer],
    *,
    also: Sequence[str] = (),
) -> tuple[Plugins, str | None, list[Layer]]:
    """Return the plugins that selection, recipe and components need, the recipe's id, its layers.

    A recipe without a name is the default one of the plugins. Which plugins a recipe needs is known
    when it was read, so plugins are loaded again until nothing is missing.
    """
    needed = [*also, *_owners(upper)]
    if recipe is not None and "/" in recipe:
        needed.append(recipe.partition("/")[0])
    while True:
        plugins = load_plugins(selection, also=needed)
        name = plugins.default_recipe if recipe is None else recipe
        layers, required = recipe_layers(name, plugins)
        new = [plugin for plugin in required if plugin not in needed]
        if not new:
            return plugins, _id(name, plugins), layers
        needed += new


def recipe_layers(name: str | None, plugins: Plugins) -> tuple[list[Layer], list[str]]:
    """Return a recipe's layers, lowest first, and the plugins it needs.

    Where it extends a recipe of a plugin that is not loaded, the layers end there.
    """
    layers: list[Layer] = []
    required: list[str] = []
    seen: list[str] = []
    while (recipe := _id(name, plugins)) is not None:
        if recipe in seen:
            raise ConfigError(
                f"recipes extend each other in a circle: {' -> '.join([*seen, recipe])}"
            )
        seen.append(recipe)
        layer = Layer(f"recipe {recipe}", *read_yaml(plugins.recipes[recipe]))
        required += names_in(layer.take("plugins") or [], where=f"{layer.origin}: plugins")
        name = layer.take("extends")
        layers.insert(0, layer)
        plugin = name.partition("/")[0] if isinstance(name, str) and "/" in name else None
        if plugin is not None and plugin not in plugins.versions:
            required.append(plugin)
            break
    return layers, list(dict.fromkeys(required + _owners(layers)))


def names_in(value: Any, *, where: str) -> list[str]:
    """Return the plugins' names in a list or in one string."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f"{value!r} is not a list of plugins", where=where, hint="For example: [sample4geo]"
        )
    return names


def _id(name: Any, plugins: Plugins) -> str | None:
    if name is None or name == NO_RECIPE:
        return None
    if not isinstance(name, str):
        raise ConfigError(f"{name!r} is not the name of a recipe", where="recipe")
    return plugins.recipe(name)


def _owners(layers: Sequence[Layer]) -> list[str]:
    """Return the plugins that the components of some layers name: ``plugin:name``."""
    owners = []
    for layer in layers:
        for _, _, value in components_in(layer.values):
            name = value.get("name") if isinstance(value, dict) else value
            if isinstance(name, str) and ":" in name:
                owners.append(name.rpartition(":")[0])
            owners += [owner for owner in _owners_within(value) if owner in installed()]
    return owners


def _owners_within(options: Any) -> Iterator[str]:
    """Yield what looks like the owner of a component among a component's options.

    Whether it is one only the component knows: data sets may wrap data sets.
    """
    inner = list(options.values()) if isinstance(options, dict) else []
    for value in inner:
        name = value.get("name") if isinstance(value, dict) else None
        if isinstance(name, str) and ":" in name:
            yield name.rpartition(":")[0]
        yield from _owners_within(value)
