"""``georet adapt``: from a map to an encoder made for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from georet.cli.options import DryRun, NoPlugin, PluginNames
from georet.plugins import Selection
from georet.progress import echo, echo_json, next_step

app = typer.Typer(rich_markup_mode=None, add_completion=False)
EPILOG = """Examples:

georet adapt area.tif --encoder 'timm:tf_efficientnet_lite0?weights=lite0&stage=3&size=128' \
--side 60m --out runs/area

georet adapt area.tif --encoder runs/first --side 400m --overlap 0.5 --minutes 10 --out runs/area
"""


Source = Annotated[str, typer.Argument(metavar="SOURCE", help="GeoTIFF, COG, tile archive.")]
Begin = Annotated[
    str, typer.Option("--encoder", metavar="RUN|NAME", help="A run, or timm:MODEL?..., to begin.")
]
Side = Annotated[str, typer.Option(metavar="LENGTH", help="Ground size of the tiles: 60m.")]
Out = Annotated[Path, typer.Option(metavar="RUN", help="The run's folder; one begun goes on.")]
Overlap = Annotated[float, typer.Option(help="Share of a side that neighbours share.")]
Minutes = Annotated[
    float, typer.Option(min=0.5, help="Work to plan for: minutes of one core, about.")
]
Pairs = Annotated[
    int, typer.Option(min=0, help="Photos to train on; 0: as many as fit the minutes.")
]
Judged = Annotated[int, typer.Option(min=40, help="Photos in each set that judges.")]
Camera = Annotated[
    str,
    typer.Option(
        metavar="NAME|PHOTOS",
        help="any, mapping, oblique or action; or photos whose telemetry tells the ranges.",
    ),
]
Log = Annotated[
    str | None, typer.Option(metavar="FILE", help="Telemetry of the photos of --camera, as a file.")
]
Looks = Annotated[str, typer.Option(metavar="NAME", help="How photos differ: none, weak, strong.")]
Layer = Annotated[
    str | None,
    typer.Option(metavar="SOURCE", help="Another layer or date of the area for the photos."),
]
Dsm = Annotated[str | None, typer.Option(metavar="FILE", help="Heights of the ground (one band).")]
Known = Annotated[
    str | None, typer.Option(metavar="CSV", help="Real photos that judge: photo,lat,lon.")
]
HeldOut = Annotated[
    str | None,
    typer.Option(metavar="REGION", help="Ground to hold out: box:W,S,E,N, a .geojson file."),
]
Size = Annotated[int, typer.Option(min=32, help="Side of images in pixels.")]
Seed = Annotated[int, typer.Option(min=0, help="Decides all that is drawn.")]
WithGallery = Annotated[bool, typer.Option(help="Build and calibrate the area's gallery.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command(epilog=EPILOG)
def adapt(
    source: Source,
    *,
    encoder: Begin,
    side: Side,
    out: Out,
    overlap: Overlap = 0.5,
    minutes: Minutes = 3.0,
    pairs: Pairs = 0,
    judged: Judged = 150,
    camera: Camera = "any",
    telemetry: Log = None,
    look: Looks = "strong",
    photos_from: Layer = None,
    dsm: Dsm = None,
    photos: Known = None,
    held_out: HeldOut = None,
    size: Size = 128,
    seed: Seed = 0,
    gallery: WithGallery = True,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Make an encoder for an area from nothing but its map, and say whether it helped.

    Photos are rendered from the map by cameras whose place is known; the first stages of the
    encoder stay as they are, a small head learns to find the photos' tiles. Photos of ground that
    was held out judge it before and after. Where training doesn't help, the encoder is kept as it
    was. Killed at any instant, the same command goes on.
    """
    from georet.errors import UsageError
    from georet.ground.lengths import length_m
    from georet_ortho.adapting.conducting import adapt as run
    from georet_ortho.adapting.conducting import foresee
    from georet_ortho.adapting.radii import GALLERY
    from georet_ortho.adapting.settings import REPORT, Settings

    if look not in ("none", "weak", "strong"):
        raise UsageError(f"there is no look {look!r}", where="--look", hint="none, weak, strong")
    settings = Settings(
        source=source, encoder=encoder, side_m=length_m(side, where="--side"), overlap=overlap,
        minutes=minutes, pairs=pairs, judged=judged, camera=camera, telemetry=telemetry,
        look=look,  # type: ignore[arg-type]
        photos_from=photos_from, dsm=dsm, photos=photos, held_out=held_out, seed=seed,
        gallery=gallery, size=size,
    )  # fmt: skip
    selection = Selection.of(plugins, no_plugin)
    if dry_run:
        foresee(settings, out, selection=selection)
        return
    done = run(settings, out, selection=selection, say=lambda text: echo(text, err=True))
    if as_json:
        echo_json(json.loads(json.dumps(done.values)))
        return
    echo(in_words(done.values))
    echo(f"report: {out / REPORT}")
    if gallery:
        next_step("locate", out / GALLERY, "PHOTO")


def in_words(values: dict[str, Any] | Any) -> str:
    """Return the figures as lines for a terminal."""
    from georet.page.readable import seconds

    said = "Training helped" if values["helped"] else "Training did not help, the encoder is kept"
    best = values["untrained"][values["best_untrained"]]
    planned_s = sum(values["planned_s"].values())
    lines = [f"{said}: {values['why']}.", "recall@1 in percent, before and after:"]
    for name, modes in values["adapted"].items():
        shown = (
            values["adapted_elsewhere"] if name in values["adapted_elsewhere"] else {name: modes}
        )
        for mode, score in shown[name].items():
            before = best[name][mode]["recall@1"]
            lines.append(f"  {name}, {mode}: {before:.0f}, {score['recall@1']:.0f}")
    for when, score in values.get("real_photos", {}).items():
        lines.append(
            f"  real photos as they are, {when}: {score['recall@1']:.0f} % of {score['photos']}"
        )
    if values["cpu_s"] is not None:
        lines.append(f"CPU time: {seconds(values['cpu_s'])}, planned {seconds(planned_s)}")
    return "\n".join(lines)
