"""``georet gallery calibrate --dry-run``: what it would do and take, a refiner included."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import numpy as np

from georet.commands.calibrating import embedded
from georet.commands.foreseeing import FEW, foresee_calibrating
from georet.gallery.encoders import open_encoder
from georet.gallery.pictures.originals import Originals
from georet.gallery.stored import StoredGallery
from georet.locate.calibrating.attempts import Trial, num_lists
from georet.locate.calibrating.calibrate import NUM_SEEDS
from georet.locate.calibrating.fitting import known_queries
from georet.locate.calibration import calibration_file
from georet.locate.layout import Layout
from georet.locate.refine import about, make_refiner
from georet.locate.rerank import Reranking, make_reranker
from georet.photos.camera.cameras import cameras_of
from georet.photos.camera.telling import check_told
from georet.photos.known import KnownPhotos, open_queries
from georet.plugins import Selection
from georet.types import QUERY, Floats

_ANY: Final = 0.99
_SOON_S: Final = 20.0


def foresee_fits(
    folder: Path,
    queries: str,
    *,
    encoder: Path | None,
    backend: str,
    seeds: Sequence[int] | None,
    selection: Selection,
    rerank: str | None = None,
    refine: str | None = None,
    telemetry: Path | None = None,
) -> None:
    """Print what ``calibrate_gallery`` would do and take."""
    cameras = cameras_of(telemetry=telemetry)
    refiner = None if refine is None else make_refiner(refine, selection)
    asked = None if rerank is None else make_reranker(rerank, selection)
    gallery = StoredGallery.open(folder)
    known = open_queries(queries, selection=selection)
    check_told(cameras.telemetry, known.paths)
    session = open_encoder(gallery, QUERY, source=encoder, backend=backend, selection=selection)
    num = NUM_SEEDS if seeds is None else len(seeds)
    with closing(Originals(gallery, selection)) as originals:
        reranker = None
        if asked is not None:
            reranker = Reranking(asked[0], gallery, originals, asked[1]).about
        told = None if refiner is None else about(refiner)
        names = [calibration_file(reranker, end, refiner=told) for end in (".json", ".html")]
        parts, more = dict[str, float](), ""
        if refiner is not None:
            at = np.unique(np.linspace(0, len(known.paths) - 1, FEW).round().astype(np.int64))
            few = KnownPhotos([known.paths[row] for row in at], known.latlon[at], known.about)
            # Whether too many can't be read is for the call itself to say.
            embeddings, rows = embedded(few, session, gallery, cameras, _ANY)
            photos, latlon = [few.paths[row] for row in rows], few.latlon[rows]
            trial = Trial(refiner, originals, photos, latlon, cameras)
            spent_s = _measured(trial, embeddings)
            near_s, far_s = np.mean(spent_s or [(0.0, 0.0)], axis=0).tolist()
            near, far = num_lists(len(known.paths))
            parts["refining"] = near * near_s + far * far_s
            more = f"{len(spent_s)} refined, {near_s:.2g} s each, on wrong tiles {far_s:.2g} s; "
        more += f"{'' if reranker is None else 're-ranking and '}fits not measured"
        foresee_calibrating(session, known, num, parts, more, [folder / name for name in names])


def _measured(trial: Trial, embeddings: Floats) -> list[tuple[float, float]]:
    """Return the seconds that a refiner takes on each photo's best tiles, and on tiles far off.

    Of so many photos as are soon done, one at least where there is one. What the first loads isn't
    counted.
    """
    gallery, spent_s = trial.originals.gallery, list[tuple[float, float]]()
    layout = Layout(*gallery.centres)
    fields = known_queries(embeddings, trial.latlon, gallery.rows, layout).fields
    for at, field in enumerate(fields[:1]):
        trial.near(at, field)
    for at, field in enumerate(fields):
        begun_s = time.perf_counter()
        trial.near(at, field)
        between_s = time.perf_counter()
        trial.far(at, field)
        spent_s.append((between_s - begun_s, time.perf_counter() - between_s))
        if sum(map(sum, spent_s)) > _SOON_S:
            break
    return spent_s
