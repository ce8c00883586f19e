"""``georet train``: train a run, or go on with one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from georet.cli import completing
from georet.cli.options import ConfigFile, DryRun, NoPlugin, Nproc, PluginNames, Recipe, Sets
from georet.plugins import Selection

EPILOG = """Examples:

georet train

georet train --plugins sample4geo --set sampler=random --set seed=1

georet train --plugins sample4geo,./mine.py --set 'losses=[soft_margin]'

georet train --config my.yaml --out runs/first

georet train --resume runs/first

georet train --dry-run

georet train --dry-run --nproc 2

georet train --profile 20 --out runs/watched

georet train --nproc 2

torchrun --nproc-per-node 8 -m georet train --config my.yaml --out runs/first
"""


def train(
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    recipe: Recipe = None,
    config: ConfigFile = None,
    sets: Sets = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of the new run.")] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="A run to go on with, from its last checkpoint.",
            autocompletion=completing.runs,
        ),
    ] = None,
    profile: Annotated[
        int,
        typer.Option(
            metavar="N", min=0, help="Profile N steps: a trace and a table in the run's folder."
        ),
    ] = 0,
    nproc: Nproc = 1,
    dry_run: DryRun = False,
) -> None:
    """Train an encoder; without arguments, modern/orbitview on the embedded benchmark."""
    from georet.commands.training import resume_run, start_run
    from georet.configure import usual_recipe
    from georet.errors import UsageError
    from georet.ranks.joining import SUPERVISOR, is_rank
    from georet.ranks.supervisor import supervised

    selection = Selection.of(plugins, no_plugin)
    if resume is None:
        recipe = usual_recipe(recipe, selection, config)
    if dry_run and (resume or out or profile):
        raise UsageError("--dry-run trains nothing: leave out --resume, --out and --profile")
    if dry_run and is_rank() and SUPERVISOR not in os.environ:
        raise UsageError(
            "--dry-run measures ranks of one machine, which --nproc starts",
            hint="For example: georet train --nproc 2 --dry-run",
        )
    if supervised(nproc):
        return
    if dry_run:
        from georet.commands.rehearsing import rehearse

        rehearse(selection=selection, recipe=recipe, path=config, overrides=sets or ())
        return
    if resume is None:
        start_run(
            selection=selection,
            recipe=recipe,
            path=config,
            overrides=sets or (),
            out=out,
            profile=profile,
        )
        return
    if recipe or config or sets or out:
        raise UsageError(
            "--resume goes on with the run as it was configured",
            hint="Leave out --recipe, --config, --set and --out, or start a new run.",
        )
    resume_run(resume, selection=selection, profile=profile)
