"""What ``georet locate`` does: check what can be checked, locate, write what was asked for."""

from __future__ import annotations

import json
import shlex
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.commands.foreseeing import foresee_locating
from georet.config import MAX_PIXELS
from georet.errors import UsageError
from georet.gallery.encoders import open_encoder
from georet.gallery.stored import StoredGallery
from georet.geodesy import distance_m
from georet.ground.lengths import length_m
from georet.ground.region import Region
from georet.interrupt import StopRequest
from georet.locate.calibration import own_calibration
from georet.locate.locator import Locator
from georet.locate.output.answers import Answers, unreadable
from georet.locate.output.batch import locate_batch
from georet.locate.output.choosing import Target, choose_outputs
from georet.locate.output.formats.geotags import Copies, copies_of, write_copies
from georet.locate.output.journal import Journal
from georet.locate.output.provenance import provenance
from georet.locate.output.table import summary, table
from georet.locate.output.writers import Json
from georet.locate.prior import parse_near
from georet.locate.question import Question
from georet.locate.refine import make_refiner
from georet.locate.rerank import make_reranker
from georet.page.readable import metres
from georet.photos.finding import in_groups
from georet.photos.gps import own_position
from georet.plugins import Selection, load_plugins
from georet.progress import echo_json, next_step, one_line, stage
from georet.progress import say as warn
from georet.sources.rasters.heights import Heights
from georet.types import QUERY

_TELLS_NOTHING: Final = 2
"""So many radii outside it, a prior leaves all tiles alike."""


def asked(
    *,
    region: str | None,
    near: str | None,
    gps_radius: str | None,
    use_gps: bool,
    **more: Any,
) -> Question:
    """Return the question that the options ask; UsageError for one that means nothing."""
    if gps_radius is not None and not use_gps:
        raise UsageError(
            "is given without --use-gps",
            where="--gps-radius",
            hint="Positions in EXIF are read with --use-gps only; --near names a place.",
        )
    return Question(
        region=None if region is None else Region.parse(region),
        prior=None if near is None else parse_near(near),
        gps_radius_m=None if gps_radius is None else length_m(gps_radius, where="--gps-radius"),
        **more,
    )


def check_outputs(
    outs: Sequence[Path], quota: float, formats: Sequence[str], selection: Selection
) -> list[Target]:
    """Return what writes the files; refuse before the work what can't be written after it.

    And a quota that is no share.
    """
    if not 0 <= quota < 1:
        raise UsageError(
            f"is {quota}", where="--bad-image-quota", hint="Give a share: 0.05 is 5 %."
        )
    if formats and not outs:
        raise UsageError("is given without --out", where="--format", hint="--out says where to.")
    return choose_outputs(outs, formats, load_plugins(selection).catalog) if outs else []


def open_locator(
    folder: Path,
    targets: Sequence[Target],
    *,
    index: str,
    rerank: str | None,
    refine: str | None,
    encoder: Path | None,
    backend: str,
    selection: Selection,
    max_pixels: int | None = None,
    dsm: Path | None = None,
) -> Locator:
    """Open a gallery, its encoder (or another), index, re-ranker and refiner.

    ``targets`` are what will be written; some need more than others. ``dsm`` is a raster of
    heights, for the refiner.
    """
    if dsm is not None and refine is None:
        raise UsageError("is for refiners", where="--dsm", hint="Add --refine sift.")
    heights = None if dsm is None else Heights(dsm).checked()
    refiner = None if refine is None else make_refiner(refine, selection)
    reranker, top = (None, None) if rerank is None else make_reranker(rerank, selection)
    gallery = StoredGallery.open(folder)
    session = open_encoder(gallery, QUERY, source=encoder, backend=backend, selection=selection)
    return Locator(
        gallery,
        session,
        index=index,
        reranker=reranker,
        rerank_top=top,
        refiner=refiner,
        with_heat=_num_heats(targets) > 0,
        selection=selection,
        max_pixels=max_pixels or MAX_PIXELS,
        heights=heights,
    )


@dataclass(frozen=True)
class Writing:
    """What becomes of located photos: files, geotagged copies in a folder, and what is said."""

    targets: Sequence[Target]
    copies: Path | None
    as_json: bool
    say: Callable[[str], None]
    is_dry: bool = False


