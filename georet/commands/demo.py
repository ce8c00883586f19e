"""The demo: a run's world gallery, made when it is missing, with photos of places held out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import yaml

from georet.commands.samples import choose_samples
from georet.contracts.running import Session
from georet.errors import DataError, UsageError
from georet.facade import Gallery
from georet.gallery.files.additions import CALIBRATION
from georet.locate import Locator
from georet.locate.calibrating.calibrate import LEAST_QUERIES, calibrate
from georet.locate.calibration import own_calibration
from georet.photos.known import KnownPhotos, embed_known
from georet.run_layout import CONFIG
from georet.serve.site import Site
from georet.sessions import SessionSpec
from georet.types import REFERENCE, EvaluationSet, ImageTable

DATASET: Final = "orbitview"
SET: Final = "cross-world"
FOLDER: Final = "galleries"
NUM_CALIBRATING: Final = 400

Say = Callable[[str], None]


def newest_run(runs_dir: Path) -> Path | None:
    """Return the run below a folder that was trained on OrbitView and saved last, or None."""
    saved = [path for path in runs_dir.glob("*/checkpoints/last.json") if _is_orbitview(path)]
    newest = max(saved, key=lambda path: path.stat().st_mtime, default=None)
    return None if newest is None else newest.parents[1]


def demo_site(run_dir: Path, say: Say) -> Site:
    """Return the site of a run's world gallery; ``say`` is told what takes long.

    The gallery is kept below the run, under the hash of the weights, and calibrated with held-out
    photos that are not among the samples.
    """
    name, data = _evaluation(run_dir)
    gallery = _gallery(run_dir, name, say)
    session = gallery.session(source=run_dir)
    samples, others = choose_samples(data.queries)
    if own_calibration(gallery) is None:
        _calibrate(gallery, session, data.queries.take(others), say)
    return Site(
        gallery,
        Locator(gallery, session),
        name=f"{run_dir.resolve().name}/world",
        encoder=session.identity,
        samples=samples,
    )


def _is_orbitview(last: Path) -> bool:
    try:
        values: Any = yaml.safe_load((last.parents[1] / CONFIG).read_text(encoding="utf-8"))
        name = str(values["dataset"]["name"])
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError):
        return False
    return name.rpartition(":")[2] == DATASET


def _evaluation(run_dir: Path) -> tuple[str, EvaluationSet]:
    from georet.train.run import check_run, reconfigure
    from georet.train.setup import evaluations_of, make_dataset

    config, plugins = reconfigure(check_run(run_dir))
    sets = evaluations_of(make_dataset(config, plugins, run_dir), plugins)
    if SET not in sets:
        raise UsageError(
            f"was trained on {config.dataset.name}, the demo needs one trained on {DATASET}",
            where=str(run_dir),
            hint="`georet gallery build` and `georet serve` show any other run's gallery.",
        )
    return SET, sets[SET]


def _gallery(run_dir: Path, name: str, say: Say) -> Gallery:
    """Return the world gallery, built now unless the same weights built it before."""
    spec = SessionSpec(run_dir, view=REFERENCE)
    session = spec.open()
    path = run_dir / FOLDER / f"world-{session.identity.weights_sha256[:12]}.gallery"
    session.close()
    if not (path / "gallery.json").is_file():
        say(f"building {path}, once: about half a minute on two cores")
        try:
            path.parent.mkdir(exist_ok=True)
        except OSError as error:
            where = str(path.parent)
            raise DataError(f"can't be made: {error.strerror}", where=where) from error
        return Gallery.build(f"run:{run_dir}:{name}", spec, path)
    return Gallery.open(path)


def _calibrate(gallery: Gallery, session: Session, photos: ImageTable, say: Say) -> None:
    if photos.latlon is None or len(photos) < LEAST_QUERIES:
        return
    drawn = np.random.default_rng(1).permutation(len(photos))[:NUM_CALIBRATING]
    photos = photos.take(np.sort(drawn))
    say(f"calibrating with {len(photos)} held-out photos")
    about = f"{len(photos)} photos of {SET}"
    known = KnownPhotos(photos.paths, np.asarray(photos.latlon), about)
    embeddings, latlon = embed_known(known, session)
    found, _ = calibrate(gallery, embeddings, latlon, about=about, seeds=())
    gallery.save_addition(CALIBRATION, found.as_bytes())
