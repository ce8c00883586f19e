"""``georet``: the table of commands, each imported when it is called.

A command is one file, ``georet/cli/<name>.py``: a function annotated as typer wants it, or a
``typer.Typer`` with subcommands, and ``EPILOG`` with examples, one a paragraph. It imports what is
heavy inside the function. It appears here as one line of ``COMMANDS``: name, target, summary.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from functools import cached_property
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from georet.components import Command
from georet.errors import GeoretError, PluginError, UsageError
from georet.plugins import load_plugins
from georet.plugins.discovery import Source
from georet.plugins.selection import VARIABLE
from georet.suggest import hint_for
from georet.version import __version__

COMMANDS = {
    "train": ("georet.cli.train:train", "Train an encoder, or go on with a run"),
    "eval": ("georet.cli.eval:evaluate", "Judge a run's encoder on its galleries"),
    "score": ("georet.cli.score:score", "Judge anybody's embeddings under a named protocol"),
    "gallery": ("georet.cli.gallery:app", "Build, inspect, check and measure galleries of tiles"),
    "locate": ("georet.cli.locate:locate", "Find the places of photos in a gallery"),
    "serve": ("georet.cli.serve:serve", "Show a gallery on a map, and find photos in it"),
    "demo": ("georet.cli.demo:demo", "Find photos from orbit on a globe, with a run of yours"),
    "report": ("georet.cli.report:report", "Compare runs in a table, with spread over seeds"),
    "verify": ("georet.cli.verify:verify", "Check the files of a run, a gallery or an artefact"),
    "plugins": ("georet.cli.plugins:app", "List plugins and their components, or show one"),
    "config": ("georet.cli.config:app", "Show or check a configuration, or print its schema"),
    "doctor": ("georet.cli.doctor:doctor", "Say what this machine can do"),
}
EPILOG = """Examples:

georet train --plugins sample4geo

georet export RUN --onnx

georet gallery build area.tif --encoder RUN --side 400m --out area.gallery

georet locate area.gallery photo.jpg

georet plugins

georet config show --recipe sample4geo/orbitview

georet doctor
"""
INTERRUPTED = 130
PLUGINS = "--plugins"


class LazyGroup(TyperGroup):
    """Commands by name: georet's own first, imported when called, then those of plugins."""

    @cached_property
    def brought(self) -> dict[str, tuple[Command, Source]]:
        """The commands that the selected plugins bring, and whose they are."""
        commands = load_plugins().commands()
        return {name: found for name, found in commands.items() if name not in COMMANDS}

    def select(self, wishes: Sequence[str]) -> None:
        """Select plugins for this call, as ``GEORET_PLUGINS`` would."""
        os.environ[VARIABLE] = ",".join(wishes)
        self.__dict__.pop("brought", None)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the names of georet's own commands and of those that plugins bring."""
        return [*COMMANDS, *self.brought]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        """Import and return a command, or None if there is none of that name."""
        if cmd_name in COMMANDS:
            return _built_in(cmd_name)
        found = self.brought.get(cmd_name)
        return None if found is None else _of_plugin(*found)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command to call; an unknown one is an error with the closest name.

        ``--plugins`` behind a plugin's command selects it too, and is kept from a command that
        has no such option.
        """
        name, *rest = args
        wishes, others = _taken_out(rest)
        command = self.get_command(ctx, name)
        if command is None and wishes:
            self.select(wishes)
            command = self.get_command(ctx, name)
        if command is None:
            close = hint_for(name, self.list_commands(ctx), "commands")
            hint = f"{close}\n  A plugin's command needs it: georet {name} --plugins ./mine.py"
            raise UsageError(f"there is no command {name!r}", hint=hint)
        if name not in COMMANDS and wishes and not _has_option(command, PLUGINS):
            self.select(wishes)
            args = [name, *others]
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        """Write the table of commands, importing none of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])
        try:
            rows = [(n, f"{c.summary} [{owner.name}]") for n, (c, owner) in self.brought.items()]
        except GeoretError as error:
            with formatter.section("Plugins"):
                formatter.write_text(str(error))
            return
        if rows:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(rows)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; georet's errors are left to the caller."""
    app = _typer(cls=LazyGroup, epilog=EPILOG, no_args_is_help=True)
    app.callback()(_front)
    selected = os.environ.get(VARIABLE)
    try:
        code = get_command(app).main(list(arguments), prog_name="georet", standalone_mode=False)
    except typer.Abort as error:
        raise KeyboardInterrupt from error
    except Exception as error:
        # What typer says about a call that it can't parse; its class has no public name.
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            error.show()
            return int(error.exit_code)
        raise
    finally:
        # What was selected for this call is not for the next one in this process.
        os.environ.pop(VARIABLE, None)
        if selected is not None:
            os.environ[VARIABLE] = selected
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _typer(**settings: Any) -> typer.Typer:
    # Rich help is pretty and costs every call of --help a fifth of a second.
    return typer.Typer(
        rich_markup_mode=None,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        **settings,
    )


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"georet {__version__}")
        raise typer.Exit


