"""What ``georet gallery calibrate`` does: embed known photos, fit, keep, and tell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from georet.commands.refining import Refining, kept_answers
from georet.contracts.running import Session
from georet.contracts.searching import Reranker
from georet.gallery.encoders import open_encoder
from georet.gallery.pictures.originals import Originals
from georet.gallery.stored import StoredGallery
from georet.locate.calibrating.attempts import Trial as RefinerTrial
from georet.locate.calibrating.calibrate import NUM_SEEDS, Trial, calibrate
from georet.locate.calibrating.page import calibration_page
from georet.locate.calibration import Calibration, fitting_calibration, own_file
from georet.locate.field import Field
from georet.locate.refine import make_refiner
from georet.locate.rerank import Reranking, make_reranker
from georet.page.readable import metres, percent
from georet.photos.camera.cameras import Cameras, cameras_of
from georet.photos.camera.telling import check_told
from georet.photos.framing import Framing
from georet.photos.known import KnownPhotos, embed_readable, open_queries
from georet.plugins import Selection
from georet.progress import say, stage
from georet.types import QUERY, Floats, Ints


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
    rerank: str | None = None,
    refine: str | None = None,
    telemetry: Path | None = None,
) -> tuple[Calibration, Path]:
    """Fit a calibration on photos whose places are known, keep it and its report in the gallery.

    ``seeds`` None: those by default. Of the photos the share ``quota`` may be unreadable. The
    calibration with a re-ranker or a refiner (``NAME:key=value,...``) stands beside the one
    without. ``telemetry`` tells of the photos' cameras. What a refiner said is kept until the end:
    SIGTERM and Ctrl-C then raise Interrupted (exit code 75). The path is the report's.
    """
    cameras = cameras_of(telemetry=telemetry)
    refiner = None if refine is None else make_refiner(refine, selection)
    asked = None if rerank is None else make_reranker(rerank, selection)
    gallery, known = StoredGallery.open(folder), open_queries(queries, selection=selection)
    check_told(cameras.telemetry, known.paths)
    session = open_encoder(gallery, QUERY, source=encoder, backend=backend, selection=selection)
    embeddings, rows = embedded(known, session, gallery, cameras, quota)
    photos, latlon = [known.paths[row] for row in rows], known.latlon[rows]
    seeds = range(NUM_SEEDS) if seeds is None else seeds
    originals = Originals(gallery, selection)
    seat = None if asked is None else _Seat(asked, originals, photos, embeddings)
    reranked = None if seat is None else (seat.reranking.about, seat)
    num = (0 if seat is None else len(rows)) + len(seeds) + 1
    with ExitStack() as stack:
        stack.callback(originals.close)
        work = None
        if refiner is not None:
            trial = RefinerTrial(refiner, originals, photos, latlon, cameras)
            work = Refining(trial, kept_answers(trial, session, reranked and reranked[0]), stack)
        bar = stack.enter_context(stage(num + (work.num_lists if work else 0), "fits"))
        if seat is not None:
            seat.advance = bar.advance
        calibration, trials = calibrate(
            gallery,
            embeddings,
            latlon,
            about=known.about,
            precision=precision,
            seeds=seeds,
            advance=bar.advance if work is None else work.checking(bar.advance),
            reranked=reranked,
            tried=None if work is None else partial(work.attempts, bar.advance),
        )
        if seat is not None:
            seat.finish()
        page = _saved(gallery, calibration, trials)
        if work is not None:
            work.kept.remove()
        return calibration, page


def embedded(
    known: KnownPhotos, session: Session, gallery: StoredGallery, cameras: Cameras, quota: float
) -> tuple[Floats, Ints]:
    """Return the embeddings of the readable queries, turned and scaled, and their rows."""
    with stage(len(known.paths), "queries") as bar:
        framing = Framing.of_tiles(gallery.centres[1], session.identity)
        return embed_readable(
            known, session, framing=framing, cameras=cameras, quota=quota, advance=bar.advance
        )


def _saved(gallery: StoredGallery, calibration: Calibration, trials: Sequence[Trial]) -> Path:
    """Keep a calibration and its report in the gallery; return the report's path."""
    gallery.save_addition(own_file(calibration), calibration.as_bytes())
    page = calibration_page(calibration, trials, gallery.path.name)
    name = own_file(calibration, ".html")
    gallery.save_addition(name, page.encode("utf-8", errors="replace"))
    return gallery.path / name


