"""The filter over the map: no mass is lost, left is as good as right, and drift is recovered."""

from __future__ import annotations

import numpy as np
import pytest

from georet.tracks.anchors import Moved, anchored
from georet.tracks.filtering import Forward, Motion, Step, log_evidence, smoothed
from georet.tracks.motion import moved, taps_of
from georet.tracks.places import Spot

SHAPE = (40, 50)


def middle_of(belief):
    rows, columns = np.mgrid[: belief.shape[-2], : belief.shape[-1]]
    flat = belief.reshape(-1, *belief.shape[-2:]).sum(axis=0)
    return np.array([(flat * columns).sum(), (flat * rows).sum()]) / flat.sum()


@pytest.mark.parametrize("distance", [-3.7, -0.5, 0.0, 0.25, 8.9])
@pytest.mark.parametrize("variance", [0.3, 0.9, 4.0, 90.0])
def test_taps_move_by_what_was_asked_and_spread_by_it(distance, variance):
    whole, taps = taps_of(distance, variance)
    at = whole + np.arange(len(taps)) - len(taps) // 2
    assert taps.sum() == pytest.approx(1)
    assert (taps >= 0).all()
    assert (taps * at).sum() == pytest.approx(distance)
    spread = (taps * (at - distance) ** 2).sum()
    assert spread == pytest.approx(variance, rel=0.01) or variance < 0.25 + 1e-9


def test_a_belief_keeps_its_mass_wherever_it_is_moved():
    rng = np.random.default_rng(0)
    forward = Forward(Motion(), SHAPE)
    forward.tell(None, rng.random(SHAPE) ** 8)
    for _ in range(60):
        step = Step((rng.normal(0, 12), rng.normal(0, 12)), rng.uniform(0.5, 30))
        forward.tell(step, rng.random(SHAPE))
        assert forward.foretold.sum() == pytest.approx(1, abs=1e-12)
        assert forward.belief.sum() == pytest.approx(1, abs=1e-12)
        assert (forward.belief >= 0).all()


@pytest.mark.parametrize("turns", [(0.0,), (0.0, 2.0, 4.0)])
def test_backward_is_the_transpose_of_forward(turns):
    rng = np.random.default_rng(1)
    belief, values = rng.random((2, len(turns), *SHAPE))
    motion, step = Motion(turns), Step((3.3, -7.6), 2.2)
    there = (motion.forward(belief, step) * values).sum()
    back = (belief * motion.backward(values, step)).sum()
    assert there == pytest.approx(back, rel=1e-12)


def test_a_mirrored_flight_has_a_mirrored_belief():
    rng = np.random.default_rng(2)
    shown = [rng.random(SHAPE) ** 4 for _ in range(12)]
    steps = [None, *(Step((rng.normal(0, 4), rng.normal(0, 4)), 1.5) for _ in shown[1:])]
    flipped = [step and Step((-step.cells[0], step.cells[1]), step.sigma) for step in steps]
    one = list(smoothed(Motion(), SHAPE, steps, lambda t: shown[t]))
    other = list(smoothed(Motion(), SHAPE, flipped, lambda t: shown[t][:, ::-1].copy()))
    for here, there in zip(one, other, strict=True):
        np.testing.assert_allclose(here.belief, there.belief[:, ::-1], atol=1e-14)


def test_exact_odometry_carries_a_place_through_forty_blank_frames():
    start, cells = (8, 6), (0.7, 0.55)
    shown = np.full(SHAPE, 1e-6)
    shown[start[1], start[0]] = 1.0
    forward = Forward(Motion(lost=1e-9), SHAPE)
    forward.tell(None, shown)
    for _ in range(40):
        forward.tell(Step(cells, 0.5), np.ones(SHAPE))
    expected = np.array(start) + 40 * np.array(cells)
    assert np.linalg.norm(middle_of(forward.belief) - expected) < 0.5


def test_a_flight_that_is_split_to_save_memory_has_the_same_beliefs(monkeypatch):
    rng = np.random.default_rng(3)
    shown = [rng.random(SHAPE) ** 3 for _ in range(11)]
    steps = [None, *(Step((1.0, 0.4), 1.0) for _ in shown[1:])]
    whole = list(smoothed(Motion(), SHAPE, steps, lambda t: shown[t]))
    monkeypatch.setattr("georet.tracks.filtering.KEPT_BYTES", 0)
    split = list(smoothed(Motion(), SHAPE, steps, lambda t: shown[t]))
    for one, other in zip(whole, split, strict=True):
        assert one.number == other.number
        np.testing.assert_array_equal(one.belief, other.belief)


