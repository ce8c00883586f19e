"""Which plugins a run uses: what the user named, what is always on, what is blocked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from georet.errors import PluginError
from georet.plugins.discovery import CORE, Source, core, find, installed, is_path, name_of, split
from georet.suggest import hint_for

DEFAULT = "sample4geo"
NONE = "none"
NAMED_ONLY: Final = ("mlflow", "wandb")
"""Of georet's own plugins those that may send something elsewhere: never on unless named."""
VARIABLE = "GEORET_PLUGINS"


@dataclass(frozen=True)
class Selection:
    """What the user said about plugins, as typed: those to use, and those never to import.

    ``plugins`` None means that nothing was said: ``GEORET_PLUGINS`` counts, else ``sample4geo``.
    """

    plugins: tuple[str, ...] | None = None
    blocked: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, plugins: Sequence[str] | None = None, blocked: Sequence[str] | None = None
    ) -> Selection:
        """Return the selection of two lists, each of which may be missing."""
        return cls(None if plugins is None else tuple(plugins), tuple(blocked or ()))


UNSAID: Final = Selection()
"""The selection of a user who said nothing."""


@dataclass(frozen=True)
class Choice:
    """A plugin to be loaded; when it is not named, failing to load it is no error."""

    source: Source
    is_named: bool


def named_by_user(plugins: Sequence[str] | None) -> list[str] | None:
    """Return what the user named, by argument or else by ``GEORET_PLUGINS``; None: nothing."""
    if plugins is not None:
        return split(plugins)
    return split([os.environ.get(VARIABLE, "")]) or None


def select(selection: Selection, *, also: Sequence[str] = ()) -> list[Choice]:
    """Return the plugins to load, in order: core, the named, the required, the always-on.

    Nothing is imported. Raises PluginError for unknown names and for contradictions.
    """
    wishes = named_by_user(selection.plugins)
    wishes = [DEFAULT] if wishes is None else wishes
    if NONE in wishes:
        others = [wish for wish in (*wishes, *also) if wish not in (NONE, CORE)]
        if others:
            raise PluginError(
                f"plugins are off ('{NONE}'), and {', '.join(map(repr, others))} asked for",
                hint=f"Leave out '{NONE}', or what asks for a plugin.",
            )
        return [Choice(core(), is_named=False)]
    known, barred = installed(), set(split(selection.blocked))
    chosen = {CORE: known[CORE]}
    for wish in wishes:
        _enter(chosen, find(wish, known))
    _check_barred(barred, {*known, *chosen})
    for wish in also:
        if not any(is_meant(wish, source) for source in chosen.values()):
            _enter(chosen, find(wish, known, entry_points_only=True))
        for source in chosen.values():
            if source.name in barred and is_meant(wish, source):
                raise PluginError(
                    "is required, and blocked",
                    where=f"plugin {source.name!r}",
                    hint=f"Leave out --no-plugin {source.name}, or what requires it.",
                )
    named = [Choice(s, is_named=s.name != CORE) for s in chosen.values() if s.name not in barred]
    rest = [s for s in known.values() if is_always_on(s) and s.name not in {*chosen, *barred}]
    return named + [Choice(source, is_named=False) for source in rest]


def is_always_on(source: Source) -> bool:
    """Return whether a plugin is on unless blocked: what georet ships, the method apart."""
    not_always = (DEFAULT, CORE, *NAMED_ONLY)
    return source.distribution == "georet" and source.name not in not_always


def is_meant(wish: str, source: Source) -> bool:
    """Return whether a wish asks for this plugin: by name, as typed before, or by its path.

    A path that was recorded elsewhere means the file of that name which the user named now.
    """
    if wish in (source.name, source.wish):
        return True
    is_file = isinstance(source.target, Path)
    return is_file and is_path(wish) and name_of(Path(wish)) == source.name


def _enter(chosen: dict[str, Source], source: Source) -> None:
    first = chosen.setdefault(source.name, source)
    if first.target != source.target:
        raise PluginError(
            f"stands for two plugins: {first.target} ({first.owner}) and "
            f"{source.target} ({source.owner})",
            where=f"plugin {source.name!r}",
            hint="Leave one of them out, or rename the file.",
        )


def _check_barred(barred: set[str], known: set[str]) -> None:
    for name in sorted(barred):
        if name == CORE:
            raise PluginError("can't be blocked", where=f"plugin {CORE!r}")
        if name not in known:
            raise PluginError(
                "is unknown, so it can't be blocked",
                where=f"plugin {name!r}",
                hint=hint_for(name, known, "available"),
            )
