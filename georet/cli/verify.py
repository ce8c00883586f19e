"""``georet verify``: whether the files of a run, a gallery or an artefact are as written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.progress import echo

EPILOG = """Examples:

georet verify runs/first

georet verify area.gallery

georet verify runs/first/export/onnx-fp32
"""


def verify(
    path: Annotated[
        Path, typer.Argument(metavar="PATH", help="Folder of a run, a gallery or an artefact.")
    ],
) -> None:
    """Check every file against its hash; exit code 4 where one differs."""
    from georet.commands.verifying import verify_folder

    echo(verify_folder(path))
