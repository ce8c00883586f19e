"""``georet gallery build``: from imagery to a gallery."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from georet.cli.options import BackendName, Checkpoint, DryRun, NoPlugin, PluginNames
from georet.plugins import Selection
from georet.progress import echo

if TYPE_CHECKING:
    from georet.tiles.tiling import Tiling

EPILOG = """Examples:

georet gallery build area.tif --encoder runs/first --side 400m --overlap 0.5 --out area.gallery

georet gallery build area.tif --encoder 'timm:tf_efficientnet_lite0?weights=lite0' --side 40m \
--out area.gallery

georet gallery build screen.png --origin 47.37,8.54 --resolution 0.5m --side 100m --encoder onnx \
--out screen.gallery

georet gallery build city.mbtiles --encoder onnx --zoom 18 --storage int8 --out city.gallery

georet gallery build 'xyz:https://host/{z}/{x}/{y}.jpg' --area 47.37,8.54,500m --zoom 18 \
--encoder onnx --out town.gallery

georet gallery build run:runs/first --encoder runs/first --out world.gallery

georet gallery build area.tif --encoder runs/first --side 100m,1km --out area.gallery --shard 3/8
"""
Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="GeoTIFF, picture, MBTiles, PMTiles, folder of tiles or of GeoTIFFs, "
        "dataset:NAME[:SET], run:RUN[:SET], or an address.",
    ),
]
SourceKind = Annotated[
    str | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help="What kind of source it is, where that can't be told, or two plugins tell it.",
    ),
]
EncoderFolder = Annotated[
    Path,
    typer.Option(
        "--encoder",
        metavar="RUN|ARTEFACT|NAME",
        help="Folder of a run or exported artefact, or timm:MODEL[?weights=...&size=...].",
    ),
]
Out = Annotated[
    Path, typer.Option(metavar="DIR", help="The gallery's folder; one that was begun goes on.")
]
Sides = Annotated[
    list[str] | None,
    typer.Option("--side", metavar="LENGTH", help="Ground size of the tiles: 400m, or 100m,2km."),
]
Overlap = Annotated[float, typer.Option(help="Share of a side that neighbours have in common.")]
Zoom = Annotated[int | None, typer.Option(help="Level of a tile archive.")]
Nodata = Annotated[
    float | None,
    typer.Option(metavar="VALUE", help="Value of a raster's pixels without data, in all bands."),
]
BandNumbers = Annotated[
    str | None,
    typer.Option(
        metavar="R,G,B", help="Bands of a raster that are red, green, blue (and a mask): 3,2,1."
    ),
]
Origin = Annotated[
    str | None,
    typer.Option(
        metavar="LAT,LON",
        help="Top left corner of a picture without a place; with --resolution. North is up.",
    ),
]
Resolution = Annotated[
    str | None, typer.Option(metavar="LENGTH", help="Side of such a picture's pixels: 0.5m.")
]
Corners = Annotated[
    str | None,
    typer.Option(
        metavar="LAT,LON,...",
        help="Top left and bottom right corner of such a picture, or all four, clockwise.",
    ),
]
Area = Annotated[
    str | None,
    typer.Option(
        metavar="LAT,LON,RADIUS|box:W,S,E,N|FILE.geojson",
        help="Only tiles whose centre lies there; what is elsewhere is fetched for it alone.",
    ),
]
MaxNodata = Annotated[float, typer.Option(help="Tiles with a greater share of no data are left.")]
StorageName = Annotated[str, typer.Option("--storage", metavar="NAME", help="fp32, fp16 or int8.")]
ShardSize = Annotated[int, typer.Option(help="Tiles in a shard.")]
Workers = Annotated[
    int | None,
    typer.Option(help="Processes that read tiles; 0: whoever embeds reads. By default as fits."),
]
Devices = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,NAME",
        help="Where to embed, a process each: cuda:0,cuda:1. By default all GPUs, or the CPU.",
    ),
]
ExecutorName = Annotated[
    str,
    typer.Option(
        "--executor",
        metavar="NAME[?KEY=VALUE&...]",
        help="Who has the shards made: local, or a plugin's, such as ray or slurm.",
    ),
]
Share = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Make only share I of 1..N, as a cluster's job."),
]
Thumbnails = Annotated[bool, typer.Option(help="Keep small pictures of the tiles.")]
Quota = Annotated[float, typer.Option(help="Share of the tiles that may be unreadable.")]
Batch = Annotated[int, typer.Option(help="Tiles embedded at once.")]


def build(
    source: Source,
    encoder: EncoderFolder,
    out: Out,
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
    area: Area = None,
    storage: StorageName = "fp32",
    shard_size: ShardSize = 10_000,
    workers: Workers = None,
    devices: Devices = None,
    executor: ExecutorName = "local",
    shard: Share = None,
    thumbnails: Thumbnails = True,
    bad_tile_quota: Quota = 0.01,
    batch: Batch = 64,
    dry_run: DryRun = False,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Cut imagery into tiles, embed them, and keep both in a folder that can be searched.

    Stopped or killed, the same command goes on, and the result is the same bytes.
    """
    from georet.commands import building
    from georet.gallery.making.layout import devices_of
    from georet.gallery.making.settings import BuildOptions
    from georet.pretrained.making import run_folder
    from georet.sessions import SessionSpec
    from georet.sources.opening import named_source
    from georet.types import REFERENCE

    selection = Selection.of(plugins, no_plugin)
    options: BuildOptions = {
        "tiling": tiling_of(
            side, overlap, zoom, max_nodata, nodata, bands, origin, resolution, corners, area
        ),
        "storage": storage,
        "shard_size": shard_size,
        "workers": workers,
        "devices": devices_of(devices),
        "executor": executor,
        "shard": _share(shard),
        "thumbnails": thumbnails,
        "bad_tile_quota": bad_tile_quota,
        "batch_size": batch,
    }
    named = named_source(source, source_kind, selection=selection)
    folder = run_folder(encoder, selection=selection)
    spec = SessionSpec(folder, REFERENCE, backend, checkpoint, selection)
    command, say = ["georet", *sys.argv[1:]], partial(echo, err=True)
    for line in building.build(
        named, spec, out, options, command=command, dry_run=dry_run, say=say
    ):
        echo(line)


