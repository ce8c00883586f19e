"""Located photos as plain JSON values: the one schema from which every output is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from georet.locate.results import Candidate, Location

SCHEMA: Final = 1
"""Rises when a key is removed or changes its meaning; new keys may come."""
PLACE: Final = (
    "photo",
    "latitude",
    "longitude",
    "radius_50_m",
    "radius_90_m",
    "confidence",
    "abstained",
    "reach_m",
)
"""The keys of a record that say where the photo was taken."""
REFINED: Final = (
    "method",
    "heading_deg",
    "covariance_m2",
    "camera",
    "height_m",
    "tile",
    "inliers",
    "reason",
    "note",
)
"""The keys of a record that say how a refiner placed the photo; there where one was asked."""
KNOWN: Final = ("heading_deg", "tilt_deg", "roll_deg", "height_m", "fov_deg")
"""What ``known`` says of the camera, as told by photo, telemetry or user; angles with a sigma."""
_SHARE_90: Final = 4.605
"""Of a normal distribution in the plane 90 % lie within the square root of this, in deviations."""

Record = dict[str, Any]


def record_of(location: Location, hashes: list[str | None]) -> Record:
    """Return a location as JSON values; ``hashes`` are the SHA-256 of its photos' files.

    Degrees are rounded to 1e-7 (a centimetre), metres to 0.1, radii below 10 m to 0.01.
    """
    latitude, longitude = location.latlon
    values = (
        as_text(location.photo),
        round(latitude, 7),
        round(longitude, 7),
        _radius(location.radius_50_m),
        _radius(location.radius_90_m),
        None if location.confidence is None else round(location.confidence, 4),
        location.abstained,
        _metres(location.reach_m),
    )
    return {
        **dict(zip(PLACE, values, strict=True)),
        **({"view": location.view} if location.view else {}),
        **_refined(location),
        **_reranked(location),
        **_camera(location),
        "photo_sha256": hashes,
        "candidates": [_candidate(at, one) for at, one in enumerate(location.candidates, 1)],
    }


def as_text(name: str) -> str:
    """Return a file's name as text that every format takes: bytes that are none are escaped."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def accuracy_m(record: Mapping[str, Any]) -> float:
    """Return how many metres the place is good for: its 90 % radius, or the best tile's side.

    Of a refined place the longer half axis of the ellipse that holds it nine times in ten.
    """
    if record.get("covariance_m2") is not None:
        return float(np.sqrt(_SHARE_90 * np.linalg.eigvalsh(record["covariance_m2"])[1]))
    radius, best = record["radius_90_m"], record["candidates"][0]
    return float(best["side_m"] if radius is None else radius)


def _camera(location: Location) -> Record:
    """Return what was known of the camera and the ground in the photo's corners, if anything is."""
    told = {} if location.camera is None else vars(location.camera)
    known: Record = {}
    for name in KNOWN:
        if told.get(name) is not None:
            known[name] = round(told[name], 3)
            sigma = name.replace("_deg", "_sigma_deg")
            known |= {sigma: round(told[sigma], 3)} if sigma != name and sigma in told else {}
    corners = location.footprint_latlon
    places = [] if corners is None else [[round(lat, 7), round(lon, 7)] for lat, lon in corners]
    return {**({"known": known} if known else {}), **({"footprint": places} if places else {})}


def _reranked(location: Location) -> Record:
    """Return what a re-ranker did, as JSON values; nothing where none was asked."""
    found = location.reordering
    if found is None:
        return {}
    said = {"changed": found.is_changed, "failed": found.failed}
    texts = {"reason": found.reason, "note": location.rerank_note}
    return {"reranking": said | {name: as_text(text) or None for name, text in texts.items()}}


def _refined(location: Location) -> Record:
    """Return what a refiner said, as JSON values; nothing where none was asked."""
    found = location.refinement
    if found is None:
        return {}
    spread = found.covariance_m2 if found.is_accepted else None
    camera = found.camera_latlon if found.is_accepted else None
    heading = found.heading_deg if found.is_accepted else None
    values = (
        "refined" if found.is_accepted else "retrieved",
        None if heading is None else round(heading % 360, 3) % 360,
        None if spread is None else [[float(v) for v in row] for row in spread],
        None if camera is None else [round(camera[0], 7), round(camera[1], 7)],
        _metres(found.height_m) if found.is_accepted else None,
        as_text(location.refined_tile) or None,
        found.inliers,
        as_text(found.reason) or None,
        as_text(location.note) or None,
    )
    return dict(zip(REFINED, values, strict=True))


def _candidate(rank: int, candidate: Candidate) -> Record:
    score = candidate.rerank_score
    own = None if score is None or not np.isfinite(score) else round(score, 6)
    return {
        "rank": rank,
        "id": candidate.id,
        "row": candidate.row,
        "latitude": round(candidate.latlon[0], 7),
        "longitude": round(candidate.latlon[1], 7),
        "score": round(candidate.score, 6),
        "belief": round(candidate.belief, 6),
        "side_m": _metres(candidate.side_m),
        **({} if own is None else {"rerank_score": own}),
        "corners": [[round(value, 7) for value in corner] for corner in candidate.corners_latlon],
    }


def _radius(value: float | None) -> float | None:
    return value if value is None else round(value, 1 if value >= 10 else 2)


def _metres(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
