"""``georet locate``: where were these photos taken?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli.options import (
    AsJson,
    BackendName,
    BadImageQuota,
    DryRun,
    GalleryEncoder,
    GalleryFolder,
    Height,
    KnownCamera,
    MaxPixels,
    NoPlugin,
    PluginNames,
    Rerank,
    Rotations,
    Tilt,
)
from georet.plugins import Selection
from georet.progress import echo

EPILOG = """Examples:

georet locate area.gallery photo.jpg

georet locate area.gallery flight/ --out flight.geojson --out flight.html

georet locate area.gallery flight/ --out flight.kmz --geotag-copies tagged/

georet locate world.gallery photo.jpg --region box:-10,35,30,60 --k 10 --json

georet locate world.gallery photo.jpg --near 48.2,16.4,300km

georet locate area.gallery a.jpg b.jpg --fuse

georet locate area.gallery drone.jpg --heading 85 --tilt 0 --height 120m --camera dji-mavic-3
"""
_Photos = Annotated[
    list[Path], typer.Argument(metavar="PHOTO...", help="Photos, or folders of photos.")
]
_Region = Annotated[
    str | None,
    typer.Option(
        metavar="box:W,S,E,N|near:LAT,LON,RADIUS|FILE.geojson",
        help="Leave out all tiles whose centre is outside.",
    ),
]
_Near = Annotated[
    str | None,
    typer.Option(
        metavar="LAT,LON,RADIUS",
        help="Where the photos probably are (90 %); a striking photo may still contradict.",
    ),
]
_Gps = Annotated[
    bool,
    typer.Option(
        help="Take each photo's own EXIF position as such a guess. Otherwise it is never read; it "
        "is never written anywhere."
    ),
]
_GpsRadius = Annotated[
    str | None,
    typer.Option(metavar="LENGTH", help="How far off that position may be; by default 10km."),
]
_Index = Annotated[
    str,
    typer.Option(metavar="NAME[?KEY=VALUE&...]", help="How the gallery is searched, with options."),
]
_Out = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE",
        help="Also write .geojson, .parquet, .csv, .json, .html, .gpx, .kml, .kmz, .gpkg, .czml, "
        "or a plugin's format; repeatable.",
    ),
]
_Format = Annotated[
    list[str] | None,
    typer.Option(
        "--format",
        metavar="NAME",
        help="Format of the --out files where the suffix doesn't tell: one for all, or one each.",
    ),
]
_Copies = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Write copies of the photos with their position in EXIF; originals stay as they are.",
    ),
]
_Refine = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="A plugin's refiner: a place within the best tiles, with a heading."
    ),
]
_Dsm = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Heights of the ground (a raster of one band), to refine."),
]
_Heading = Annotated[
    float | None,
    typer.Option(metavar="DEG", help="Clockwise from north; seen from above, of the upper edge."),
]
_Fov = Annotated[
    float | None, typer.Option(metavar="DEG", help="The angle that the photo's width spans.")
]
_Telemetry = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Heading, tilt, height ... by photo, .csv or .json."),
]
_Geometry = Annotated[
    bool,
    typer.Option(
        help="Turn and scale photos as the map is, where the camera is told by these options, by "
        "telemetry or by the photo (EXIF, XMP; no position is read)."
    ),
]


def locate(
    gallery: GalleryFolder,
    photos: _Photos,
    k: Annotated[int, typer.Option("--k", "-k", help="Candidates for each photo.")] = 5,
    region: _Region = None,
    near: _Near = None,
    use_gps: _Gps = False,
    gps_radius: _GpsRadius = None,
    fuse: Annotated[bool, typer.Option("--fuse", help="All photos show one place.")] = False,
    rerank: Rerank = None,
    refine: _Refine = None,
    dsm: _Dsm = None,
    heading: _Heading = None,
    height: Height = None,
    tilt: Tilt = None,
    fov: _Fov = None,
    camera: KnownCamera = None,
    telemetry: _Telemetry = None,
    rotations: Rotations = None,
    geometry: _Geometry = True,
    index: _Index = "exact",
    encoder: GalleryEncoder = None,
    backend: BackendName = "auto",
    abstain: Annotated[bool, typer.Option(help="Say so where the photo tells too little.")] = True,
    out: _Out = None,
    out_format: _Format = None,
    geotag_copies: _Copies = None,
    bad_image_quota: BadImageQuota = 0.0,
    max_pixels: MaxPixels = None,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Find the places of photos among a gallery's tiles.

    With --out, a killed batch goes on where it was when the same command is given again.
    """
    from georet.commands.locating import Writing, asked, check_outputs, locate_photos, open_locator
    from georet.commands.naming import photos_named
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
    question = asked(
        k=k,
        region=region,
        near=near,
        gps_radius=(gps_radius or "10km") if use_gps else gps_radius,
        use_gps=use_gps,
        fuse=fuse,
        may_abstain=abstain,
        cameras=cameras,
    )
    selection = Selection.of(plugins, no_plugin)
    targets = check_outputs(out or [], bad_image_quota, out_format or [], selection)
    found = photos_named(gallery, photos, cameras)
    locator = open_locator(
        gallery,
        targets,
        index=index,
        rerank=rerank,
        refine=refine,
        dsm=dsm,
        encoder=encoder,
        backend=backend,
        selection=selection,
        max_pixels=max_pixels,
    )
    how = Writing(targets, geotag_copies, as_json, echo, dry_run)
    locate_photos(locator, found, question, how, quota=bad_image_quota)
