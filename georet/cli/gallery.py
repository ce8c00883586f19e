"""``georet gallery``: build a gallery, look into it, check it, join several."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from georet.cli import gallery_bench, gallery_build, gallery_calibrate
from georet.cli.gallery_build import (
    BandNumbers,
    Batch,
    Corners,
    Devices,
    EncoderFolder,
    MaxNodata,
    Nodata,
    Origin,
    Overlap,
    Resolution,
    Sides,
    Source,
    SourceKind,
    StorageName,
    Thumbnails,
    Zoom,
    tiling_of,
)
from georet.cli.groups import PluginGroup
from georet.cli.options import AsJson, BackendName, Checkpoint, GalleryFolder, NoPlugin, PluginNames
from georet.plugins import Selection
from georet.progress import echo, echo_json, next_step

EPILOG = """Examples:

georet gallery build area.tif --encoder runs/first --side 400m --overlap 0.5 --out area.gallery

georet gallery info area.gallery

georet gallery verify area.gallery
"""
PLAN_EPILOG = """Examples:

georet gallery plan area.tif --encoder runs/first --side 400m --overlap 0.5

georet gallery plan area.tif --encoder runs/first --side 400m --storage int8 --area 149e6
"""
Area = Annotated[
    str | None,
    typer.Option(
        metavar="KM2|REGION",
        help="For so much ground that looks the same: 149e6 is all land; or for a region of the "
        "source, as in `georet gallery build`.",
    ),
]
Cores = Annotated[int | None, typer.Option(min=1, help="Tell the time for so many cores.")]
NumSampled = Annotated[int, typer.Option("--sample", min=1, help="Tiles that are measured.")]
app = typer.Typer(
    cls=PluginGroup,
    help="Build galleries of embedded tiles, look into them, check and measure them.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    epilog=EPILOG,
)
app.command("build", epilog=gallery_build.EPILOG)(gallery_build.build)


@app.command(epilog=PLAN_EPILOG)
def plan(
    source: Source,
    encoder: EncoderFolder,
    source_kind: SourceKind = None,
    backend: BackendName = "auto",
    checkpoint: Checkpoint = "last",
    side: Sides = None,
    overlap: Overlap = 0.0,
    zoom: Zoom = None,
    max_nodata: MaxNodata = 0.5,
    nodata: Nodata = None,
    bands: BandNumbers = None,
    origin: Origin = None,
    resolution: Resolution = None,
    corners: Corners = None,
    storage: StorageName = "fp32",
    devices: Devices = None,
    thumbnails: Thumbnails = True,
    batch: Batch = 64,
    area: Area = None,
    cores: Cores = None,
    sample: NumSampled = 256,
    as_json: AsJson = False,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Say how many tiles, bytes and hours a gallery takes, by a measured sample; write nothing."""
    from georet.commands.planning import show_plan
    from georet.gallery.making.layout import devices_of
    from georet.gallery.making.settings import BuildSettings
    from georet.pretrained.making import run_folder
    from georet.sessions import SessionSpec
    from georet.sources.opening import named_source
    from georet.types import REFERENCE

    area_km2, region = _asked_area(area)
    settings = BuildSettings(
        tiling=tiling_of(
            side, overlap, zoom, max_nodata, nodata, bands, origin, resolution, corners, region
        ),
        storage=storage,
        devices=devices_of(devices),
        thumbnails=thumbnails,
        batch_size=batch,
    )
    selection = Selection.of(plugins, no_plugin)
    folder = run_folder(encoder, selection=selection)
    spec = SessionSpec(folder, REFERENCE, backend, checkpoint, selection)
    for line in show_plan(
        named_source(source, source_kind, selection=selection),
        spec,
        settings,
        area_km2=area_km2,
        cores=cores,
        num_sampled=sample,
        as_json=as_json,
        warn=lambda text: echo(text, err=True),
    ):
        echo(line)


def _asked_area(text: str | None) -> tuple[float | None, str | None]:
    """Return square kilometres, or a region, whichever was typed."""
    try:
        return (None, None) if text is None else (float(text), None)
    except ValueError:
        return None, text


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
    next_step("locate", out, "PHOTO")


@app.command(
    epilog="""Examples:

georet gallery join north.gallery south.gallery --out land.atlas

georet gallery join flights/*/area.gallery --out flights.atlas --prefix
"""
)
def join(
    galleries: Annotated[list[Path], typer.Argument(metavar="GALLERY...", help="Of one encoder.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of what is searched as one.")],
    prefix: Annotated[
        bool, typer.Option("--prefix", help="Put the gallery's name before each tile's id.")
    ] = False,
) -> None:
    """Let several galleries be searched as one, without copying them."""
    from georet.gallery.joined import join_galleries
    from georet.gallery.stored import StoredGallery

    join_galleries([StoredGallery.open(path) for path in galleries], out, prefixed=prefix)
    echo(f"{out}: {len(StoredGallery.open(out)):,} tiles, galleries: {len(galleries)}")
    next_step("locate", out, "PHOTO")


@app.command(
    epilog="""Examples:

georet gallery cut area.gallery --region box:7.1,46.2,7.4,46.4 --out part.gallery

georet gallery cut area.gallery --region valley.geojson --encoder runs/first --out valley.zip
"""
)
def cut(
    gallery: GalleryFolder,
    region: Annotated[
        str, typer.Option(metavar="REGION", help="box:W,S,E,N, near:LAT,LON,RADIUS or a .geojson.")
    ],
    out: Annotated[
        Path, typer.Option(metavar="PATH", help="A folder, or one file to hand over: NAME.zip.")
    ],
    encoder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Run or artefact that goes along in the file."),
    ] = None,
) -> None:
    """Write the part of a gallery that lies in a region, as a gallery or as one file."""
    from georet.commands.galleries import cut_out

    echo(cut_out(gallery, region, out, encoder))


@app.command(
    epilog="""Examples:

georet gallery unpack valley.zip --out valley

georet locate valley/gallery photo.jpg --encoder valley/encoder
"""
)
def unpack(
    bundle: Annotated[Path, typer.Argument(metavar="FILE", help="What `gallery cut` wrote.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A folder that isn't there yet.")],
) -> None:
    """Unpack a gallery that somebody handed over as one file."""
    from georet.commands.galleries import unpacked

    echo(unpacked(bundle, out))


app.command("bench", epilog=gallery_bench.EPILOG)(gallery_bench.bench)
app.command("calibrate", epilog=gallery_calibrate.EPILOG)(gallery_calibrate.calibrate)
