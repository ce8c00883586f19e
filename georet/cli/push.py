"""``georet push`` and ``georet pull``: runs to a hub or a folder, and from there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli.options import RunFolder
from georet.progress import echo, next_step

EPILOG = """Examples:

georet push runs/first acme/town-2024 --licence Apache-2.0

georet push runs/first ./shared/town-2024 --licence proprietary --no-report

georet pull acme/town-2024 --out runs/town

georet locate area.gallery photo.jpg --encoder hub:acme/town-2024
"""
Target = Annotated[
    str, typer.Argument(metavar="ORG/NAME|FOLDER", help="A repository, or ./a/folder.")
]
Licence = Annotated[
    str,
    typer.Option(metavar="NAME", help="Under which others get it: Apache-2.0, CC-BY-4.0, other."),
]
Public = Annotated[bool, typer.Option("--public", help="Everybody may see it; else you alone.")]
Report = Annotated[bool, typer.Option(help="The report too, which shows images of the data set.")]


def push(
    run: RunFolder,
    target: Target,
    *,
    licence: Licence,
    public: Public = False,
    report: Report = True,
) -> None:
    """Push a finished run: weights as safetensors, configuration, figures, report, and a card."""
    from georet.pretrained.hub import push as push_run
    from georet.pretrained.making import run_folder

    echo(push_run(run_folder(run), target, licence=licence, private=not public, with_report=report))


def pull(
    target: Target,
    *,
    out: Annotated[Path, typer.Option(metavar="RUN", help="A folder that isn't there yet.")],
) -> None:
    """Bring a run here; every file is held against its hash, and no code is taken."""
    from georet.pretrained.hub import pull as pull_run

    echo(str(pull_run(target, out)))
    next_step("eval", out)