def locate_photos(
    locator: Locator, photos: Sequence[Path], question: Question, writing: Writing, *, quota: float
) -> None:
    """Locate the photos, write the outputs, and say the table or the JSON.

    Raises Interrupted (exit code 75) on SIGTERM or Ctrl-C once the journal is on disk.
    """
    targets, as_json, say = writing.targets, writing.as_json, writing.say
    if writing.is_dry:
        copies_in = [] if writing.copies is None else [writing.copies]
        writes = [*(target.path for target in targets), *copies_in]
        foresee_locating(locator, photos, question, writes)
        return
    geotag_copies = writing.copies
    copies = None if geotag_copies is None else copies_of(photos, geotag_copies)
    gps_notes = _gps_notes(photos, question, as_json=as_json)
    facts = provenance(locator, question)
    num_heats, outs = _num_heats(targets), [target.path for target in targets]
    kept = "what was located so far is kept" if outs else "nothing is kept"
    hint = "The same command goes on." if outs else "--out keeps it."
    with ExitStack() as stack:
        stack.callback(locator.close)
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
        answers = Answers(journal, facts, locator.gallery)
        for target in targets:
            target.write(answers)
        tagged = [] if copies is None else _copied(answers, copies, geotag_copies)
        if as_json:
            for line in tagged:
                warn(line)
            echo_json(_as_json(answers))
        else:
            notes = [*gps_notes, *_prior_notes(question, locator), *tagged]
            for line in _report(journal, locator, outs, notes):
                say(line)
            if locator.calibration is not None:
                next_step("serve", locator.gallery.path)
        journal.remove()


def _num_heats(targets: Sequence[Target]) -> int:
    return max((target.num_heats for target in targets), default=0)


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


def _copied(answers: Answers, copies: Copies, folder: Path | None) -> list[str]:
    """Write the geotagged copies; return how many there are, and which photos have none."""
    said = dict(write_copies(answers, copies))
    without = {Path(photo): reason for photo, reason in said.items() if reason}
    lines = [f"geotagged copies of {len(said) - len(without)} photos in {folder}"]
    if without:
        lines.append(f"warning: without a geotagged copy: {in_groups(without)}")
    return lines


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


def _as_json(answers: Answers) -> str:
    with tempfile.TemporaryDirectory(prefix="georet-locate-") as folder:
        path = Path(folder) / "out.json"
        Json().write(path, answers)
        return path.read_text(encoding="utf-8").rstrip("\n")


def _uncalibrated(locator: Locator) -> str:
    """Return why there are no radii, and what to type."""
    folder = locator.gallery.path
    command = f"georet gallery calibrate {folder} --queries FILE.csv"
    if locator.reranking is None:
        return f"No radii: the gallery is not calibrated. {command}"
    about = locator.reranking.about
    without = own_calibration(locator.gallery)
    state = "calibrated without that re-ranker" if without else "not calibrated"
    options = {**about["options"], **({"top": about["top"]} if "top" in about else {})}
    values = ",".join(f"{key}={json.dumps(value)}" for key, value in options.items())
    named = f"{about['id']}:{values}" if values else about["id"]
    return f"No radii: the gallery is {state}. {command} --rerank {shlex.quote(named)}"


def _rerank_notes(journal: Journal, locator: Locator) -> list[str]:
    """Return how often a re-ranker changed something and failed, and what it was not given."""
    if locator.reranking is None:
        return []
    about, said = locator.reranking.about, [one["reranking"] for one in journal.records()]
    name, failed = about["id"], [one for one in said if one["failed"]]
    changed = sum(one["changed"] for one in said)
    notes = [f"{name} changed the order of {changed} of {len(said)}"]
    if failed:
        first = one_line(str(failed[0]["reason"]))
        notes.append(f"warning: {name} failed on {len(failed)} of {len(said)}; the first: {first}")
    notes += dict.fromkeys(f"warning: {name}: {one['note']}" for one in said if one["note"])
    fitted = None if locator.calibration is None else locator.calibration.reranker
    if fitted is not None and fitted["of"] != about["of"]:
        notes.append(f"warning: the calibration was fitted with {fitted['of']}, not {about['of']}")
    return notes


def _report(
    journal: Journal, locator: Locator, outs: Sequence[Path], notes: Sequence[str]
) -> list[str]:
    """Return what the terminal shows after a batch."""
    lines = [summary(journal) if outs else table(journal)]
    lines += [
        f"unreadable: {one_line(bad['photo'])}: {bad['reason']}" for bad in unreadable(journal)
    ]
    if locator.calibration is None:
        lines.append(_uncalibrated(locator))
    lines += _rerank_notes(journal, locator)
    return [*lines, *notes, *(f"wrote {out}" for out in outs)]
