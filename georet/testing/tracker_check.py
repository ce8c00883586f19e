"""The check for trackers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from georet.contracts.refining import Camera
from georet.contracts.tracking import Fix, Frame, Ground, Tracker
from georet.geodesy import EARTH_RADIUS_M, distance_m
from georet.ground.wgs84 import square_corners
from georet.testing.expect import expect
from georet.types import Doubles

STEP_M, SIDE_M, NUM_FRAMES = 25.0, 50.0, 20


def check_tracker(make: Callable[[], Tracker], *, within_m: float = 60.0) -> None:
    """Raise AssertionError unless the trackers that ``make`` returns keep the contract.

    Checked on a made-up flight of 20 frames over 30 x 30 tiles of 50 m, half of them overlapping,
    with odometry and headings, and without: a ``Fix`` comes back for each frame; the median lies
    ``within_m`` of the truth. Then with scores that say nothing, with one tile a frame, with one
    frame and with none. The same frames have the same answer, asked of another instance too, and
    nothing given is changed.
    """
    tracker, (ground, frames, truth) = make(), flight()
    blind = [Frame(rows=f.rows, scores=f.scores, time_s=f.time_s) for f in frames]
    bare = Ground(ground.latlon, ground.side_m, ground.sharpness)
    for what, given in {"with odometry": frames, "without odometry": blind}.items():
        before = [frame.scores.tobytes() for frame in given], ground.latlon.tobytes()
        found = answer(tracker, ground, given)
        away_m = distance_m(truth, np.array([fix.latlon for fix in found]))
        expect(
            float(np.median(away_m)) <= within_m,
            f"{what}: the median error is {np.median(away_m):.0f} m, wanted {within_m:g} m",
            "Frames come in order; rows say which tile a score is of",
        )
        after = [frame.scores.tobytes() for frame in given], ground.latlon.tobytes()
        expect(after == before, "the tracker changes what it is given", "Work on copies")
        for again in (answer(tracker, ground, given), answer(make(), ground, given)):
            expect(
                [_said(fix) for fix in again] == [_said(fix) for fix in found],
                "asked twice, the answers differ",
                "Seed what draws at random by a constant, and keep nothing between calls",
            )
    flat = [Frame(rows=f.rows, scores=np.zeros_like(f.scores)) for f in frames]
    few = [Frame(rows=f.rows[:1], scores=f.scores[:1]) for f in frames]
    for given in (flat, few, frames[:1], []):
        answer(tracker, ground, given)
    answer(tracker, bare, blind)


def answer(tracker: Tracker, ground: Ground, frames: Sequence[Frame]) -> list[Fix]:
    """Return a tracker's fixes, of which there must be one a frame."""
    found: Any = list(tracker(ground, frames))
    strange = [type(fix).__name__ for fix in found if not isinstance(fix, Fix)]
    expect(
        len(found) == len(frames) and not strange,
        f"{len(frames)} frames gave {len(found)} fixes{' and a ' if strange else ''}"
        f"{strange[0] if strange else ''}",
        "Return a georet.contracts.tracking.Fix for each frame, in order",
    )
    return list(found)


def flight() -> tuple[Ground, list[Frame], Doubles]:
    """Return 900 tiles, 20 frames of a flight over them, and their places float64[20, 2]."""
    rng = np.random.default_rng(7)
    # Degrees a metre, north and east, where the flight is.
    scale = np.degrees(1 / EARTH_RADIUS_M) / np.array([1.0, np.cos(np.radians(47.0))])
    grid = np.stack(np.meshgrid(np.arange(30.0), np.arange(30.0)), axis=-1).reshape(-1, 2)
    centres = np.array([47.0, 8.0]) + grid[:, ::-1] * STEP_M * scale
    side_m = np.full(900, SIDE_M)
    corners = square_corners(centres, side_m)
    ground = Ground(centres, side_m, sharpness=20.0, corners_latlon=corners)
    heading = np.cumsum(rng.normal(0, 0.2, NUM_FRAMES)) + 0.7
    moved = 12 * np.stack([np.sin(heading), np.cos(heading)], axis=-1)
    truth = centres[200] + np.cumsum(moved, axis=0)[:, ::-1] * scale
    frames = []
    for number, place in enumerate(truth):
        away_m = distance_m(place, centres)
        scores = np.exp(-((away_m / SIDE_M) ** 2)) + 0.05 * rng.normal(size=900)
        rows = np.argsort(-scores, kind="stable")[:400]
        frames.append(
            Frame(
                rows=rows.astype(np.int64),
                scores=scores[rows].astype(np.float32),
                time_s=float(number),
                moved_m=None if not number else (float(moved[number, 0]), float(moved[number, 1])),
                moved_sigma_m=2.0,
                camera=Camera(heading_deg=float(np.degrees(heading[number])) % 360, height_m=80.0),
            )
        )
    return ground, frames, truth


def _said(fix: Fix) -> tuple[Any, ...]:
    return fix.latlon, np.asarray(fix.covariance_m2).tolist(), fix.reason
