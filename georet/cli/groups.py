"""Groups of commands: georet's own, imported when called, and those that plugins add to them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from georet.components import Command
from georet.errors import GeoretError, PluginError, UsageError
from georet.plugins import load_plugins
from georet.plugins.discovery import Source
from georet.plugins.selection import VARIABLE
from georet.suggest import hint_for

PLUGINS = "--plugins"


class PluginGroup(TyperGroup):
    """Commands by name: georet's own first, then those of the selected plugins.

    A plugin's command belongs to the group that its name begins with: ``gallery push`` appears in
    ``georet gallery``.
    """

    def own_command(self, ctx: Any, name: str) -> Any:
        """Return georet's own command of that name, or None."""
        return TyperGroup.get_command(self, ctx, name)

    def own_names(self, ctx: Any) -> list[str]:
        """Return the names of georet's own commands in this group."""
        return TyperGroup.list_commands(self, ctx)

    @cached_property
    def brought(self) -> dict[str, tuple[Command, Source]]:
        """The commands that the selected plugins bring to this group, and whose they are."""
        commands = load_plugins().commands()
        prefix = f"{self.name} "
        return {
            name.removeprefix(prefix): found
            for name, found in commands.items()
            if name.startswith(prefix)
        }

    def select(self, wishes: Sequence[str]) -> None:
        """Select plugins for this call, as ``GEORET_PLUGINS`` would."""
        os.environ[VARIABLE] = ",".join(wishes)
        self.__dict__.pop("brought", None)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of georet's own commands and of those that plugins bring."""
        own = self.own_names(ctx)
        return [*own, *(name for name in self.brought if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import and return a command, or None if there is none of that name."""
        own = self.own_command(ctx, cmd_name)
        if own is not None:
            return own
        found = self.brought.get(cmd_name)
        return None if found is None else command_of_plugin(cmd_name, *found)

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
            called = f"{ctx.command_path} {name}"
            hint = f"{close}\n  A plugin's command needs it: {called} --plugins ./mine.py"
            raise UsageError(f"there is no command {name!r}", hint=hint)
        is_own = self.own_command(ctx, name) is not None
        if not is_own and wishes and not _has_option(command, PLUGINS):
            self.select(wishes)
            args = [name, *others]
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the table of commands, importing none that a plugin brings."""
        with formatter.section("Commands"):
            formatter.write_dl(self.own_rows(ctx, formatter))
        try:
            rows = self.brought_rows()
        except GeoretError as error:
            with formatter.section("Plugins"):
                formatter.write_text(str(error))
            return
        if rows:
            with formatter.section("Commands of plugins"):
                formatter.write_dl(rows)

    def own_rows(self, ctx: Any, formatter: Any) -> list[tuple[str, str]]:
        """Return name and summary of each of georet's own commands."""
        names = self.own_names(ctx)
        limit = formatter.width - 6 - max(map(len, names), default=0)
        return [(n, self.own_command(ctx, n).get_short_help_str(limit)) for n in names]

    def brought_rows(self) -> list[tuple[str, str]]:
        """Return name and summary, with the plugin's name, of each command of a plugin."""
        return [(n, f"{c.summary} [{owner.name}]") for n, (c, owner) in self.brought.items()]


def command_of_plugin(name: str, command: Command, owner: Source) -> Any:
    """Import a plugin's command, called ``name`` in its group; what goes wrong names the plugin."""
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
    return named(app, name)


def named(app: typer.Typer, name: str) -> Any:
    """Return an app as a command of that name, without completion options of its own."""
    command = get_command(app)
    command.name = name
    own = ("install_completion", "show_completion")
    command.params = [param for param in command.params if param.name not in own]
    return command


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
