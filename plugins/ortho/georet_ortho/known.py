"""``georet gallery render``: photos of known places, rendered from a map to calibrate by."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import typer

from georet.cli.options import NoPlugin, PluginNames
from georet.plugins import UNSAID, Selection
from georet.progress import echo

app = typer.Typer(rich_markup_mode=None, add_completion=False)
KNOWN, TELEMETRY = "known.csv", "telemetry.csv"
EPILOG = f"""Examples:

georet gallery render other.tif --side 60m --out known

georet gallery calibrate other.gallery --queries known/{KNOWN} --telemetry known/{TELEMETRY}
"""
MANY: Final = 600
"""Of so many photos, the share that the 50 % radius holds later is off by two points (one sd)."""
_TOLD: Final = 11
_SEED: Final = 600
Source = Annotated[str, typer.Argument(metavar="SOURCE", help="GeoTIFF, COG, tile archive.")]


@dataclass(frozen=True)
class Rendering:
    """What to render: ``number`` photos of ``source`` by a camera of ``PRESETS``, in a look."""

    source: str
    side_m: float
    overlap: float = 0.5
    number: int = MANY
    camera: str = "any"
    look: str = "strong"
    photos_from: str | None = None
    seed: int = 0


@app.command(epilog=EPILOG)
def render(
    source: Source,
    *,
    side: Annotated[str, typer.Option(metavar="LENGTH", help="Ground size of the tiles: 60m.")],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Photos and tables; new.")],
    overlap: Annotated[float, typer.Option(help="Share of a side that neighbours share.")] = 0.5,
    number: Annotated[int, typer.Option(min=1, help="Photos.")] = MANY,
    camera: Annotated[str, typer.Option(help="any, mapping, oblique or action.")] = "any",
    look: Annotated[
        str, typer.Option(metavar="NAME", help="How photos differ: none, weak, strong.")
    ] = "strong",
    photos_from: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="Another layer or date of the area for the photos."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Decides all that is drawn.")] = 0,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Render photos of a map by cameras whose place is known, with telemetry as a drone tells it.

    Radii hold on the ground to whose photos they were fitted. Where an encoder is taken to another
    map, render photos of that map and calibrate its gallery by them.
    """
    from georet.errors import UsageError
    from georet.ground.lengths import length_m

    if look not in ("none", "weak", "strong"):
        raise UsageError(f"there is no look {look!r}", where="--look", hint="none, weak, strong")
    if out.exists() and any(out.iterdir()):
        raise UsageError("is not empty", where=str(out), hint="Choose another --out.")
    side_m = length_m(side, where="--side")
    asked = Rendering(source, side_m, overlap, number, camera, look, photos_from, seed)
    rendered(asked, out, selection=Selection.of(plugins, no_plugin))
    echo(f"{number} photos: {out / KNOWN}, {out / TELEMETRY}")


def rendered(asked: Rendering, out: Path, *, selection: Selection = UNSAID) -> None:
    """Render photos into ``out``, and write where they look and what telemetry tells of them.

    ``known.csv`` has the ground in a photo's middle; ``telemetry.csv`` heading, tilt, height and
    field of view, with errors of 5 and 2 degrees and 5 %, one standard deviation.
    """
    from georet.progress import stage
    from georet_ortho.adapting.job import open_area
    from georet_ortho.adapting.settings import Settings
    from georet_ortho.flights import Flights, Telemetry
    from georet_ortho.making import Plan, draw, take

    settings = Settings(
        asked.source, "", asked.side_m, overlap=asked.overlap, photos_from=asked.photos_from
    )
    area = open_area(settings, selection)
    plan = Plan(
        "photos", asked.number, Flights.named(asked.camera), asked.look,  # type: ignore[arg-type]
        1_000 * asked.seed + _SEED, 320,
    )  # fmt: skip
    places: list[list[object]] = []
    told: list[list[object]] = []
    with stage(plan.number, "photos") as bar:
        for drawn in draw(area, plan):
            take(area, drawn, out)
            lens = drawn.shot.camera.lens
            pose = Telemetry().told(drawn.shot.camera, drawn.generator(_TOLD)).pose
            angles = [math.degrees(pose.heading_rad) % 360, math.degrees(pose.tilt_rad)]
            places.append([drawn.name, *drawn.shot.latlon.tolist()])
            told.append([drawn.name, *angles, pose.height_m, math.degrees(lens.fov_rad)])
            bar.advance(1)
    heads = ("photo", "heading_deg", "tilt_deg", "height_m", "fov_deg")
    _write(out / TELEMETRY, heads, told)
    _write(out / KNOWN, ("photo", "lat", "lon"), places)


def _write(path: Path, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    from georet.files import write_atomic

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    for row in rows:
        writer.writerow([f"{v:.10g}" if isinstance(v, float | np.floating) else v for v in row])
    write_atomic(path, text.getvalue())
