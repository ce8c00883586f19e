"""One plugin: import it, check its hooks, read what it declares."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

from georet.blame import line_of, root_of
from georet.components import KINDS, Component
from georet.errors import PluginError
from georet.plugins.catalog import Catalog
from georet.plugins.discovery import Source, load
from georet.plugins.hookcheck import Implementations, implementations

Item = TypeVar("Item")


@dataclass(frozen=True)
class Loaded:
    """One imported plugin: its checked implementations, and what they declared."""

    source: Source
    hooks: Implementations
    components: list[tuple[str, Component]]
    recipes: dict[str, Path]


def load_plugin(source: Source) -> Loaded:
    """Import one plugin, check its hooks, and read what it declares."""
    hooks = implementations(source, load(source))
    if not hooks and not source.is_installed:
        raise PluginError(
            "implements no hook",
            where=str(source),
            hint="A hook is a function such as georet_losses under @georet.hookimpl.",
        )
    components = [
        (kind, component)
        for kind in KINDS
        for component in declared(source, hooks, f"georet_{kind}", Component)
    ]
    alone = Catalog()
    for kind, component in components:
        alone.add(kind, component, source)
    found: dict[str, Path] = {}
    for impl in hooks.get("georet_recipes", ()):
        try:
            recipes = cast(Mapping[str, Path], impl.function())
            found |= {name: Path(path) for name, path in recipes.items()}
        except (Exception, SystemExit) as error:
            raise failure(source, "georet_recipes", error) from error
    return Loaded(source, hooks, components, found)


def declared(source: Source, hooks: Implementations, hook: str, kind: type[Item]) -> Iterator[Item]:
    """Yield what the plugin's implementations of a declarative hook declare, checked.

    georet walks the implementations itself, each one inside its own ``try``: a generator fails
    only when it is iterated, and the error must name the plugin whose it was.
    """
    for impl in hooks.get(hook, ()):
        try:
            items = list(cast(Iterable[object], impl.function()))
        except (Exception, SystemExit) as error:
            raise failure(source, hook, error) from error
        for item in items:
            if not isinstance(item, kind):
                raise PluginError(
                    f"declares {item!r}, which is not a georet.{kind.__name__}",
                    where=f"{source}, {hook}",
                )
            yield item


def failure(source: Source, hook: str, error: Exception | SystemExit) -> PluginError:
    """Return the error for what an implementation raised, with the plugin's line."""
    what = f"{type(error).__name__}: {error}"
    if isinstance(error, SystemExit):
        what = f"called sys.exit({error.code!r})"
    return PluginError(
        f"{what}{line_of(error, root_of(source.target))}",
        where=f"{source}, {hook}",
        hint=f"GEORET_DEBUG=1 shows the traceback; --no-plugin {source.name} leaves it out.",
    )
