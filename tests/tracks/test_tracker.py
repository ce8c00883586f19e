"""The tracker ``grid``: a lost aircraft is found again, junk is survived, and live agrees."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from georet.contracts.refining import Refinement
from georet.contracts.tracking import Frame, LiveTracker
from georet.errors import ConfigError, DataError
from georet.geodesy import distance_m
from georet.testing import check_tracker
from georet.testing.tracker_check import flight
from georet.tracks.grid import Grid
from georet.tracks.tracker import GridTracker

FITTED = GridTracker(sharpness=30.0, stray=0.15)


def errors_m(fixes, truth):
    return distance_m(truth, np.array([fix.latlon for fix in fixes]))


def junk(frame, seed):
    """Return a frame that is sure of some other place."""
    order = np.random.default_rng(seed).permutation(len(frame.rows))
    return replace(frame, rows=frame.rows[order])


def test_the_tracker_keeps_the_contract():
    check_tracker(lambda: FITTED)
    assert isinstance(FITTED, LiveTracker)


def test_a_third_of_confident_junk_frames_is_survived():
    ground, frames, truth = flight()
    bad = [at for at in range(20) if at % 3 == 1]
    shown = [junk(f, at) if at in bad else f for at, f in enumerate(frames)]
    fixes = FITTED(ground, shown)
    assert errors_m(fixes, truth).max() < 25
    sources = [fixes[at].source for at in bad]
    assert sources.count("propagated") == len(bad)
    assert all(fixes[at].reason for at in bad)


def test_a_lost_aircraft_is_found_within_ten_frames():
    ground, frames, truth = flight()
    # As if it had been carried 380 m away without odometry noticing.
    shift = np.array([0.0, -0.005])
    rng = np.random.default_rng(0)
    ahead = []
    for frame, place in zip(frames, truth + shift, strict=True):
        scores = np.exp(-((distance_m(place, ground.latlon) / 50) ** 2)) + 0.05 * rng.normal(
            size=900
        )
        rows = np.argsort(-scores, kind="stable")[:400]
        ahead.append(replace(frame, rows=rows, scores=scores[rows].astype(np.float32)))
    live = FITTED.live(ground)
    for frame in frames:
        live(frame)
    found = [live(frame) for frame in ahead]
    away_m = errors_m(found, truth + shift)
    assert away_m[9:].max() < 50


def test_live_and_smoothed_agree_at_the_last_frame():
    ground, frames, _ = flight()
    live = FITTED.live(ground)
    last = [live(frame) for frame in frames][-1]
    assert distance_m(last.latlon, FITTED(ground, frames)[-1].latlon) < 1.0


def test_a_frame_that_is_asked_again_refined_counts_once():
    ground, frames, truth = flight()
    refined = Refinement(
        latlon=tuple(truth[5]), covariance_m2=np.eye(2) * 0.25, heading_deg=10.0, tile=0, inliers=50
    )
    once, twice = FITTED.live(ground), FITTED.live(ground)
    for frame in frames[:5]:
        once(frame)
        twice(frame)
    sharp = replace(frames[5], refined=refined)
    twice(frames[5])
    for frame in (sharp, *frames[6:]):
        one, other = once(frame), twice(frame)
        assert one.latlon == other.latlon
        np.testing.assert_array_equal(one.covariance_m2, other.covariance_m2)


def test_refined_frames_pull_their_neighbours_to_less_than_a_metre():
    ground, frames, truth = flight()
    shown = [
        replace(
            frame,
            refined=Refinement(
                latlon=tuple(truth[at]), covariance_m2=np.eye(2) * 0.04, tile=0, inliers=50
            ),
        )
        if at % 4 == 0
        else frame
        for at, frame in enumerate(frames)
    ]
    shown = [replace(f, moved_sigma_m=0.2) for f in shown]
    fixes = FITTED(ground, shown)
    assert errors_m(fixes, truth).max() < 1.0
    assert [fix.is_refined for fix in fixes] == [at % 4 == 0 for at in range(20)]


def test_a_refined_place_far_from_the_flight_is_not_believed():
    ground, frames, truth = flight()
    wrong = Refinement(
        latlon=tuple(truth[8] + 0.004), covariance_m2=np.eye(2) * 0.04, tile=0, inliers=15
    )
    shown = [replace(f, refined=wrong) if at == 8 else f for at, f in enumerate(frames)]
    fix = FITTED(ground, shown)[8]
    assert not fix.is_refined
    assert distance_m(truth[8], fix.latlon) < 25


def test_the_fitted_sharpness_follows_the_scale_of_the_scores():
    ground, frames, _ = flight()
    small = [replace(f, scores=(f.scores * 0.1).astype(np.float32)) for f in frames]
    one, other = (GridTracker().fitted(ground, given) for given in (frames, small))
    assert other.sharpness == pytest.approx(10 * one.sharpness, rel=0.01)
    assert other.stray == one.stray


def test_frames_without_any_score_are_dead_reckoned_in_the_end():
    ground, frames, _ = flight()
    blank = [
        Frame(
            rows=f.rows[:0],
            scores=f.scores[:0],
            moved_m=f.moved_m,
            moved_sigma_m=5.0 if at < 8 else 25.0,
        )
        for at, f in enumerate(frames)
    ]
    fixes = FITTED(ground, [*frames[:5], *blank[5:]])
    assert fixes[4].source == "matched"
    assert fixes[6].source == "propagated"
    assert fixes[-1].source == "dead-reckoned"
    assert fixes[-1].reason == "nothing is seen"


def test_tiles_all_over_the_earth_are_refused_with_the_option_that_helps():
    ground, frames, _ = flight()
    spread = replace(ground, latlon=np.random.default_rng(0).uniform(-80, 80, (900, 2)))
    with pytest.raises(DataError, match="more of the Earth"):
        FITTED(spread, frames)


def test_a_large_map_has_larger_cells():
    ground, _, _ = flight()
    grid = Grid.of(ground, most_cells=2000)
    assert grid.size <= 2100
    assert grid.cell_m > 15


@pytest.mark.parametrize("options", [{"stray": 1.5}, {"sharpness": -1.0}, {"cells": 3}])
def test_options_that_mean_nothing_are_refused(options):
    with pytest.raises(ConfigError):
        GridTracker(**options)