class _Seat:
    """A re-ranker at work on queries whose places are known."""

    def __init__(
        self,
        asked: tuple[Reranker, int | None],
        originals: Originals,
        photos: Sequence[Path],
        embeddings: Floats,
    ) -> None:
        self.reranking = Reranking(asked[0], originals.gallery, originals, asked[1])
        self.photos, self.embeddings = photos, embeddings
        self.sharpness = fitting_calibration(originals.gallery, None, None)[1].sharpness
        self.advance: Callable[[int], None] = lambda _: None
        self.failures: list[str] = []
        self.wants: dict[str, None] = {}

    def __call__(self, query: int, field: Field) -> Field:
        """Return the query's field in the re-ranker's order."""
        found, said, note = self.reranking(
            field, self.photos[query], self.embeddings[query], self.sharpness
        )
        self.failures += [said.reason] if said.failed else []
        self.wants |= dict.fromkeys([note] if note else [])
        self.advance(1)
        return found

    def finish(self) -> None:
        """Let go of the imagery, and say what the re-ranker failed on."""
        self.reranking.originals.close()
        for line in self.notes():
            say(line)

    def notes(self) -> list[str]:
        """Return what the re-ranker failed on, and what it was not given."""
        name = self.reranking.about["id"]
        notes = [f"warning: {name}: {note}" for note in self.wants]
        if self.failures:
            num = f"{len(self.failures)} of {len(self.photos)} queries"
            notes.append(f"warning: {name} failed on {num}; the first: {self.failures[0]}")
        return notes


def in_words(calibration: Calibration) -> str:
    """Return what the terminal shows of a calibration."""
    held_out = calibration.held_out
    lines = [f"calibrated on {calibration.num_queries} queries: {calibration.queries}"]
    if calibration.reranker is not None:
        lines[0] += f", with the re-ranker {calibration.reranker['id']}"
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
    lines += _of_refiner(calibration)
    if calibration.threshold >= 1:
        lines.append(
            f"No confidence gives {percent(100 * calibration.precision)} right answers, so that "
            "every photo is marked as abstained: --precision asks for less, "
            "`georet locate --no-abstain` answers all the same."
        )
    return "\n".join(lines)


def _of_refiner(calibration: Calibration) -> list[str]:
    """Return what the terminal shows of a refiner: refused, wrong, radii, what chance reaches."""
    refining, held = calibration.refining, calibration.held_out.get("refined")
    if refining is None or held is None:
        return []
    shares = {key: _share(held[key]) for key in held if not key.endswith("_m")}
    error, small, large = (
        metres(held[f"median_{key}_m"] or 0.0)
        for key in ("error_refined", "radius_50_refined", "radius_90_refined")
    )
    told = (
        f"with the refiner {refining.about['id']}: {shares['refused']} refused, which keep "
        f"retrieval's answer; of the others {shares['wrong']} wrong, median error {error}"
    )
    floor = f"without its floor of {metres(refining.floor_m)}"
    inner = (
        f"  50 % radius held {shares['covered_refined_50']} of the refined ({floor} "
        f"{shares['inside_50']}), median {small}"
    )
    outer = (
        f"  90 % radius held {shares['covered_refined_90']} ({shares['inside_90']}), median {large}"
    )
    both = f"{shares['covered_50']} and {shares['covered_90']}"
    lines = [told, inner, outer, f"  of all answers they held {both}"]
    clear = [
        f"{by or 'any method'} {one.least:.3g}"
        for by, one in refining.methods.items()
        if one.least is not None
    ]
    lines.append(
        f"  wrong tiles: {refining.wrong_accepted} of {refining.num_wrong} accepted"
        + (f"; from now on the clearness must reach: {', '.join(clear)}" if clear else "")
    )
    return lines


def _share(value: Any) -> str:
    return "-" if value is None else percent(100 * value)
