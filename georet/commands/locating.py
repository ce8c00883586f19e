"""One call of ``georet locate``: check it, locate, write what was asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError, UsageError
from georet.facade import Gallery
from georet.geodesy import distance_m
from georet.ground.lengths import length_m
from georet.ground.region import Region
from georet.interrupt import StopRequest
from georet.locate.locator import Locator
from georet.locate.output.batch import Asked, locate_batch
from georet.locate.output.journal import Journal
from georet.locate.output.page import MOST_PHOTOS, write_page
from georet.locate.output.provenance import provenance
from georet.locate.output.table import summary, table
from georet.locate.output.writers import WRITERS, unreadable, write_json
from georet.locate.prior import parse_near
from georet.locate.rerank import make_reranker
from georet.page.readable import metres
from georet.photos.gps import exif_latlon
from georet.photos.photos import find_photos
from georet.progress import stage

PAGE: Final = ".html"
GPS_RADIUS: Final = "10km"
_TELLS_NOTHING: Final = 2
"""So many radii outside it, a prior leaves all tiles alike."""


@dataclass(frozen=True)
class Command:
    """What was typed; see ``georet locate --help``."""

    gallery: Path
    photos: Sequence[Path]
    k: int
    region: str | None
    near: str | None
    use_gps: bool
    gps_radius: str | None
    fuse: bool
    rerank: str | None
    index: str
    encoder: Path | None
    backend: str
    may_abstain: bool
    outs: Sequence[Path]
    quota: float
    plugins: Sequence[str] | None
    blocked: Sequence[str]
    as_json: bool


def run_command(command: Command, say: Callable[[str], None]) -> None:
    """Locate the photos, write the outputs, and say the table or the JSON.

    Raises Interrupted (exit code 75) on SIGTERM or Ctrl-C once the journal is on disk.
    """
    asked = _asked(command)
    _check_outs(command.outs)
    photos = find_photos(command.photos)
    locator = _locator(command)
    facts = provenance(locator, asked)
    with ExitStack() as stack:
        path = _journal_path(command.outs)
        if path is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="georet-locate-"))
            path = Path(folder) / "journal.jsonl"
        journal = Journal(path, {**facts, "created": None, "files": asked.num_heats})
        _locate(command, locator, photos, asked, journal)
        for out in command.outs:
            if out.suffix.lower() == PAGE:
                write_page(out, journal, facts, locator.gallery)
            else:
                WRITERS[out.suffix.lower()](out, journal, facts)
        _say(command, journal, facts, _prior_notes(photos, asked, locator), say)
        journal.remove()


def _locate(
    command: Command, locator: Locator, photos: Sequence[Path], asked: Asked, journal: Journal
) -> None:
    kept = "what was located so far is kept" if command.outs else "nothing is kept"
    hint = "The same command goes on." if command.outs else "--out keeps it."
    with StopRequest() as stop, stage(len(photos), "photos") as bar:
        locate_batch(
            locator,
            photos,
            asked,
            journal,
            quota=command.quota,
            advance=lambda num: bar.advance(num),
            check=lambda: stop.check(kept, hint=hint),
        )


def _prior_notes(photos: Sequence[Path], asked: Asked, locator: Locator) -> list[str]:
    """Return what a user can't see of priors: those that were not there, or told nothing."""
    notes, prior, tiles = [], asked.prior, locator.gallery.tiles
    if asked.gps_radius_m is not None:
        num = sum(exif_latlon(photo) is not None for photo in photos)
        notes.append(f"--use-gps: {num} of {len(photos)} photos hold a position")
    if prior is not None:
        away_m = distance_m(np.asarray(prior.latlon), tiles.latlon)
        if (away_m - tiles.side_m).min() > _TELLS_NOTHING * prior.radius_m:
            notes.append(
                f"--near: the nearest tile is {metres(away_m.min())} away; it told nothing"
            )
    return notes


def _say(
    command: Command,
    journal: Journal,
    facts: dict[str, Any],
    notes: Sequence[str],
    say: Callable[[str], None],
) -> None:
    if command.as_json:
        with tempfile.TemporaryDirectory(prefix="georet-locate-") as folder:
            path = Path(folder) / "out.json"
            write_json(path, journal, facts)
            say(path.read_text(encoding="utf-8").rstrip("\n"))
        return
    say(table(journal) if not command.outs else summary(journal))
    for bad in unreadable(journal):
        say(f"unreadable: {bad['photo']}: {bad['reason']}")
    if facts["calibration"] is None:
        say(
            "No radii: the gallery is not calibrated. "
            f"georet gallery calibrate {command.gallery} --queries FILE.csv"
        )
    for note in notes:
        say(note)
    for out in command.outs:
        say(f"wrote {out}")


def _asked(command: Command) -> Asked:
    if command.k < 1:
        raise UsageError(f"k is {command.k}", where="--k", hint="Ask for at least 1 candidate.")
    if not 0 <= command.quota < 1:
        raise UsageError(
            f"is {command.quota}", where="--bad-image-quota", hint="Give a share: 0.05 is 5 %."
        )
    has_page = any(out.suffix.lower() == PAGE for out in command.outs)
    return Asked(
        k=command.k,
        region=None if command.region is None else Region.parse(command.region),
        prior=None if command.near is None else parse_near(command.near),
        gps_radius_m=_gps_radius_m(command),
        fuse=command.fuse,
        may_abstain=command.may_abstain,
        num_heats=MOST_PHOTOS if has_page else 0,
    )


def _gps_radius_m(command: Command) -> float | None:
    if command.use_gps:
        return length_m(command.gps_radius or GPS_RADIUS, where="--gps-radius")
    if command.gps_radius is not None:
        raise UsageError(
            "is given without --use-gps",
            where="--gps-radius",
            hint="Positions in EXIF are read with --use-gps only; --near names a place.",
        )
    return None


def _locator(command: Command) -> Locator:
    gallery = Gallery.open(command.gallery)
    return Locator(
        gallery,
        gallery.session(
            source=command.encoder,
            backend=command.backend,
            plugins=command.plugins,
            blocked=command.blocked,
        ),
        index=command.index,
        reranker=None
        if command.rerank is None
        else make_reranker(command.rerank, command.plugins, command.blocked),
        with_heat=any(out.suffix.lower() == PAGE for out in command.outs),
        plugins=command.plugins,
    )


def _check_outs(outs: Sequence[Path]) -> None:
    """Refuse before the work what can't be written after it."""
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


def _journal_path(outs: Sequence[Path]) -> Path | None:
    return outs[0].with_name(f".{outs[0].name}.journal.jsonl") if outs else None
