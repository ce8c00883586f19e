"""The area's gallery, and radii that hold: fitted to photos on which nothing else was fitted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from georet.facade import Gallery
from georet.gallery.files.additions import CALIBRATION
from georet.gallery.files.headings import keep_headings
from georet.locate.calibrating.calibrate import LEAST_QUERIES, calibrate
from georet.sessions import SessionSpec
from georet.tiles.tiling import Tiling
from georet_ortho.adapting.comparing import places
from georet_ortho.adapting.images import TOLD, TURNS
from georet_ortho.adapting.job import Work
from georet_ortho.adapting.planning import num_calibrating
from georet_ortho.adapting.untrained import Contender
from georet_ortho.making import Drawn, Plan, draw

GALLERY: Final = "area.gallery"
_WIDTH: Final = 320
_TRIALS: Final = (0, 1)
"""Seeds of the halves on which the radii are tried: where tiles are many, each costs seconds."""


def calibrated_gallery(
    work: Work, spec: SessionSpec, path: Path, query: Contender, new: list[Drawn]
) -> Mapping[str, Any]:
    """Build the area's gallery by the encoder of ``spec``, and fit its radii by telemetry.

    They are fitted to the ``new`` photos that judged and to more of their kind, up to 400. Returns
    how the fit did on halves that it had not seen; nothing where there are too few photos.
    """
    settings = work.settings
    tiling = Tiling(side_m=(settings.side_m,), overlap=settings.overlap, max_nodata=0.05)
    Gallery.build(settings.source, spec, path, tiling=tiling)
    gallery = Gallery.open(path)
    # Photos by themselves have any way up; what was trained knows north up.
    keep_headings(gallery, TURNS)
    if settings.judged < LEAST_QUERIES:
        return {}
    number = num_calibrating(settings.judged)
    plan = Plan(
        "radii", number, settings.cameras(), settings.look, 1_000 * settings.seed + 6, _WIDTH
    )
    sets = [new, draw(work.area, plan)]
    embeddings = torch.cat([query.queries(work, photos, [TOLD])[TOLD] for photos in sets])
    latlon = np.concatenate([places(photos) for photos in sets])
    about = f"{len(latlon)} photos rendered from the map, rectified by telemetry"
    calibration, _ = calibrate(gallery, embeddings.numpy(), latlon, about=about, seeds=_TRIALS)
    gallery.save_addition(CALIBRATION, calibration.as_bytes())
    return dict(calibration.held_out)
