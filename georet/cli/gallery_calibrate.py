"""``georet gallery calibrate``: learn radii and confidence from photos whose places are known."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from georet.cli.options import (
    AsJson,
    BackendName,
    BadImageQuota,
    GalleryEncoder,
    GalleryFolder,
    KnownQueries,
    NoPlugin,
    PluginNames,
)

if TYPE_CHECKING:
    from georet.locate.calibration import Calibration

EPILOG = """Examples:

georet gallery calibrate area.gallery --queries flights.csv

georet gallery calibrate world.gallery --queries run:runs/first:cross

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


def calibrate(
    gallery: GalleryFolder,
    queries: _Queries,
    encoder: GalleryEncoder = None,
    backend: BackendName = "auto",
    precision: _Precision = 0.95,
    split_seed: _Seeds = None,
    bad_image_quota: BadImageQuota = 0.0,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    as_json: AsJson = False,
) -> None:
    """Fit radii, confidence and the threshold below which to abstain; keep them in the gallery.

    The report, calibration.html in the gallery, shows how a fit on one half of the queries does on
    the other half.
    """
    from georet.facade import Gallery
    from georet.gallery.files.additions import CALIBRATION
    from georet.locate.calibrating.calibrate import NUM_SEEDS, calibrate
    from georet.locate.calibrating.page import calibration_page
    from georet.photos.known import embed_known, open_queries
    from georet.progress import stage

    opened = Gallery.open(gallery)
    known = open_queries(queries, plugins=plugins, blocked=no_plugin or ())
    session = opened.session(
        source=encoder, backend=backend, plugins=plugins, blocked=no_plugin or ()
    )
    with stage(len(known.paths), "queries") as bar:
        embeddings, latlon = embed_known(
            known, session, quota=bad_image_quota, advance=lambda num: bar.advance(num)
        )
    seeds = tuple(range(NUM_SEEDS)) if split_seed is None else tuple(split_seed)
    with stage(len(seeds) + 1, "fits") as bar:
        calibration, trials = calibrate(
            opened,
            embeddings,
            latlon,
            about=known.about,
            precision=precision,
            seeds=seeds,
            advance=lambda num: bar.advance(num),
        )
    opened.save_addition(CALIBRATION, calibration.as_bytes())
    page = calibration_page(calibration, trials, gallery.name)
    opened.save_addition("calibration.html", page.encode("utf-8", errors="replace"))
    typer.echo(json.dumps(json.loads(calibration.as_bytes())) if as_json else _text(calibration))
    typer.echo(f"report: {gallery / 'calibration.html'}", err=True)


def _text(calibration: Calibration) -> str:
    from georet.page.readable import metres, percent

    held_out = calibration.held_out
    lines = [f"calibrated on {calibration.num_queries} queries: {calibration.queries}"]
    if not held_out:
        return lines[0]
    trials = f"mean of {len(held_out['seeds'])} trials, {held_out['num_queries']} queries each"
    lines.append(f"on halves that the fit had not seen ({trials}):")
    for share in (50, 90):
        held = held_out[f"covered_{share}"]
        low, mean, high = (percent(100 * held[key]) for key in ("least", "mean", "greatest"))
        median = metres(held_out[f"median_radius_{share}_m"])
        lines.append(f"  {share} % radius held {mean} ({low} to {high}), median {median}")
    error, best = held_out["median_error_m"], held_out["median_error_best_tile_m"]
    lines.append(f"  median error {metres(error)}, by the best tile alone {metres(best)}")
    right = held_out["precision_answered"]
    lines.append(
        f"  best tile right {percent(100 * held_out['precision_all'])}; of the "
        f"{percent(100 * held_out['share_answered'])} answered "
        f"{percent(None if right is None else 100 * right)}"
    )
    if calibration.threshold >= 1:
        lines.append(
            f"No confidence gives {percent(100 * calibration.precision)} right answers, so that "
            "every photo is marked as abstained: --precision asks for less, "
            "`georet locate --no-abstain` answers all the same."
        )
    return "\n".join(lines)
