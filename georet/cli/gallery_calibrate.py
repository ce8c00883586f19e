"""``georet gallery calibrate``: learn radii and confidence from photos whose places are known."""

from __future__ import annotations

import json
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
    KnownQueries,
    NoPlugin,
    PluginNames,
    Rerank,
)
from georet.plugins import Selection
from georet.progress import echo, echo_json, next_step

EPILOG = """Examples:

georet gallery calibrate area.gallery --queries flights.csv

georet gallery calibrate world.gallery --queries run:runs/first:cross

georet gallery calibrate area.gallery --queries flights.csv --plugins ./sift.py --rerank sift

georet gallery calibrate area.gallery --queries flights.csv --telemetry log.csv --refine sift

georet gallery calibrate world.gallery --queries dataset:orbitview --precision 0.99 --json
"""
_Queries = Annotated[
    str,
    typer.Option(
        metavar=KnownQueries,
        help="Photos that training never saw, with their places; a CSV has photo,lat,lon.",
    ),
]
_Precision = Annotated[
    float, typer.Option(help="Share of the answers that shall be right; else it abstains.")
]
_Seeds = Annotated[
    list[int] | None,
    typer.Option(help="Seed of a split into halves, for the report; by default 0 to 4."),
]
_Refine = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A refiner: radii, and what chance reaches, for its places."),
]
_Telemetry = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Heading, tilt, height ... by photo, .csv or .json."),
]


def calibrate(
    gallery: GalleryFolder,
    queries: _Queries,
    encoder: GalleryEncoder = None,
    backend: BackendName = "auto",
    precision: _Precision = 0.95,
    split_seed: _Seeds = None,
    rerank: Rerank = None,
    refine: _Refine = None,
    telemetry: _Telemetry = None,
    bad_image_quota: BadImageQuota = 0.0,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Fit radii, confidence and the threshold below which to abstain; keep them in the gallery.

    The report, calibration.html in the gallery, shows how a fit on one half of the queries does on
    the other half. With --rerank or --refine the calibration is kept beside the plain one, and is
    used by `georet locate` with the same re-ranker and refiner. Killed while a refiner works, the
    same command goes on where it was.
    """
    from georet.commands.calibrating import calibrate_gallery, in_words
    from georet.commands.foreseeing_fits import foresee_fits

    if dry_run:
        foresee_fits(
            gallery,
            queries,
            encoder=encoder,
            backend=backend,
            seeds=split_seed,
            selection=Selection.of(plugins, no_plugin),
            rerank=rerank,
            refine=refine,
            telemetry=telemetry,
        )
        return
    found, page = calibrate_gallery(
        gallery,
        queries,
        encoder=encoder,
        backend=backend,
        precision=precision,
        seeds=split_seed,
        quota=bad_image_quota,
        selection=Selection.of(plugins, no_plugin),
        rerank=rerank,
        refine=refine,
        telemetry=telemetry,
    )
    if as_json:
        echo_json(json.dumps(json.loads(found.as_bytes())))
    else:
        echo(in_words(found))
    echo(f"report: {page}", err=True)
    next_step("locate", gallery, "PHOTO")
