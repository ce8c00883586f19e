"""``georet photo``: what photos tell of the camera that took them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli.options import AsJson
from georet.progress import echo, echo_json

EPILOG = """Examples:

georet photo info DJI_0042.JPG

georet photo info flight/ --telemetry flight.csv

georet photo info DJI_0042.JPG --use-gps --json
"""
app = typer.Typer(rich_markup_mode=None, no_args_is_help=True, epilog=EPILOG)


@app.callback()
def _front() -> None:
    """Say what photos tell of the camera that took them."""


@app.command(epilog=EPILOG)
def info(
    photos: Annotated[
        list[Path], typer.Argument(metavar="PHOTO...", help="Photos, or folders of photos.")
    ],
    telemetry: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A table of telemetry, .csv or .json; it comes first."),
    ] = None,
    use_gps: Annotated[
        bool, typer.Option(help="Also read position and altitude. Otherwise they are never read.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print heading, tilt, height and field of view, each with its source.

    What can't be believed is named with its reason: a gimbal that tells nothing, a height of 0.
    """
    from georet.photos.camera.telling import described, facts_of

    found = facts_of(photos, telemetry=telemetry, with_position=use_gps)
    if as_json:
        echo_json([{"photo": str(path), **facts.as_json()} for path, facts in found.items()])
        return
    for path, facts in found.items():
        echo(described(path, facts))
