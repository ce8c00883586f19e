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
from typer.completion import completion_init  # type: ignore[attr-defined]
from typer.main import get_command

from georet.cli.groups import PLUGINS, PluginGroup, named
from georet.components import Command
from georet.errors import PluginError
from georet.plugins import load_plugins
from georet.plugins.discovery import Source
from georet.plugins.selection import VARIABLE
from georet.version import __version__

COMMANDS = {
    "train": ("georet.cli.train:train", "Train an encoder, or go on with a run"),
    "fit": ("georet.cli.fit:fit", "Fit whitening, PCA or a rotation to a trained run"),
    "eval": ("georet.cli.eval:evaluate", "Judge a run's encoder on its galleries"),
    "push": ("georet.cli.push:push", "Push a run to a hub or a folder, with a card"),
    "pull": ("georet.cli.push:pull", "Bring a run from a hub or a folder, verified"),
    "encoder": ("georet.cli.encoder:app", "Make an encoder without training, or list some"),
    "score": ("georet.cli.score:score", "Judge anybody's embeddings under a named protocol"),
    "gallery": ("georet.cli.gallery:app", "Build, inspect, check and measure galleries of tiles"),
    "locate": ("georet.cli.locate:locate", "Find the places of photos in a gallery"),
    "track": ("georet.cli.track:track", "Locate the frames of a flight together"),
    "serve": ("georet.cli.serve:serve", "Show a gallery on a map, and find photos in it"),
    "photo": ("georet.cli.photo:app", "Say what photos tell of the camera that took them"),
    "demo": ("georet.cli.demo:demo", "Find photos from orbit on a globe, with a run of yours"),
    "report": ("georet.cli.report:report", "Compare runs in a table, with spread over seeds"),
    "verify": ("georet.cli.verify:verify", "Check the files of a run, a gallery or an artefact"),
    "plugins": ("georet.cli.plugins:app", "List plugins and their components, or show one"),
    "config": ("georet.cli.config:app", "Show or check a configuration, or print its schema"),
    "doctor": ("georet.cli.doctor:doctor", "Say what this machine can do"),
    "completion": ("georet.cli.completion:completion", "Print what makes a shell complete georet"),
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
COMPLETING = "_GEORET_COMPLETE"
"""The variable by which a shell's script asks what the words typed so far can become."""


class LazyGroup(PluginGroup):
    """``georet`` itself: commands by name, each imported when it is called."""

    @cached_property
    def brought(self) -> dict[str, tuple[Command, Source]]:
        """The commands that the selected plugins bring, and whose they are."""
        found, every = {}, load_plugins().commands()
        for name, (command, owner) in every.items():
            group, _, inner = name.partition(" ")
            is_group = COMMANDS.get(group, ("", ""))[0].endswith(":app") or group in every
            if inner and not is_group:
                raise PluginError(
                    f"the command {name!r} is for a group {group!r}, which georet doesn't have",
                    where=str(owner),
                )
            if name not in COMMANDS:
                found[name] = command, owner
        return found

    def own_command(self, ctx: Any, name: str) -> Any:  # noqa: ARG002
        """Import and return georet's own command of that name, or None."""
        return _built_in(name) if name in COMMANDS else None

    def own_names(self, ctx: Any) -> list[str]:  # noqa: ARG002
        """Return the names of georet's own commands."""
        return list(COMMANDS)

    def own_rows(self, ctx: Any, formatter: Any) -> list[tuple[str, str]]:  # noqa: ARG002
        """Return name and summary of each of georet's own commands, importing none of them."""
        return [(name, summary) for name, (_, summary) in COMMANDS.items()]


def command_line() -> Any:
    """Return the whole command line as one group, whose commands are imported when asked for."""
    app = _typer(cls=LazyGroup, epilog=EPILOG, no_args_is_help=True)
    app.callback()(_front)
    return get_command(app)


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return its exit code; georet's errors are left to the caller."""
    selected = os.environ.get(VARIABLE)
    if COMPLETING in os.environ:
        completion_init()
    try:
        code = command_line().main(list(arguments), prog_name="georet", standalone_mode=False)
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


def _built_in(name: str) -> Any:
    """Import one of georet's own commands."""
    module_name, _, attribute = COMMANDS[name][0].partition(":")
    module = importlib.import_module(module_name)
    target = getattr(module, attribute)
    if not isinstance(target, typer.Typer):
        app = _typer()
        app.command(name, epilog=module.EPILOG)(target)
        target = app
    return named(target, name)