def _select(ctx: typer.Context, wishes: list[str] | None) -> None:
    group = ctx.command
    if wishes and isinstance(group, LazyGroup):
        group.select(wishes)


def _front(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
    plugins: Annotated[
        list[str] | None,
        typer.Option(
            PLUGINS,
            metavar="A,B",
            help="Plugins for the command, here or behind its name.",
            callback=_select,
            is_eager=True,
        ),
    ] = None,
) -> None:
    """Find out where a photo was taken: train an encoder, judge it, search with it."""


def _taken_out(args: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the values of ``--plugins`` among arguments, and the arguments without them."""
    wishes: list[str] = []
    others: list[str] = []
    rest = list(args)
    while rest:
        word = rest.pop(0)
        if word == "--":
            return wishes, [*others, word, *rest]
        if word == PLUGINS and rest:
            wishes.append(rest.pop(0))
        elif word.startswith(f"{PLUGINS}="):
            wishes.append(word.partition("=")[2])
        else:
            others.append(word)
    return wishes, others


def _has_option(command: Any, option: str) -> bool:
    """Return whether a command, or a subcommand of it, has an option."""
    inner = getattr(command, "commands", {}).values()
    own = any(option in param.opts for param in command.params)
    return own or any(_has_option(one, option) for one in inner)


def _built_in(name: str) -> Any:
    """Import one of georet's own commands."""
    module_name, _, attribute = COMMANDS[name][0].partition(":")
    module = importlib.import_module(module_name)
    target = getattr(module, attribute)
    if not isinstance(target, typer.Typer):
        app = _typer()
        app.command(name, epilog=module.EPILOG)(target)
        target = app
    return _named(target, name)


def _of_plugin(command: Command, owner: Source) -> Any:
    """Import a plugin's command; what goes wrong names the plugin."""
    app: Any = command.app
    if isinstance(app, str):
        module_name, _, attribute = app.partition(":")
        try:
            app = getattr(importlib.import_module(module_name), attribute)
        except Exception as error:
            raise PluginError(
                f"the command {command.name!r} can't be imported: {type(error).__name__}: {error}",
                where=str(owner),
                hint="GEORET_DEBUG=1 shows the traceback.",
            ) from error
    if not isinstance(app, typer.Typer):
        raise PluginError(
            f"the command {command.name!r} is a {type(app).__name__}, not a typer.Typer",
            where=str(owner),
        )
    return _named(app, command.name)


def _named(app: typer.Typer, name: str) -> Any:
    """Return an app as a command of that name, without completion options of its own."""
    command = get_command(app)
    command.name = name
    own = ("install_completion", "show_completion")
    command.params = [param for param in command.params if param.name not in own]
    return command
