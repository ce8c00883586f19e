"""The catalogue: which components there are, whose they are, and how one is made from its name."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from georet.blame import check_made, mark
from georet.components import KINDS, Component
from georet.errors import ComponentError, ConfigError, PluginError
from georet.plugins.discovery import Source
from georet.plugins.entry import Entry
from georet.suggest import hint_for

if TYPE_CHECKING:
    from georet.config import ComponentSpec
    from georet.contracts.building import BuildContext

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@%/-]*")


@dataclass
class Catalog:
    """All components of the loaded plugins, by kind and canonical id.

    A short name works while it is unique in its kind. ``broken`` holds the plugins that could not
    be loaded and were not asked for by name; lookups that fail mention them.
    """

    broken: Mapping[str, str] = field(default_factory=dict)
    _entries: dict[str, dict[str, Entry]] = field(
        default_factory=lambda: {kind: {} for kind in KINDS}
    )

    def add(self, kind: str, component: Component, owner: Source) -> None:
        """Enter a component; the same plugin declaring a name twice raises PluginError."""
        if not _NAME.fullmatch(component.name):
            raise PluginError(
                f"{kind}: {component.name!r} is not a usable name",
                where=str(owner),
                hint="Use letters, digits, and _ . - / after the first character.",
            )
        entry = Entry(kind, component, owner)
        if entry.id in self._entries[kind]:
            raise PluginError(f"declares {kind} {component.name!r} twice", where=str(owner))
        self._entries[kind][entry.id] = entry

    def entries(self, kind: str) -> list[Entry]:
        """Return the components of a kind, in the order of the plugins."""
        return list(self._kind(kind).values())

    def names(self, kind: str) -> list[str]:
        """Return a name for each component of a kind: short where that is unique."""
        entries = self.entries(kind)
        short = [entry.component.name for entry in entries]
        return [e.component.name if short.count(e.component.name) == 1 else e.id for e in entries]

    def find(self, kind: str, name: str, *, where: str = "") -> Entry:
        """Return the component of that canonical id or unique short name.

        Raises ComponentError: unknown, with the closest name, or ambiguous, with all owners.
        """
        entries = self._kind(kind)
        if name in entries:
            return entries[name]
        matches = [entry for entry in entries.values() if entry.component.name == name]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise ComponentError(
                f"{kind} {name!r} is brought by {' and by '.join(str(m.owner) for m in matches)}",
                where=where or None,
                hint=f"Name the one you mean: {' or '.join(m.id for m in matches)}",
            )
        known = self._kind(kind)
        plugin, colon, _ = name.rpartition(":")
        close = hint_for(name, known if colon else self.names(kind), "there are")
        loaded = {e.owner.name for found in self._entries.values() for e in found.values()}
        if colon and plugin not in loaded:
            close = f"Plugin {plugin!r} is not loaded: --plugins {plugin}\n  {close}"
        notes = [f"\n  plugin {broken!r} is broken: {why}" for broken, why in self.broken.items()]
        raise ComponentError(
            f"there is no {name!r} among the {kind}",
            where=where or None,
            hint=close + "".join(notes),
        )

    def create(
        self,
        kind: str,
        spec: ComponentSpec | Mapping[str, Any] | str,
        *,
        where: str = "",
        context: BuildContext | None = None,
    ) -> Any:
        """Check the options and make the component.

        ``where`` is the place in the configuration, for errors: unknown and wrong options raise
        ConfigError, missing requirements MissingExtraError, all else ComponentError. ``context``
        goes to a factory with a parameter of that name; one that needs it is refused without.
        """
        from georet.plugins import options

        entry, values = self._chosen(kind, spec, where)
        made = options.build(entry, values, where or entry.id, context)
        check_made(made, entry.maker)
        mark(made, replace(entry.maker, options=values))
        return made

    def check(
        self, kind: str, spec: ComponentSpec | Mapping[str, Any] | str, *, where: str = ""
    ) -> None:
        """Check the options like ``create``, those of components within too, and make nothing."""
        from georet.plugins import options

        entry, values = self._chosen(kind, spec, where)
        for inner, place, value in options.validate(entry, values, where or entry.id):
            self.check(inner, value, where=place)

    def options_schema(self, kind: str, name: str) -> dict[str, Any]:
        """Return the JSON schema of a component's options."""
        from georet.plugins import options

        entry = self.find(kind, name)
        entry.check_requirements()
        return options.schema(entry)

    def _chosen(
        self, kind: str, spec: ComponentSpec | Mapping[str, Any] | str, where: str
    ) -> tuple[Entry, dict[str, Any]]:
        if isinstance(spec, str):
            name, values = spec, {}
        elif isinstance(spec, Mapping):
            values = dict(spec)
            name = values.pop("name", None)
            if not isinstance(name, str):
                raise ConfigError(
                    f"{dict(spec)!r:.80} names no component",
                    where=where or None,
                    hint="Give a name, or {name: NAME, option: value}.",
                )
        else:
            name, values = spec.name, spec.options
        entry = self.find(kind, name, where=where)
        entry.check_requirements(where)
        return entry, values

    def _kind(self, kind: str) -> dict[str, Entry]:
        if kind not in self._entries:
            raise ComponentError(f"there is no kind {kind!r}", hint=hint_for(kind, KINDS, "kinds"))
        return self._entries[kind]
