"""``georet track``: where did this flight go?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli.options import (
    AsJson,
    BackendName,
    DryRun,
    GalleryEncoder,
    GalleryFolder,
    Height,
    KnownCamera,
    MaxPixels,
    NoPlugin,
    PluginNames,
    Rotations,
    Tilt,
)
from georet.plugins import Selection

EPILOG = """Examples:

georet track area.gallery flight.mp4 --telemetry flight.srt --out track.gpx

georet track area.gallery photos/ --height 120m --tilt 0 --camera dji-mavic-3 --out track.gpx

georet track area.gallery flight.mp4 --telemetry log.csv --every 10m --refine sift --out track.html

georet track area.gallery photos/ --telemetry log.csv --truth log.csv --out report.html

georet track area.gallery flight.mp4 --telemetry log.csv --live --json
"""
_Films = Annotated[
    list[Path], typer.Argument(metavar="VIDEO|FOLDER...", help="A video, or photos of one flight.")
]
_Telemetry = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Heading, height, odometry ... by photo or second: .csv, .json or .srt.",
    ),
]
_Every = Annotated[
    str | None,
    typer.Option(
        metavar="STEP", help="Look every 2s, 10m or 5 frames; by default 1s, and all photos."
    ),
]
_Refine = Annotated[
    str | None, typer.Option(metavar="NAME", help="Refine frames to the metre: sift or dense.")
]
_Live = Annotated[
    bool, typer.Option("--live", help="Locate each frame by those before it alone, as it comes.")
]
_Tracker = Annotated[
    str, typer.Option(metavar="NAME[:KEY=VALUE,...]", help="The filter, with its options.")
]
_Truth = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Where frames really were (photo or time_s, lat, lon)."),
]
_Region = Annotated[
    str | None,
    typer.Option(
        metavar="box:W,S,E,N|near:LAT,LON,RADIUS|FILE.geojson",
        help="Leave out all tiles whose centre is outside.",
    ),
]
_Out = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE", help=".gpx, .geojson, .csv, .json, .html (a report) ...; repeatable."
    ),
]
_Format = Annotated[
    list[str] | None,
    typer.Option("--format", metavar="NAME", help="Format of the --out files, one or one each."),
]
_Heading = Annotated[
    float | None, typer.Option(metavar="DEG", help="Clockwise from north, of all frames.")
]
_Fov = Annotated[
    float | None, typer.Option(metavar="DEG", help="The angle that a frame's width spans.")
]
_Geometry = Annotated[
    bool, typer.Option(help="Turn and scale frames as the map is, where the camera is told.")
]


def track(
    gallery: GalleryFolder,
    films: _Films,
    telemetry: _Telemetry = None,
    every: _Every = None,
    refine: _Refine = None,
    live: _Live = False,
    tracker: _Tracker = "grid",
    truth: _Truth = None,
    region: _Region = None,
    heading: _Heading = None,
    height: Height = None,
    tilt: Tilt = None,
    fov: _Fov = None,
    camera: KnownCamera = None,
    rotations: Rotations = None,
    geometry: _Geometry = True,
    encoder: GalleryEncoder = None,
    backend: BackendName = "auto",
    out: _Out = None,
    out_format: _Format = None,
    max_pixels: MaxPixels = None,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Locate the frames of one flight together: a video, or photos in their order.

    Frames that show nothing, turns and outliers are survived by how the camera moved; each frame
    has a place, a 95 % ellipse, and what the place rests on. With --out, a killed flight goes on
    where it was when the same command is given again.
    """
    from georet.commands.tracking import Asked, track_flight
    from georet.ground.lengths import length_m
    from georet.photos.camera.cameras import cameras_of

    cameras = cameras_of(
        heading=heading,
        height=None if height is None else length_m(height, where="--height"),
        tilt=tilt,
        fov=fov,
        camera=camera,
        telemetry=telemetry,
        rotations=rotations,
        turns_photos=geometry,
    )
    asked = Asked(
        gallery=gallery, films=films, cameras=cameras, every=every, region=region, refine=refine,
        tracker=tracker, is_live=live, truth=truth, outs=out or [], formats=out_format or [],
        encoder=encoder, backend=backend, max_pixels=max_pixels, as_json=as_json,
        is_dry=dry_run,
    )  # fmt: skip
    track_flight(asked, Selection.of(plugins, no_plugin))
