# mypy: disable-error-code="empty-body"
"""The hooks through which a plugin adds to the command line: commands and recipes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pluggy

from georet.components import Command

hookspec = pluggy.HookspecMarker("georet")


@hookspec
def georet_commands() -> Iterable[Command]:
    """Declare commands, which appear as ``georet <name>`` while the plugin is selected.

    ``Command.app`` is a ``typer.Typer`` or its lazy ``"module:attribute"``. georet's own commands
    can't be replaced; two plugins that bring the same name are an error that names both. A name
    like ``gallery push`` adds to one of georet's own groups, ``gallery``, ``plugins`` or
    ``config``: ``georet gallery push ...``; or to a plugin's, whose Typer was made with
    ``cls=georet.cli.groups.PluginGroup``, as that of ``data`` is.

    Called once for ``georet --help`` and for a command that georet itself doesn't have.
    Added in 0.1.

    Example::

        import typer

        from georet import Command, hookimpl

        app = typer.Typer()


        @app.command()
        def greet(name: str = "world") -> None:
            \"\"\"Say hello.\"\"\"
            typer.echo(f"hello {name}")


        @hookimpl
        def georet_commands():
            yield Command("greet", app, summary="Say hello")
    """


@hookspec
def georet_recipes() -> Mapping[str, Path]:
    """Declare recipes: short name to YAML file; the id is ``<plugin>/<name>``.

    A recipe holds keys of the run's configuration. It is layered over the core's defaults and
    under the user's file. Two keys are its own: ``extends: other/recipe`` puts it over another
    recipe, and ``plugins: [name]`` lists further plugins that its components come from. **The
    first entry is the plugin's default recipe**: where no recipe is named, that of the first
    selected plugin that has one is used; only ``georet train`` and ``georet config`` with neither
    plugins nor a file named take ``modern/orbitview``.

    Called once, when the plugins are loaded; the files are read when they are used.
    Added in 0.1.

    Example::

        from pathlib import Path

        from georet import hookimpl

        RECIPES = Path(__file__).parent / "recipes"


        @hookimpl
        def georet_recipes():
            return {"quick": RECIPES / "quick.yaml", "thorough": RECIPES / "thorough.yaml"}
    """
