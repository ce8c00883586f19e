"""``georet init``: a commented configuration for the data in a folder, or what to type instead."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.progress import echo

EPILOG = """Examples:

georet init own

georet init data/VIGOR --out vigor.yaml

georet init flight
"""
FILE = "train.yaml"

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command(epilog=EPILOG)
def init(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Where pairs, photos or a map are.")
    ] = Path(),
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A new file; by default FOLDER/train.yaml."),
    ] = None,
) -> None:
    """Write a commented configuration for the data in a folder, and check that it fits.

    A folder with pairs.csv, or in the layout of a known data set, gets a file for `georet train`.
    A map and photos need none: the commands to type are printed.
    """
    from georet.errors import DataError, UsageError
    from georet_datasets.detect import detect
    from georet_datasets.found import in_folder
    from georet_datasets.starting import write_start

    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder))
    found = in_folder(folder)
    try:
        name, options = detect(folder)
    except UsageError as error:
        if found.maps:
            echo(found.advice())
            return
        raise DataError(
            f"holds nothing to begin with: {found.said()}",
            where=str(folder),
            hint="Wanted: pairs.csv (docs/own-data.md), a data set in its published layout, or a "
            f"map (GeoTIFF, MBTiles, PMTiles). {error.hint or ''}".strip(),
        ) from None
    path = out or folder / FILE
    echo(write_start(path, name, options))