def test_smoothing_knows_more_than_going_forward_alone():
    shown = [np.ones(SHAPE) for _ in range(9)]
    shown[8] = np.full(SHAPE, 1e-4)
    shown[8][20, 30] = 1.0
    steps = [None, *(Step((2.0, 0.0), 0.7) for _ in shown[1:])]
    first = list(smoothed(Motion(), SHAPE, steps, lambda t: shown[t]))[-1]
    assert first.number == 0
    peak = np.unravel_index(first.belief.argmax(), SHAPE)
    assert peak == (20, 14)


def test_frames_that_agree_with_the_motion_have_the_greater_evidence():
    def shown(number, speed):
        at = np.full(SHAPE, 0.1)
        at[20, 5 + round(speed * number)] = 200.0
        return at

    steps = [None, *(Step((2.0, 0.0), 1.0) for _ in range(9))]
    right = log_evidence(Motion(), steps, lambda t: shown(t, 2.0))
    wrong = log_evidence(Motion(), steps, lambda t: shown(t, 4.5))
    assert right > wrong + 10


def test_an_unknown_north_is_found_by_the_turn_that_explains_the_flight():
    turns = tuple(2 * np.pi * k / 24 for k in range(24))
    motion, true = Motion(turns), 2 * np.pi * 7 / 24
    places = [np.array([10.0, 30.0])]
    local = [(1.5, 0.5)] * 12
    for x, y in local:
        right = np.array([x * np.cos(true) + y * np.sin(true), y * np.cos(true) - x * np.sin(true)])
        places.append(places[-1] + right)

    def shown(t):
        rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]]
        away = (columns - places[t][0]) ** 2 + (rows - places[t][1]) ** 2
        return 0.1 + 30 * np.exp(-away / 4)

    steps = [None, *(Step(cells, 0.6) for cells in local)]
    last = next(iter(smoothed(motion, SHAPE, steps, shown)))
    assert last.turn_rad == pytest.approx(true)


def flown(scale, turn, num=80):
    """Return the truth float64[num, 2] and odometry that is drawn out and turned clockwise."""
    heading = np.cumsum(np.random.default_rng(4).normal(0, 0.2, num))
    steps = 8 * np.stack([np.sin(heading), np.cos(heading)], axis=1)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    told = steps @ rotation / scale
    moves = [None, *(Moved(float(e), float(n), 0.1) for e, n in told[1:])]
    return np.cumsum(steps, axis=0), moves


def test_drift_of_odometry_is_recovered_from_a_few_fixes():
    truth, moves = flown(1.05, 0.04)
    exact = np.eye(2) * 0.1**2
    spots = [Spot(truth[t], exact) if t % 20 == 0 else None for t in range(80)]
    found = np.array([spot.point_m for spot in anchored(moves, spots)])
    raw = np.cumsum([[m.east_m, m.north_m] if m else [0, 0] for m in moves], axis=0) + truth[0]
    assert np.linalg.norm(raw - truth, axis=1)[-1] > 10
    assert np.linalg.norm(found - truth, axis=1).max() < 1.0


def test_one_wrong_fix_among_right_ones_hardly_pulls():
    truth, moves = flown(1.0, 0.0)
    spots = [Spot(truth[t], np.eye(2) * 0.25) if t % 5 == 0 else None for t in range(80)]
    spots[40] = Spot(truth[40] + 30, np.eye(2) * 0.25)
    found = np.array([spot.point_m for spot in anchored(moves, spots)])
    assert np.linalg.norm(found - truth, axis=1).max() < 1.0


def test_what_leaves_the_map_is_missing_from_a_moved_plane():
    plane = np.zeros(SHAPE)
    plane[10, 45] = 1
    assert moved(plane, (20.0, 0.0), 1.0).sum() == 0
    assert moved(plane, (-20.0, 0.0), 1.0).sum() == pytest.approx(1)
    assert moved(plane, (1e6, 0.0), 1.0).sum() == 0
