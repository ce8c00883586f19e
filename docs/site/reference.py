"""Reference pages: every command, every component with its options, what is public in Python."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from html import escape
from typing import Any

from georet import contracts
from georet.cli.app import command_line
from georet.components import KINDS
from georet.plugins import Selection, list_plugins, load_plugins
from georet.plugins.describing import ComponentDetails, describe_component

COMMANDS = "reference/commands.md"
COMPONENTS = "reference/components"
PYTHON = "reference/python"
WIDTH = 90
PUBLIC = {
    "Galleries": ("georet.facade",),
    "Encoders": ("georet.pretrained.encoder",),
    "Components and hooks": ("georet.components", "georet.hookspecs"),
    "Contracts": tuple(
        f"georet.contracts.{module.name}" for module in pkgutil.iter_modules(contracts.__path__)
    ),
    "What training is given": ("georet.types", "georet.config"),
    "Places": ("georet.geodesy", "georet.ground.region", "georet.ground.images"),
    "Locating": ("georet.locate", "georet.locate.results", "georet.locate.tracking"),
    "Flights": (
        "georet.flights.films",
        "georet.flights.flying",
        "georet.photos.camera.cameras",
        "georet.tracks.tracker",
    ),
    "Tiles": ("georet.tiles.table", "georet.tiles.tiling"),
    "Indexes": ("georet.search.stored", "georet.search.sign_bits", "georet.search.codes"),
    "Plugins": ("georet.plugins",),
    "Sampling": ("georet.sampling",),
    "Judging": ("georet.evaluate",),
    "Errors": ("georet.errors",),
    "Checks for plugins": ("georet.testing",),
}
"""What plugins and scripts may rely on, by page."""


def listed() -> list[Any]:
    """Return what the navigation lists below "Reference"."""
    return [
        COMMANDS,
        {"Components": [f"{COMPONENTS}/{kind}.md" for kind in KINDS]},
        {"Python": [f"{PYTHON}/{_slug(title)}.md" for title in PUBLIC]},
    ]


def pages() -> dict[str, str]:
    """Return the reference pages, by name."""
    return {COMMANDS: commands(), **components(), **python()}


def python() -> dict[str, str]:
    """Return a page for each group of public modules; mkdocstrings fills them."""
    return {
        f"{PYTHON}/{_slug(title)}.md": "\n\n".join(
            [f"# {title}", *(f"::: {module}" for module in modules)]
        )
        for title, modules in PUBLIC.items()
    }


def commands() -> str:
    """Return a page with the help of every command, georet's own and those of its plugins."""
    group = command_line()
    sections = ["# Commands", "What `--help` prints."]
    sections += [
        f"{'#' * (1 + len(path))} {' '.join(path)}\n\n```text\n{text}\n```"
        for path, text in _helped(group, ("georet",))
    ]
    return "\n\n".join(sections)


def _helped(
    command: Any, path: tuple[str, ...], parent: Any = None
) -> Iterator[tuple[tuple[str, ...], str]]:
    context = command.make_context(
        path[-1], [], parent=parent, resilient_parsing=True, terminal_width=WIDTH
    )
    yield path, re.sub(r"[ \t]+$", "", command.get_help(context), flags=re.MULTILINE)
    if hasattr(command, "list_commands"):
        for name in command.list_commands(context):
            yield from _helped(command.get_command(context, name), (*path, name), context)


def components() -> dict[str, str]:
    """Return a page for each kind of component: each installed one with its options."""
    names = [
        info.name for info in list_plugins(Selection.of(None)) if info.distribution == "georet"
    ]
    loaded = load_plugins(also=names)
    by_kind: dict[str, list[ComponentDetails]] = {kind: [] for kind in KINDS}
    for info in list_plugins(Selection.of([*names])):
        for component in info.components:
            details = describe_component(loaded.catalog, component.id, kind=component.kind)
            by_kind[component.kind].append(details)
    return {
        f"{COMPONENTS}/{kind}.md": "\n\n".join(
            [f"# {kind.capitalize()}", *map(_component, found)]
            if found
            else [f"# {kind.capitalize()}", "georet's own plugins bring none."]
        )
        for kind, found in by_kind.items()
    }


def _component(details: ComponentDetails) -> str:
    parts = [f"## `{details.id}`", details.summary, details.about]
    if details.missing:
        parts.append(f"Options are not known here: {', '.join(details.missing)} is not installed.")
    elif details.options:
        rows = [
            f"| `{o.name}` | {_cell(o.type)} | {_default(o.default)} | {_cell(o.description)} |"
            for o in details.options
        ]
        parts.append(
            "\n".join(["| option | type | default | what it is |", "|---|---|---|---|", *rows])
        )
    return "\n\n".join(part for part in parts if part)


def _default(value: str | None) -> str:
    return "must be given" if value is None else f"`{value}`".replace("|", "\\|")


def _cell(text: str) -> str:
    return escape(" ".join(text.split()), quote=False).replace("|", "\\|").replace("``", "`")


def _slug(title: str) -> str:
    return re.sub(r"\W+", "-", title.lower())
