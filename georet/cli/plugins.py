"""``georet plugins``: which plugins there are, what they bring, and a component's options."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from georet.cli import completing
from georet.cli.groups import PluginGroup
from georet.cli.options import AsJson, NoPlugin, PluginNames
from georet.components import KINDS
from georet.plugins import PluginInfo, Selection, list_plugins
from georet.progress import console, echo, echo_json

if TYPE_CHECKING:
    from georet.plugins.describing import ComponentDetails

COLOURS = {"active": "green", "available": "default", "blocked": "yellow", "broken": "red"}

app = typer.Typer(
    cls=PluginGroup,
    invoke_without_command=True,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="""Examples:

georet plugins

georet plugins --plugins sample4geo,./mine.py

georet plugins --check

georet plugins --json

georet plugins show datasets:pairs_csv

georet plugins new my_losses --kinds losses,samplers
""",
)


@app.callback()
def plugins(
    ctx: typer.Context,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    check: Annotated[
        bool, typer.Option("--check", help="Import the available ones too, to see if they load.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List plugins and the components they bring; `show` describes one component.

    A plugin is active (selected or always on), available (installed; listed without importing
    it), blocked, or broken.
    """
    if ctx.invoked_subcommand is not None:
        return
    found = list_plugins(Selection.of(plugins, no_plugin), check=check)
    if as_json:
        echo_json([dataclasses.asdict(info) for info in found])
    else:
        _print(found)


@app.command(
    epilog="""Examples:

georet plugins show pairs_csv

georet plugins show sample4geo:info_nce --json

georet plugins show my_loss --plugins ./mine.py
"""
)
def show(
    ctx: typer.Context,
    component: Annotated[
        str, typer.Argument(help="Its name, or plugin:name.", autocompletion=completing.components)
    ],
    kind: Annotated[
        str | None, typer.Option(help="Where several have the name: losses, datasets ...")
    ] = None,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    as_json: AsJson = False,
) -> None:
    """Describe a component: its kind, owner and summary, and its options with their defaults."""
    from georet.plugins import load_plugins
    from georet.plugins.describing import describe_component

    before = ctx.parent.params if ctx.parent is not None else {}
    owner, colon, _ = component.rpartition(":")
    loaded = load_plugins(
        Selection.of(
            plugins or before.get("plugins") or None, no_plugin or before.get("no_plugin") or ()
        ),
        also=[owner] if colon else (),
    )
    details = describe_component(loaded.catalog, component, kind=kind)
    if as_json or before.get("as_json"):
        echo_json(dataclasses.asdict(details))
    else:
        _print_details(details)


@app.command(
    epilog="""Examples:

georet plugins new my_losses

georet plugins new my_search --kinds indexes,refiners --out ../my-search
"""
)
def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The plugin's name: my_losses.")],
    kinds: Annotated[
        str, typer.Option(metavar="A,B", help="Kinds of component to begin with.")
    ] = "losses",
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A new folder; by default georet-NAME.")
    ] = None,
) -> None:
    """Write a plugin as a distribution of its own: components that work, with their tests."""
    from georet.commands.scaffold.writing import write_plugin

    wanted = [kind.strip() for kind in kinds.split(",") if kind.strip()]
    folder = write_plugin(name, wanted or ["losses"], out)
    echo(f"wrote {folder}\npip install -e '{folder}[test]' && pytest {folder}")


def _print(found: list[PluginInfo]) -> None:
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
    screen = console()
    screen.print(listing)
    screen.print(brought)
    screen.print(f"Kinds of component: {', '.join(KINDS)}")


def _print_details(details: ComponentDetails) -> None:
    from rich.table import Table
    from rich.text import Text

    echo(f"{details.id} ({details.kind}, {details.owner}): {details.summary or 'no summary'}")
    if details.missing:
        echo(f"not installed: {', '.join(details.missing)}; its options are not known")
        return
    if details.about:
        echo(f"\n{details.about}\n")
    if not details.options:
        echo("It has no options.")
        return
    table = Table("option", "type", "default", "description", title="Options")
    for option in details.options:
        default = "must be given" if option.default is None else option.default
        cells = (option.name, option.type, default, option.description)
        table.add_row(*[Text(cell, overflow="fold") for cell in cells])
    console().print(table)