def tiling_of(
    side: list[str] | None,
    overlap: float,
    zoom: int | None,
    max_nodata: float,
    nodata: float | None,
    bands: str | None,
    origin: str | None,
    resolution: str | None,
    corners: str | None,
    area: str | None = None,
) -> Tiling:
    """Return the tiling that the options describe."""
    from georet.ground.lengths import lengths_m
    from georet.tiles.tiling import Tiling

    cut = (lengths_m(side or (), where="--side"), overlap, zoom, max_nodata, nodata)
    return Tiling(*cut, area=area, **_reading(bands, origin, resolution, corners))


def _reading(
    bands: str | None, origin: str | None, resolution: str | None, corners: str | None
) -> dict[str, Any]:
    """Return what the options say of bands and of a picture's place, as fields of ``Tiling``."""
    from georet.ground.lengths import length_m
    from georet.sources.asked import numbers_of, pair_of, whole

    found: dict[str, Any] = {}
    if bands is not None:
        found["bands"] = whole(numbers_of(bands, "--bands"), "--bands")
    if origin is not None:
        found["origin_latlon"] = pair_of(numbers_of(origin, "--origin"), "--origin")
    if resolution is not None:
        found["resolution_m"] = length_m(resolution, where="--resolution")
    if corners is not None:
        found["corners_latlon"] = numbers_of(corners, "--corners")
    return found


def _share(text: str | None) -> tuple[int, int] | None:
    """Return (i, n) of ``i/n``."""
    from georet.errors import UsageError

    if text is None:
        return None
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal()):
        raise UsageError(f"{text!r} is no share", where="--shard", hint="1/8 to 8/8, say.")
    return int(number), int(of)
