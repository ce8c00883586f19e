"""``georet gallery``: build a gallery, look into it, check it, join several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from georet.cli import gallery_bench, gallery_build, gallery_calibrate
from georet.cli.options import AsJson, GalleryFolder
from georet.progress import echo, echo_json

EPILOG = """Examples:

georet gallery build area.tif --encoder runs/first --side 400m --overlap 0.5 --out area.gallery

georet gallery info area.gallery

georet gallery verify area.gallery
"""
app = typer.Typer(
    help="Build galleries of embedded tiles, look into them, check and measure them.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    epilog=EPILOG,
)
app.command("build", epilog=gallery_build.EPILOG)(gallery_build.build)


@app.command(
    epilog="""Examples:

georet gallery info area.gallery

georet gallery info area.gallery --json
"""
)
def info(gallery: GalleryFolder, as_json: AsJson = False) -> None:
    """Print what a gallery holds: tiles, area, encoder, storage, indexes, calibration."""
    from georet.commands.galleries import lines
    from georet.facade import Gallery
    from georet.gallery.info import describe_gallery

    found = describe_gallery(Gallery.open(gallery))
    if as_json:
        echo_json(found)
        return
    width = max(len(name) for name, _ in lines(found))
    for name, value in lines(found):
        echo(f"{name:<{width}}  {value}")


@app.command(
    epilog="""Examples:

georet gallery verify area.gallery
"""
)
def verify(gallery: GalleryFolder, as_json: AsJson = False) -> None:
    """Check every file of a gallery against its hash; exit code 4 where one differs."""
    from georet.commands.verifying import gallery_line
    from georet.gallery.verify import verify_gallery

    if as_json:
        found = verify_gallery(gallery)
        values: dict[str, Any] = {"files": found.num_files, "bytes": found.num_bytes}
        echo_json({**values, "faults": list(found.faults)})
        if not found.faults:
            return
    echo(gallery_line(gallery))


@app.command(
    epilog="""Examples:

georet gallery merge north.gallery south.gallery --out both.gallery

georet gallery merge a.gallery b.gallery --out ab.gallery --duplicates first --storage int8
"""
)
def merge(
    galleries: Annotated[
        list[Path], typer.Argument(metavar="GALLERY...", help="Several, or one alone.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the new gallery.")],
    storage: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="fp32, fp16 or int8; by default as in the galleries."),
    ] = None,
    shard_size: Annotated[int, typer.Option(help="Tiles in a shard.")] = 10_000,
    duplicates: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Ids in several: refuse, first (leave later ones out), suffix (keep).",
        ),
    ] = "refuse",
) -> None:
    """Join galleries that were built with the same encoder."""
    from georet.commands.galleries import outcome
    from georet.gallery.making.merge import merge_galleries

    merge_galleries(galleries, out, storage=storage, shard_size=shard_size, duplicates=duplicates)
    echo(outcome(out))


app.command("bench", epilog=gallery_bench.EPILOG)(gallery_bench.bench)
app.command("calibrate", epilog=gallery_calibrate.EPILOG)(gallery_calibrate.calibrate)
