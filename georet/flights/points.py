"""From a tracker's fixes to the points of a track: sources, ages, headings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from georet.contracts.refining import Refinement
from georet.contracts.tracking import Fix, Source
from georet.flights.films import Shot
from georet.tracks.points import TrackPoint


def points_of(
    shots: Sequence[Shot],
    fixes: Sequence[Fix],
    refined: Sequence[Refinement | None],
    problems: Sequence[str],
) -> list[TrackPoint]:
    """Return a point for each of T frames; a frame with a problem keeps it as its reason."""
    points: list[TrackPoint] = []
    anchor: int | None = None
    for at, (shot, fix) in enumerate(zip(shots, fixes, strict=True)):
        source = source_of(fix)
        if source == "matched":
            anchor = at
        points.append(point_of(shot, fix, refined[at], problems[at], shots, at, anchor))
    return points


def point_of(
    shot: Shot,
    fix: Fix,
    refined: Refinement | None,
    problem: str,
    shots: Sequence[Shot],
    at: int,
    anchor: int | None,
) -> TrackPoint:
    """Return the point of frame ``at``, whose last matched frame is ``anchor``."""
    found = refined if fix.is_refined and refined is not None else Refinement.refused("none")
    told = shot.facts
    heading = None if told.heading_deg is None else told.heading_deg.value
    height = None if told.height_m is None else told.height_m.value
    first = shots[0].second
    time = None if shot.second is None or first is None else shot.second - first
    age = None
    if anchor is not None and shot.second is not None:
        then = shots[anchor].second
        age = None if then is None else shot.second - then
    return TrackPoint(
        name=shot.name,
        latlon=fix.latlon,
        covariance_m2=fix.covariance_m2,
        source=source_of(fix),
        time_s=time,
        utc_s=_utc_s(shot),
        anchor_age_s=age,
        anchor_age_frames=None if anchor is None else at - anchor,
        heading_deg=heading if found.heading_deg is None else found.heading_deg % 360.0,
        height_m=height if found.height_m is None else found.height_m,
        is_refined=fix.is_refined,
        reason=problem or fix.reason,
    )


def source_of(fix: Fix) -> Source:
    """Return what a fix rests on; trackers that don't say it tell by their reason."""
    if fix.source is not None:
        return fix.source
    return "propagated" if fix.reason else "matched"


def _utc_s(shot: Shot) -> float | None:
    """Return when a photo was taken, where its clock says its zone; most don't."""
    try:
        taken = datetime.strptime(shot.facts.taken_at, "%Y:%m:%d %H:%M:%S%z")
    except ValueError:
        return None
    return taken.astimezone(UTC).timestamp()
