"""What ``georet locate`` does: check what can be checked, locate, write what was asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.config import MAX_PIXELS
from georet.errors import DataError, UsageError
from georet.gallery.encoders import open_encoder
from georet.gallery.stored import StoredGallery
from georet.geodesy import distance_m
from georet.interrupt import StopRequest
from georet.locate.locator import Locator
from georet.locate.output.batch import locate_batch
from georet.locate.output.journal import Journal
from georet.locate.output.page import MOST_PHOTOS, write_page
from georet.locate.output.provenance import provenance
from georet.locate.output.table import summary, table
from georet.locate.output.writers import WRITERS, unreadable, write_json
from georet.locate.question import Question
from georet.locate.rerank import make_reranker
from georet.page.readable import metres
from georet.photos.finding import in_groups
from georet.photos.gps import own_position
from georet.plugins import Selection
from georet.progress import echo_json, one_line, stage
from georet.progress import say as warn
from georet.types import QUERY

PAGE: Final = ".html"
_TELLS_NOTHING: Final = 2
"""So many radii outside it, a prior leaves all tiles alike."""


def check_outputs(outs: Sequence[Path], quota: float) -> None:
    """Refuse before the work what can't be written after it, and a quota that is no share."""
    if not 0 <= quota < 1:
        raise UsageError(
            f"is {quota}", where="--bad-image-quota", hint="Give a share: 0.05 is 5 %."
        )
    known = (*WRITERS, PAGE)
    for out in outs:
        if out.suffix.lower() not in known:
            raise UsageError(
                f"{out.suffix or 'no suffix'} is no known output",
                where=str(out),
                hint=f"Known: {', '.join(known)}.",
            )
        if not out.parent.is_dir():
            raise DataError(
                "there is no such folder", where=str(out.parent), hint=f"mkdir -p {out.parent}"
            )


def open_locator(
    folder: Path,
    outs: Sequence[Path],
    *,
    index: str,
    rerank: str | None,
    encoder: Path | None,
    backend: str,
    selection: Selection,
    max_pixels: int | None = None,
) -> Locator:
    """Open a gallery, its encoder (or another), index and re-ranker, for what ``outs`` need."""
    gallery = StoredGallery.open(folder)
    session = open_encoder(gallery, QUERY, source=encoder, backend=backend, selection=selection)
    return Locator(
        gallery,
        session,
        index=index,
        reranker=None if rerank is None else make_reranker(rerank, selection),
        with_heat=_has_page(outs),
        selection=selection,
        max_pixels=max_pixels or MAX_PIXELS,
    )


def locate_photos(
    locator: Locator,
    photos: Sequence[Path],
    question: Question,
    outs: Sequence[Path],
    *,
    quota: float,
    as_json: bool,
    say: Callable[[str], None],
) -> None:
    """Locate the photos, write the outputs, and say the table or the JSON.

    Raises Interrupted (exit code 75) on SIGTERM or Ctrl-C once the journal is on disk.
    """
    gps_notes = _gps_notes(photos, question, as_json=as_json)
    facts = provenance(locator, question)
    num_heats = MOST_PHOTOS if _has_page(outs) else 0
    kept = "what was located so far is kept" if outs else "nothing is kept"
    hint = "The same command goes on." if outs else "--out keeps it."
    with ExitStack() as stack:
        if outs:
            path = outs[0].with_name(f".{outs[0].name}.journal.jsonl")
        else:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="georet-locate-"))
            path = Path(folder) / "journal.jsonl"
        journal = Journal(path, {**facts, "created": None, "files": num_heats})
        with StopRequest() as stop, stage(len(photos), "photos") as bar:
            locate_batch(
                locator,
                photos,
                question,
                journal,
                quota=quota,
                num_heats=num_heats,
                advance=lambda num: bar.advance(num),
                check=lambda: stop.check(kept, hint=hint),
            )
        for out in outs:
            if out.suffix.lower() == PAGE:
                write_page(out, journal, facts, locator.gallery)
            else:
                WRITERS[out.suffix.lower()](out, journal, facts)
        if as_json:
            echo_json(_as_json(journal, facts))
        else:
            notes = [*gps_notes, *_prior_notes(question, locator)]
            for line in _report(journal, locator, outs, notes):
                say(line)
        journal.remove()


def _has_page(outs: Sequence[Path]) -> bool:
    return any(out.suffix.lower() == PAGE for out in outs)


def _gps_notes(photos: Sequence[Path], question: Question, *, as_json: bool) -> list[str]:
    """Warn of photos without a usable position of their own, each with the reason; count them."""
    if question.gps_radius_m is None:
        return []
    found = {photo: own_position(photo) for photo in photos}
    without = {photo: one.reason for photo, one in found.items() if one.latlon is None}
    count = f"--use-gps: {len(photos) - len(without)} of {len(photos)} photos hold a position"
    if as_json:
        warn(count)
    if without:
        warn(f"warning: --use-gps: photos without a usable position: {in_groups(without)}")
    return [count]


def _prior_notes(question: Question, locator: Locator) -> list[str]:
    """Return what a user can't see of a prior: that it told nothing."""
    notes, prior, tiles = [], question.prior, locator.gallery.tiles
    if prior is not None:
        away_m = distance_m(np.asarray(prior.latlon), tiles.latlon)
        if (away_m - tiles.side_m).min() > _TELLS_NOTHING * prior.radius_m:
            notes.append(
                f"--near: the nearest tile is {metres(away_m.min())} away; it told nothing"
            )
    return notes


def _as_json(journal: Journal, facts: dict[str, Any]) -> str:
    with tempfile.TemporaryDirectory(prefix="georet-locate-") as folder:
        path = Path(folder) / "out.json"
        write_json(path, journal, facts)
        return path.read_text(encoding="utf-8").rstrip("\n")


def _report(
    journal: Journal, locator: Locator, outs: Sequence[Path], notes: Sequence[str]
) -> list[str]:
    """Return what the terminal shows after a batch."""
    lines = [summary(journal) if outs else table(journal)]
    lines += [
        f"unreadable: {one_line(bad['photo'])}: {bad['reason']}" for bad in unreadable(journal)
    ]
    if locator.calibration is None:
        lines.append(
            "No radii: the gallery is not calibrated. "
            f"georet gallery calibrate {locator.gallery.path} --queries FILE.csv"
        )
    return [*lines, *notes, *(f"wrote {out}" for out in outs)]
