"""What a gallery's indexes are asked: photos of known places, else queries made of its tiles."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from georet.errors import GeoretError
from georet.gallery.encoders import open_encoder
from georet.photos.known import KnownPhotos, embed_known, open_queries
from georet.plugins import UNSAID, Selection
from georet.run_layout import CONFIG
from georet.sessions import AUTO
from georet.types import QUERY, Floats, Ints

if TYPE_CHECKING:
    from georet.gallery.stored import StoredGallery

DISTURBED: Final = 0.7


def bench_queries(
    gallery: StoredGallery,
    text: str | None,
    num: int,
    *,
    encoder: Path | None = None,
    backend: str = AUTO,
    selection: Selection = UNSAID,
    advance: Callable[[int], None] = lambda _: None,
) -> tuple[Floats, str]:
    """Return at most ``num`` queries float32[Q, D], and where they come from.

    ``text`` names photos as for ``georet gallery calibrate``. Without it they are those that the
    run judges itself by, where ``encoder``, or else the encoder recorded in the gallery, is a run
    whose data is there; else made of the gallery's embeddings, and the text says why.
    """
    recorded = (gallery.manifest.get("encoder_source") or {}).get("source")
    run = encoder or (None if recorded is None else Path(recorded))
    if text is None and (run is None or not (run / CONFIG).is_file()):
        return made_up(gallery.embeddings, num), "made up: no run of the encoder is at hand"
    try:
        # First, since it checks whether the run that the gallery names is the one to believe.
        session = open_encoder(gallery, QUERY, source=encoder, backend=backend, selection=selection)
        with closing(session):
            known = open_queries(text or f"run:{run}", selection=selection)
            num = min(num, len(known.paths))
            rows = np.linspace(0, len(known.paths) - 1, num).astype(np.int64)
            some = KnownPhotos([known.paths[row] for row in rows], known.latlon[rows], known.about)
            return embed_known(some, session, advance=advance)[0], f"photos: {known.about}"
    except GeoretError as error:
        if text is not None:
            raise
        reason = f"made up, as the run's photos can't be read: {error}"
        return made_up(gallery.embeddings, num), reason


def made_up(embeddings: Floats, num: int, *, seed: int = 0) -> Floats:
    """Return queries float32[Q, D] of unit length: rows moved as far as another one lies off.

    Each is a row plus ``DISTURBED`` times the deviation of another row from the mean, so that they
    vary in the directions in which embeddings do. Photos lie further off than this.
    """
    rng = np.random.default_rng(seed)
    num_rows = len(embeddings)
    rows: Ints = rng.choice(num_rows, min(num, num_rows), replace=False)
    others = embeddings[rng.integers(0, num_rows, len(rows))] - embeddings.mean(axis=0)
    raw = embeddings[rows] + np.float32(DISTURBED) * others
    queries: Floats = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    return queries
