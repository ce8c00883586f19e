"""``georet plugins``: which plugins there are, and what they bring."""

from __future__ import annotations

import dataclasses
import json
from typing import Annotated

import typer

from georet.cli.options import AsJson, NoPlugin, PluginNames
from georet.plugins import PluginInfo, Selection, list_plugins

EPILOG = """Examples:

georet plugins

georet plugins --plugins sample4geo,./mine.py

georet plugins --check

georet plugins --json
"""
COLOURS = {"active": "green", "available": "default", "blocked": "yellow", "broken": "red"}


def plugins(
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    check: Annotated[
        bool, typer.Option("--check", help="Import the available ones too, to see if they load.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List plugins and the components they bring.

    A plugin is active (selected or always on), available (installed; listed without importing
    it), blocked, or broken.
    """
    found = list_plugins(Selection.of(plugins, no_plugin), check=check)
    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(info) for info in found], indent=2))
    else:
        _print(found)


def _print(found: list[PluginInfo]) -> None:
    from rich.console import Console
    from rich.table import Table

    listing = Table("plugin", "distribution", "status", "brings", title="Plugins")
    for info in found:
        status = f"[{COLOURS[info.status]}]{info.status}[/]"
        brings = ", ".join(info.kinds) or info.reason
        listing.add_row(info.name, f"{info.distribution} {info.version}", status, brings)
    brought = Table("component", "kind", "summary", "missing", title="Components")
    for info in found:
        for component in info.components:
            missing = ", ".join(component.missing)
            brought.add_row(component.id, component.kind, component.summary, missing)
    console = Console()
    console.print(listing)
    console.print(brought)
