"""The check for whole plugins."""

from __future__ import annotations

import re
from types import ModuleType

from georet.components import KINDS
from georet.plugins import Plugins, load_plugins
from georet.plugins.discovery import find, installed
from georet.testing.expect import expect

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_LONGEST_SUMMARY = 100


def check_plugin(plugin: ModuleType | str) -> Plugins:
    """Raise unless a plugin loads and each component it declares can be found; return it loaded.

    ``plugin`` is a module or what ``--plugins`` takes: a name, a dotted name, a path. It is loaded
    by georet's own manager, whose errors (a misspelt hook, a wrong argument) come through. Then
    each component must have a plain name and a one-line summary, and its lazy strings must lead
    somewhere; components whose requirements are not installed are passed over.
    """
    wish = plugin.__name__ if isinstance(plugin, ModuleType) else plugin
    plugins = load_plugins([wish])
    name = find(wish, installed()).name
    entries = [entry for kind in KINDS for entry in plugins.catalog.entries(kind)]
    for entry in [entry for entry in entries if entry.owner.name == name]:
        own, summary = entry.component.name, entry.component.summary
        expect(
            _NAME.fullmatch(own) is not None,
            f"{entry.kind} {own!r} has a name that is awkward in files and on the command line",
            "Use lower case, digits and underscores: my_loss",
        )
        expect(
            0 < len(summary.strip()) <= _LONGEST_SUMMARY and "\n" not in summary,
            f"{entry.kind} {own!r} has the summary {summary!r}",
            f"Give Component(summary=...) one line of at most {_LONGEST_SUMMARY} characters",
        )
        if not entry.missing:
            factory = entry.factory()
            expect(
                callable(factory),
                f"{entry.kind} {entry.component.name!r} leads to a {type(factory).__name__}",
                'Give a class or a function, or its lazy string "module:attribute"',
            )
            plugins.catalog.options_schema(entry.kind, entry.id)
    return plugins
