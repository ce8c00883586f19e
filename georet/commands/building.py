"""What ``georet gallery build`` does: build, or say what it would take, and tell the plugins."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

from georet.addresses import shown_url
from georet.commands.galleries import outcome, tell_plugins
from georet.commands.planning import show_plan
from georet.errors import Interrupted
from georet.gallery.files.manifest import MANIFEST
from georet.gallery.making.build import build_gallery
from georet.gallery.making.settings import BuildOptions, BuildSettings
from georet.progress import next_step
from georet.sessions import SessionSpec


def build(
    source: str,
    encoder: SessionSpec,
    out: Path,
    options: BuildOptions,
    *,
    command: Sequence[str],
    dry_run: bool,
    say: Callable[[str], None],
) -> list[str]:
    """Build a gallery and return the lines that say what came of it.

    ``command`` is the command line, which goes on after a stop, and which executors start
    elsewhere; ``say`` is told what happens meanwhile.
    """
    if dry_run:
        return show_plan(source, encoder, BuildSettings(**options), warn=say)
    elsewhere = _without("--executor", command)
    try:
        build_gallery(source, encoder, out, say=say, command=elsewhere, **options)
    except Interrupted as stop:
        hint = f"Go on with: {shown_url(shlex.join(command))}"
        raise Interrupted(stop.what, where=stop.where, hint=hint) from stop
    tell_plugins(out, encoder.source, encoder.selection)
    if (out / MANIFEST).is_file():
        next_step("locate", out, "PHOTO")
    return [outcome(out)]


def _without(option: str, command: Sequence[str]) -> list[str]:
    """Return a command line without an option and its value."""
    kept: list[str] = []
    is_value = False
    for argument in command:
        if not (is_value or argument == option or argument.startswith(f"{option}=")):
            kept.append(argument)
        is_value = argument == option and not is_value
    return kept
