"""What photos teach about a refiner: radii that hold, and how clear a place must be."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from georet.contracts.refining import Refinement
from georet.locate.calibrating.refined import Attempts, judged_refining, learnt, least_clearness
from georet.locate.calibration import Calibration, calibration_file, own_file
from georet.locate.refining import Refining

ABOUT = {"id": "sift", "of": "georet", "options": {"inliers": 15}}


def place(sigma_m: float, by: str = "sift", clearness: float = 30.0) -> Refinement:
    return Refinement(
        latlon=(0, 0), covariance_m2=sigma_m**2 * np.eye(2), tile=0, by=by, clearness=clearness
    )


def attempts(num: int, seed: int, *, wrong=(), refused=0.3, floor_m=0.01) -> Attempts:
    """Return places whose errors grow with the root of their deviations, and refusals."""
    rng = np.random.default_rng(seed)
    sigma = np.exp(rng.normal(0, 1, num))
    error = np.sqrt(sigma) * np.abs(rng.normal(size=(num, 2)) @ [1, 1j])
    kept = rng.random(num) >= refused
    found = [
        place(one) if is_kept else Refinement.refused("3 matches agree")
        for one, is_kept in zip(sigma, kept, strict=True)
    ]
    reach = np.full(num, 50.0)
    return Attempts(ABOUT, found, np.where(kept, error, np.nan), reach, list(wrong), floor_m)


def test_radii_hold_on_photos_that_were_not_learnt_from():
    mass = np.linspace(0, 1, 900)
    refining = learnt(attempts(900, 0), mass)
    assert refining.methods["sift"].power == pytest.approx(0.5, abs=0.2)
    fresh = attempts(1000, 1)
    blank = Calibration("", "", "", 0.95, refining=refining)
    spread = SimpleNamespace(radius_m=lambda share: 100 * share)
    judged = SimpleNamespace(spreads=[spread] * 1000, error_m=100 * np.linspace(0, 1, 1000))
    held = judged_refining(fresh, judged, blank)
    assert 0.45 < held["covered_refined_50"] < 0.55
    assert 0.85 < held["covered_refined_90"] < 0.95
    assert 0.25 < held["refused"] < 0.35


def test_radii_follow_how_the_matches_scatter_not_a_deviation_with_a_floor():
    rng = np.random.default_rng(4)
    scatter = np.exp(rng.normal(0, 1, 800))
    error = scatter * np.abs(rng.normal(size=(800, 2)) @ [1, 1j])
    found = [replace(place(5.0), scatter_m=float(one)) for one in scatter]
    taught = Attempts(ABOUT, found[:400], error[:400], np.full(400, 50.0), [], 0.01)
    refining = learnt(taught, np.linspace(0, 1, 400))
    radii = np.array([refining.radii_m(one) for one in found[400:]])
    clear = scatter[400:] < np.median(scatter)
    for some in (clear, ~clear):
        assert 0.4 < (error[400:] <= radii[:, 0])[some].mean() < 0.6
        assert 0.84 < (error[400:] <= radii[:, 1])[some].mean() < 0.96
    assert np.median(radii[clear, 1]) < np.median(radii[~clear, 1]) / 2


def test_no_radius_is_less_than_half_a_pixel():
    refining = learnt(attempts(100, 0, floor_m=7.5), np.linspace(0, 1, 100))
    assert min(refining.radii_m(place(1e-3))) == 7.5
    assert max(refining.radii_m(place(100.0))) > 7.5


def test_what_chance_reaches_on_this_gallery_is_refused():
    wrong = [place(1, clearness=20.0 + number / 100) for number in range(30)]
    wrong += [Refinement.refused("nothing agrees")] * 370
    refining = learnt(attempts(100, 0, wrong=wrong), np.linspace(0, 1, 100))
    assert (refining.wrong_accepted, refining.num_wrong) == (30, 400)
    # Two of 400 may pass.
    assert refining.methods["sift"].least == pytest.approx(20.27, abs=1e-6)
    assert refining.checked(place(1, clearness=20.28)).is_accepted
    refused = refining.checked(place(1, clearness=20.2))
    assert "on this gallery 20.3 is needed" in refused.reason
    assert refining.checked(place(1, by="dense", clearness=1.0)).is_accepted


def test_of_few_wrong_answers_none_may_pass():
    assert least_clearness([place(1, clearness=16)], 30) > 16
    assert least_clearness([place(1, clearness=16)], 400) is None
    assert least_clearness([], 400) is None


def test_radii_of_a_refused_photo_are_those_of_refused_photos():
    some = attempts(200, 0)
    refused = np.array([not one.is_accepted for one in some.found])
    refining = learnt(some, np.where(refused, 0.8, 0.1))
    assert refining.mass_50 == refining.mass_90 == 0.8


def test_a_refiner_that_never_placed_a_photo_gives_no_radius():
    some = attempts(60, 0, refused=1.1)
    refining = learnt(some, np.linspace(0, 1, 60))
    assert refining.refused == 1
    assert refining.radii_m(place(1.0)) == (None, None)


def test_it_survives_being_written_and_read():
    refining = learnt(attempts(60, 0), np.linspace(0, 1, 60))
    written = Calibration("a", "b", "c", 0.95, refining=refining)
    assert Calibration.from_bytes(written.as_bytes(), where="here") == written
    assert own_file(written) == calibration_file(None, refiner=ABOUT)
    assert own_file(replace(written, refining=None)) == "calibration.json"
    assert isinstance(written.refining, Refining)
