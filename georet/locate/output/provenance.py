"""What stands behind an answer: gallery, encoder, calibration, versions, and what was asked."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from typing import Any

import numpy as np

from georet.files import sha256_of
from georet.gallery.credits import credits_of
from georet.gallery.files.manifest import hash_of
from georet.locate.locator import Locator
from georet.locate.question import Question
from georet.locate.refine import about
from georet.version import __version__


def provenance(locator: Locator, question: Question) -> dict[str, Any]:
    """Return JSON values by which an answer can be checked and repeated.

    All but ``created`` depends on gallery, encoder, versions and the question alone.
    """
    gallery, calibration, reranking = locator.gallery, locator.calibration, locator.reranking
    refining = None if calibration is None else calibration.refining
    credits = credits_of(gallery.manifest)  # noqa: A001 - the field's word
    refiner = {} if locator.refiner is None else {"refiner": about(locator.refiner)}
    heights = locator.heights
    if heights is not None:
        refiner["dsm"] = {"name": heights.path.name, "sha256": sha256_of(heights.path)}
    return {
        "georet": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "gallery": {
            "name": gallery.path.resolve().name,
            "sha256": hash_of(gallery.manifest),
            "num_tiles": len(gallery.tiles),
            **({"credits": credits} if credits else {}),
            "encoder": gallery.encoder.as_json(),
        },
        "encoder": locator.session.identity.as_json(),
        "index": locator.index_name,
        "reranker": None if reranking is None else reranking.about["id"],
        **({} if reranking is None else {"reranked_by": reranking.about}),
        **refiner,
        "calibration": None
        if calibration is None
        else {
            "queries": calibration.queries,
            "num_queries": calibration.num_queries,
            "threshold": calibration.threshold,
            "precision": calibration.precision,
            **({} if calibration.reranker is None else {"reranker": dict(calibration.reranker)}),
            **({} if refining is None else {"refiner": dict(refining.about)}),
        },
        "asked": question.as_json(),
    }
