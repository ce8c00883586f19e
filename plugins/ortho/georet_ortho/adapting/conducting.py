"""The order of the work of georet adapt, and what it leaves behind."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from georet.commands.foreseeing import foretell
from georet.encoder import Encoder
from georet.errors import UsageError
from georet.files import write_atomic, write_json
from georet.interrupt import StopRequest
from georet.locks import only_writer
from georet.photos.known import KnownPhotos, open_queries
from georet.plugins import UNSAID, Selection
from georet.pretrained.making import run_folder
from georet.progress import say
from georet.run_layout import CONFIG
from georet.sessions import SessionSpec
from georet.train.ready import write_ready_run
from georet.types import REFERENCE, Ints
from georet_ortho.adapting.base import embedded, open_base
from georet_ortho.adapting.comparing import (
    Scores,
    Verdict,
    as_json,
    best_of,
    real_photos,
    scores,
    verdict_of,
)
from georet_ortho.adapting.job import (
    EVERYWHERE,
    HELD_OUT,
    Work,
    blocks_of,
    elsewhere_of,
    material_of,
    note_truth,
    open_area,
    photos_of,
    read_head,
    trained,
)
from georet_ortho.adapting.judging import TELEMETRY
from georet_ortho.adapting.learning import Material
from georet_ortho.adapting.planning import planned
from georet_ortho.adapting.radii import GALLERY, calibrated_gallery
from georet_ortho.adapting.report import page_of
from georet_ortho.adapting.settings import FOLDER, REPORT, RESULT, Settings
from georet_ortho.adapting.spending import Spent
from georet_ortho.adapting.untrained import AS_IT_IS, Contender, on_maps, untrained
from georet_ortho.flights import PRESETS
from georet_ortho.making import Drawn
from georet_ortho.observed import flights_of, ground_m

_FITTING: Final = (0.6, 2.0)
"""Photos show ground of about a tile's side: as a share of it."""


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
    run, or anything else that adapt didn't write.
    """
    _check_folder(run_dir)
    settings = with_cameras(settings.begun(run_dir), say)
    known = None
    if settings.photos is not None:
        known = open_queries(settings.photos, selection=selection)
    area = open_area(settings, selection)
    base = open_base(run_folder(settings.encoder, selection=selection), settings.size, selection)
    folder = run_dir / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    with only_writer(folder, "georet adapt"), StopRequest() as stop:
        work = Work(settings, folder, base, area, blocks_of(settings, area), stop)
        settings, plan = planned(settings, base, len(area.tiles), area.tile_px)
        settings.save(run_dir)
        work = replace(work, settings=settings)
        say(
            f"{len(area.tiles)} tiles; {settings.pairs} photos to train on, rendered from "
            f"{settings.photos_from or 'the map'}; "
            f"about {sum(plan.values()) / 60:.1f} minutes of one core"
        )
        return _adapted(work, run_dir, plan, known, selection, say)


def foresee(settings: Settings, run_dir: Path, *, selection: Selection = UNSAID) -> None:
    """Print what ``adapt`` would do and how long about that takes; write nothing."""
    _check_folder(run_dir)
    settings = with_cameras(settings, say)
    area = open_area(settings, selection)
    base = open_base(run_folder(settings.encoder, selection=selection), settings.size, selection)
    settings, plan = planned(settings, base, len(area.tiles), area.tile_px)
    facts = {
        "tiles": f"{len(area.tiles):,} of {settings.side_m:g} m",
        "photos": f"{settings.pairs:,} to train on, {settings.judged:,} in each set that judges",
    }
    writes = [run_dir, *([run_dir / GALLERY] if settings.gallery else [])]
    foretell(facts, plan, "by counted operations of one core", writes=writes)


def _check_folder(run_dir: Path) -> None:
    if (run_dir / CONFIG).exists():
        raise UsageError(
            "there is a run in this folder already",
            where=str(run_dir),
            hint="Choose another --out.",
        )
    if run_dir.exists() and not run_dir.is_dir():
        raise UsageError("is a file", where=str(run_dir), hint="Choose another --out.")
    if not run_dir.exists() or (run_dir / FOLDER).exists():
        return
    for other in sorted(run_dir.iterdir()):
        raise UsageError(
            f"holds other things, such as {other.name}",
            where=str(run_dir),
            hint="Choose a folder that is empty or does not exist yet.",
        )


def with_cameras(settings: Settings, say: Callable[[str], None]) -> Settings:
    """Return the settings with the cameras that photos tell of, where ``camera`` is no preset."""
    if settings.flights is None and settings.camera not in PRESETS:
        photos = Path(settings.camera)
        if photos.exists():
            log = None if settings.telemetry is None else Path(settings.telemetry)
            settings = replace(settings, flights=asdict(flights_of([photos], log)))
    found = settings.cameras()
    shown_m = ground_m(found)
    if shown_m is not None and not _FITTING[0] < shown_m / settings.side_m < _FITTING[1]:
        say(
            f"photos of this camera show about {shown_m:.3g} m of ground, tiles {settings.side_m:g}"
            f" m: try --side {round(shown_m, 1 - int(math.log10(shown_m))):g}m"
        )
    return settings


def _adapted(
    work: Work,
    run_dir: Path,
    plan: Mapping[str, float],
    known: KnownPhotos | None,
    selection: Selection,
    say: Callable[[str], None],
) -> Adapted:
    spent = Spent.begun(work.folder)
    with spent.part("judging before"):
        train, sets = photos_of(work)
        clear, more = elsewhere_of(work, train)
        note_truth(work, [train, more, *sets.values()])
        trunk = work.base.mapper()
        untaught = {way.name: way for way in untrained(work, trunk)}
        before = {name: scores(work, way, sets) for name, way in untaught.items()}
        best = best_of(before)
    say(f"before: recall@1 {_first(before[best]):.0f} % by telemetry ({best})")
    with spent.part("training"):
        ways = _trained(work, trunk, train, clear, more)
    with spent.part("judging after"):
        unseen = scores(work, ways["elsewhere"], {HELD_OUT: sets[HELD_OUT]})
        after = scores(work, ways["all"], sets)
        verdict = verdict_of(before[best], after, unseen)
    say(f"after: recall@1 {_first(after):.0f} % by telemetry; {verdict.why}")
    values: dict[str, Any] = {
        "helped": verdict.helped,
        "why": verdict.why,
        "settings": asdict(work.settings),
        "planned_s": dict(plan),
        "tiles": len(work.area.tiles),
        "pairs": len(train),
        "pairs_elsewhere": len(clear) + len(more),
        "best_untrained": best,
        "untrained": {name: as_json(found) for name, found in before.items()},
        "adapted": as_json(after),
        "adapted_elsewhere": as_json(unseen),
    }
    pages = {"before": untaught[best], "after": ways["all"], "unseen": ways["elsewhere"]}
    encoder = read_head(work, "all") if verdict.helped else None
    if known is not None:
        with spent.part("real photos"):
            found = {name: real_photos(work, pages[name], known) for name in ("before", "after")}
            values["real_photos"] = {name: score.as_json() for name, score in found.items()}
    if work.settings.gallery:
        say("building the gallery")
        query = ways["all"] if verdict.helped else untaught[AS_IT_IS]
        with spent.part("gallery and radii"):
            spec = _staged(work, encoder, values, selection)
            path, new = run_dir / GALLERY, sets[EVERYWHERE]
            values["calibration"] = calibrated_gallery(work, spec, path, query, new)
    with spent.part("report"):
        page = page_of(work, values | spent.as_json(), pages, sets)
    values |= spent.as_json()
    write_json(run_dir / RESULT, values)
    write_atomic(run_dir / REPORT, page)
    _write_run(work, run_dir, encoder, values)
    return Adapted(run_dir, verdict, values)


def _first(found: Scores) -> float:
    return found[EVERYWHERE][TELEMETRY].recall_1


def _trained(
    work: Work, trunk: Encoder, train: list[Drawn], clear: Ints, more: list[Drawn]
) -> dict[str, Contender]:
    """Return what was trained on the whole area, and on what is clear of the ground held out."""

    def whole() -> Material:
        return material_of(work, trunk, train)

    def elsewhere() -> Material:
        found = whole().take(clear)
        return found.joined(material_of(work, trunk, more)) if more else found

    return {
        name: _way(work, trunk, trained(work, material, name), name)
        for name, material in (("elsewhere", elsewhere), ("all", whole))
    }


def _way(work: Work, trunk: Encoder, encoder: Encoder, name: str) -> Contender:
    return on_maps(work, trunk, name, partial(embedded, encoder))


def _staged(
    work: Work, encoder: Encoder | None, values: Mapping[str, Any], selection: Selection
) -> SessionSpec:
    """Return the run as it will be, in a folder of its own: the gallery is built before it."""
    folder = work.folder / "run"
    if not (folder / CONFIG).exists():
        _write_run(work, folder, encoder, values)
    return SessionSpec(folder, view=REFERENCE, selection=selection)


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
