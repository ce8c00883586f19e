"""What ``georet gallery calibrate`` does: embed known photos, fit, keep, and tell."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from georet.gallery.encoders import open_encoder
from georet.gallery.files.additions import CALIBRATION
from georet.gallery.stored import StoredGallery
from georet.locate.calibrating.calibrate import NUM_SEEDS, calibrate
from georet.locate.calibrating.page import calibration_page
from georet.locate.calibration import Calibration
from georet.page.readable import metres, percent
from georet.photos.known import embed_known, open_queries
from georet.plugins import Selection
from georet.progress import stage
from georet.types import QUERY

PAGE = "calibration.html"


def calibrate_gallery(
    folder: Path,
    queries: str,
    *,
    encoder: Path | None,
    backend: str,
    precision: float,
    seeds: Sequence[int] | None,
    quota: float,
    selection: Selection,
) -> Calibration:
    """Fit a calibration on photos whose places are known, and keep it and its report there.

    ``seeds`` None: those by default. Of the photos the share ``quota`` may be unreadable.
    """
    gallery = StoredGallery.open(folder)
    known = open_queries(queries, selection=selection)
    session = open_encoder(gallery, QUERY, source=encoder, backend=backend, selection=selection)
    with stage(len(known.paths), "queries") as bar:
        embeddings, latlon = embed_known(
            known, session, quota=quota, advance=lambda num: bar.advance(num)
        )
    seeds = tuple(range(NUM_SEEDS)) if seeds is None else tuple(seeds)
    with stage(len(seeds) + 1, "fits") as bar:
        calibration, trials = calibrate(
            gallery,
            embeddings,
            latlon,
            about=known.about,
            precision=precision,
            seeds=seeds,
            advance=lambda num: bar.advance(num),
        )
    gallery.save_addition(CALIBRATION, calibration.as_bytes())
    page = calibration_page(calibration, trials, folder.name)
    gallery.save_addition(PAGE, page.encode("utf-8", errors="replace"))
    return calibration


def in_words(calibration: Calibration) -> str:
    """Return what the terminal shows of a calibration."""
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
