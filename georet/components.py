"""What a plugin says about each thing it brings: its name, where it is, how it is configured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pluggy

if TYPE_CHECKING:
    import typer

KINDS: Final = (
    "backbones",
    "losses",
    "samplers",
    "datasets",
    "transforms",
    "metrics",
    "indexes",
    "exporters",
    "backends",
    "rerankers",
    "optimizers",
    "schedules",
    "aggregators",
    "fits",
    "executors",
    "sources",
    "refiners",
    "trackers",
    "outputs",
    "protocols",
)
"""The kinds of component; each has a hook ``georet_<kind>``, most a ``georet.contracts`` class."""

hookimpl = pluggy.HookimplMarker("georet")
"""Marks a function of a plugin as the implementation of the hook of the same name."""


@dataclass(frozen=True, slots=True)
class Component:
    """One named thing that a run's configuration can choose.

    ``factory`` is a callable or, so that listing imports nothing, a lazy ``"module:attribute"``.
    With ``config`` (a pydantic model or its lazy string) the factory is called with one validated
    instance of it; without, the options are checked against the factory's annotated keyword
    parameters and passed by name. ``requires`` are import names that must be present; the
    catalogue shows which of them are missing. ``extra`` names what to install when they are.
    """

    name: str
    factory: str | Callable[..., Any]
    config: str | type[Any] | None = None
    summary: str = ""
    requires: tuple[str, ...] = ()
    extra: str | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One command that a plugin adds to ``georet``: ``georet <name> ...``.

    ``app`` is a ``typer.Typer`` or, so that ``georet --help`` imports nothing, a lazy
    ``"module:attribute"`` that names one; ``summary`` is the line shown in that help. A name of
    two words adds to one of georet's own groups.
    """

    name: str
    app: str | typer.Typer
    summary: str = ""
