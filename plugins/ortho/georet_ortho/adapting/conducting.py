"""The order of the work of georet adapt, and what it leaves behind."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.encoder import Encoder
from georet.errors import DataError, UsageError
from georet.facade import Gallery
from georet.files import write_atomic, write_json
from georet.gallery.files.additions import CALIBRATION
from georet.interrupt import StopRequest
from georet.locate.calibrating.calibrate import LEAST_QUERIES, calibrate
from georet.locks import only_writer
from georet.photos.known import KnownPhotos, open_queries
from georet.plugins import UNSAID, Selection
from georet.pretrained.making import run_folder
from georet.run_layout import CONFIG
from georet.sessions import SessionSpec
from georet.tiles.tiling import Tiling
from georet.train.ready import write_ready_run
from georet.types import REFERENCE
from georet_ortho.adapting.base import embedded, open_base
from georet_ortho.adapting.comparing import (
    Scores,
    Verdict,
    as_json,
    best_of,
    real_photos,
    scores,
    telemetry_queries,
    verdict_of,
)
from georet_ortho.adapting.job import (
    EVERYWHERE,
    HELD_OUT,
    Work,
    blocks_of,
    material_of,
    note_truth,
    open_area,
    photos_of,
    planned,
    trained,
    training_rows,
)
from georet_ortho.adapting.judging import TELEMETRY
from georet_ortho.adapting.report import page_of
from georet_ortho.adapting.settings import FOLDER, REPORT, RESULT, Settings
from georet_ortho.adapting.untrained import AS_IT_IS, Contender, on_maps, untrained
from georet_ortho.flights import Flights
from georet_ortho.making import Drawn

GALLERY: Final = "area.gallery"
LEAST_ROWS: Final = 64


@dataclass(frozen=True)
class Adapted:
    """What became of it: the verdict, the figures before and after, and where things are."""

    run_dir: Path
    verdict: Verdict
    values: Mapping[str, Any]


def adapt(
    settings: Settings,
    run_dir: Path,
    *,
    selection: Selection = UNSAID,
    say: Callable[[str], None] = lambda _: None,
) -> Adapted:
    """Make an encoder for the area and judge it; see ``georet adapt --help``.

    A killed call is gone on with by the same arguments. UsageError where the folder holds another
    run.
    """
    if (run_dir / CONFIG).exists():
        raise UsageError(
            "there is a run in this folder already",
            where=str(run_dir),
            hint="Choose another --out.",
        )
    settings = settings.begun(run_dir)
    Flights.named(settings.camera)
    known = None
    if settings.photos is not None:
        known = open_queries(settings.photos, selection=selection)
    area = open_area(settings, selection)
    base = open_base(run_folder(settings.encoder, selection=selection), settings.size, selection)
    folder = run_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with only_writer(folder, "georet adapt"), StopRequest() as stop:
        work = Work(settings, folder, base, area, blocks_of(settings, area), stop)
        settings = planned(settings, work)
        settings.save(run_dir)
        work = replace(work, settings=settings)
        say(f"{len(area.tiles)} tiles; {settings.pairs} photos to train on, rendered from the map")
        return _adapted(work, run_dir, known, selection, say)


def _adapted(
    work: Work,
    run_dir: Path,
    known: KnownPhotos | None,
    selection: Selection,
    say: Callable[[str], None],
) -> Adapted:
    train, sets = photos_of(work)
    note_truth(work, sets, train)
    trunk = work.base.fresh(work.settings.seed)
    before = {way.name: (way, scores(work, way, sets)) for way in untrained(work, trunk)}
    best = best_of({name: found for name, (_, found) in before.items()})
    say(f"before: recall@1 {_first(before[best][1]):.0f} % by telemetry ({best})")
    material = material_of(work, trunk, train)
    rows = training_rows(work, train)
    if len(rows) < LEAST_ROWS:
        raise DataError(
            f"only {len(rows)} photos keep clear of the ground held out",
            where=work.settings.source,
            hint="Hold out less, ask for more --pairs, or choose smaller tiles.",
        )
    ways = {
        name: _way(work, trunk, trained(work, material, chosen, name), name)
        for name, chosen in (("elsewhere", rows), ("all", np.arange(len(train))))
    }
    unseen = scores(work, ways["elsewhere"], {HELD_OUT: sets[HELD_OUT]})
    after = scores(work, ways["all"], sets)
    verdict = verdict_of(before[best][1], after, unseen)
    say(f"after: recall@1 {_first(after):.0f} % by telemetry; {verdict.why}")
    values: dict[str, Any] = {
        "helped": verdict.helped,
        "why": verdict.why,
        "settings": asdict(work.settings),
        "tiles": len(work.area.tiles),
        "pairs": len(train),
        "pairs_elsewhere": len(rows),
        "best_untrained": best,
        "untrained": {name: as_json(found) for name, (_, found) in before.items()},
        "adapted": as_json(after),
        "adapted_elsewhere": as_json(unseen),
    }
    if known is not None:
        found = {"before": before[best][0], "after": ways["all"]}
        values["real_photos"] = {
            name: real_photos(work, way, known).as_json() for name, way in found.items()
        }
    write_json(work.folder / RESULT, values)
    encoder = trained(work, material, np.arange(len(train)), "all") if verdict.helped else None
    pages = {"before": before[best][0], "after": ways["all"], "unseen": ways["elsewhere"]}
    write_atomic(work.folder / REPORT, page_of(work, values, pages, sets[HELD_OUT]))
    if work.settings.gallery:
        say("building the gallery")
        query = ways["all"] if verdict.helped else before[AS_IT_IS][0]
        _gallery(work, run_dir, encoder, query, sets, values, selection)
    _write_run(work, run_dir, encoder, values)
    write_json(run_dir / RESULT, values)
    shutil.copyfile(work.folder / REPORT, run_dir / REPORT)
    return Adapted(run_dir, verdict, values)


def _first(found: Scores) -> float:
    return found[EVERYWHERE][TELEMETRY].recall_1


def _way(work: Work, trunk: Encoder, encoder: Encoder, name: str) -> Contender:
    return on_maps(work, trunk, name, partial(embedded, encoder))


def _write_run(
    work: Work, run_dir: Path, encoder: Encoder | None, values: Mapping[str, Any]
) -> None:
    """Write the adapted encoder as a finished run, or the untrained one where that was better."""
    base = work.base
    about = {"adapted": {"helped": values["helped"], "why": values["why"], "report": REPORT}}
    if encoder is None:
        write_ready_run(run_dir, base.untrained, base.config, base.plugins, about)
    else:
        write_ready_run(run_dir, encoder, base.adapted_config, base.plugins, about)


def _gallery(
    work: Work,
    run_dir: Path,
    encoder: Encoder | None,
    query: Contender,
    sets: Mapping[str, list[Drawn]],
    values: dict[str, Any],
    selection: Selection,
) -> None:
    """Build the area's gallery beside the run, and fit its radii on new photos by telemetry."""
    settings, path = work.settings, run_dir / GALLERY
    staged = work.folder / "run"
    if not (staged / CONFIG).exists():
        _write_run(work, staged, encoder, values)
    spec = SessionSpec(staged, view=REFERENCE, selection=selection)
    tiling = Tiling(side_m=(settings.side_m,), overlap=settings.overlap, max_nodata=0.05)
    Gallery.build(settings.source, spec, path, tiling=tiling)
    gallery = Gallery.open(path)
    if settings.judged < LEAST_QUERIES:
        return
    embeddings, latlon = telemetry_queries(work, query, sets, [EVERYWHERE])
    about = f"{len(latlon)} photos rendered from the map, rectified by telemetry"
    calibration, _ = calibrate(gallery, embeddings.numpy(), latlon, about=about)
    gallery.save_addition(CALIBRATION, calibration.as_bytes())
    values["calibration"] = dict(calibration.held_out)
