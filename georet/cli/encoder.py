"""``georet encoder``: encoders that nobody has to train first."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli.gallery_build import Overlap, Sides, Zoom
from georet.cli.options import AsJson, NoPlugin, PluginNames
from georet.plugins import Selection
from georet.progress import echo, echo_json, next_step

EPILOG = """Examples:

georet encoder list

georet encoder make 'timm:tf_efficientnet_lite0?weights=lite0&stage=3&pool=gem' --out lite0

georet encoder make 'timm:tf_efficientnet_lite0?weights=lite0' --fit whitening --tiles area.tif \
--side 40m --out mine
"""
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        help="timm:MODEL[?weights=FILE|lite0&size=224&stage=N&pool=avg|gem|max|cls].",
    ),
]
Out = Annotated[Path, typer.Option(metavar="RUN", help="Folder of the new run.")]
Fits = Annotated[
    list[str] | None,
    typer.Option(
        "--fit",
        metavar="NAME[:KEY=VALUE,...]",
        help="Fit a linear map to the tiles: whitening, pca:dim=128; repeatable.",
    ),
]
Tiles = Annotated[
    str | None,
    typer.Option(metavar="SOURCE", help="Imagery to fit to, as for `georet gallery build`."),
]
MostTiles = Annotated[int, typer.Option(min=2, help="Tiles to fit to at most.")]

app = typer.Typer(
    help="Encoders that nobody has to train first.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    epilog=EPILOG,
)


@app.command(epilog=EPILOG)
def make(
    name: Name,
    *,
    out: Out,
    fit: Fits = None,
    tiles: Tiles = None,
    side: Sides = None,
    overlap: Overlap = 0.0,
    zoom: Zoom = None,
    most_tiles: MostTiles = 4096,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Write an untrained encoder as a run, which every command takes that takes a run."""
    from georet.commands.encoders import make as write
    from georet.ground.lengths import lengths_m
    from georet.tiles.tiling import Tiling

    for line in write(
        name,
        out,
        fits=fit or (),
        tiles=tiles,
        tiling=Tiling(lengths_m(side or (), where="--side"), overlap, zoom),
        most_tiles=most_tiles,
        selection=Selection.of(plugins, no_plugin),
    ):
        echo(line)
    usual = ("--side", "60m", "--out", "area.gallery")
    next_step("gallery", "build", "AREA.tif", "--encoder", out, *usual)


@app.command("list")
def suggested(
    as_json: AsJson = False, plugins: PluginNames = None, no_plugin: NoPlugin = None
) -> None:
    """List encoders for a start: what for, memory of the weights, size of images, licence."""
    from georet.commands.encoders import as_rows, suggestions

    found = suggestions(Selection.of(plugins, no_plugin))
    if as_json:
        echo_json(found)
        return
    rows = [("name", "use", "weights", "image", "licence"), *as_rows(found)]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        echo(
            "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        )
