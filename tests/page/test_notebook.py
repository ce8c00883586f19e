"""Galleries, locations and runs draw themselves, and show themselves in a notebook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from georet.locate.results import Candidate, Location
from georet.page.cards import card, tiles_map
from georet.page.drawn import draw_curves, draw_place, draw_tiles

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("agg")


@pytest.fixture
def axes():
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots()
    yield axes
    plt.close(figure)


def square(lat: float, lon: float, half: float = 0.1) -> np.ndarray:
    north, south = lat + half, lat - half
    return np.array(
        [(north, lon - half), (north, lon + half), (south, lon + half), (south, lon - half)]
    )


def location(**changes) -> Location:
    corners = tuple(map(tuple, square(47, 8).tolist()))
    found = Candidate(3, "<tile>", (47.0, 8.0), corners, 0.9, 22_000.0)
    told = {
        "photo": "a & b.jpg",
        "latlon": (47.02, 8.03),
        "radius_50_m": 4_000.0,
        "radius_90_m": 9_000.0,
        "confidence": 0.8,
        "abstained": False,
        "candidates": (found,),
        "heat": np.empty(0, np.float32),
    }
    return Location(**{**told, **changes})


def test_a_location_is_drawn_true_to_scale_with_both_radii_and_its_tile(axes):
    location().plot(axes)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["50 %: 4,000 m", "90 %: 9,000 m"]
    tile = axes.lines[0].get_xydata()
    assert sorted(set(np.round(tile[:, 1], 3))) == [46.9, 47.1]
    assert axes.get_aspect() == pytest.approx(1 / np.cos(np.radians(47)), rel=2e-3)
    ring = axes.lines[2].get_xydata()
    assert np.ptp(ring[:, 1]) == pytest.approx(2 * 9_000 / 111_195, rel=1e-3)


def test_a_location_without_calibration_is_drawn_without_circles(axes):
    location(radius_50_m=None, radius_90_m=None, confidence=None).plot(axes)
    assert axes.get_legend() is None
    assert len(axes.lines) == 2


def test_a_location_shows_itself_with_everything_escaped():
    shown = ET.fromstring(location()._repr_html_())
    text = "".join(shown.itertext())
    assert "a & b.jpg" in text
    assert "47.02" in text
    assert "<tile>, cosine 0.900" in text
    assert len(list(shown.iter("path"))) == 4


def test_tiles_on_both_sides_of_the_antimeridian_are_drawn_side_by_side(axes):
    corners = np.stack([square(0, 179.95), square(0, -179.95)])
    draw_tiles(axes, corners, np.array([0.2, 0.9]))
    west, east = axes.get_xlim()
    assert east - west < 1


def test_a_place_beyond_the_antimeridian_keeps_its_tile_beside_it(axes):
    draw_place(axes, (0.0, 179.99), {}, [("t", square(0, -179.95))])
    assert np.ptp(axes.get_xlim()) < 1


def test_curves_are_named_where_there_are_several(axes):
    curve = (np.arange(3.0), np.arange(3.0))
    draw_curves(axes, {"one": curve, "two": curve}, "step", "loss")
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["one", "two"]


def test_a_card_escapes_and_a_map_of_many_tiles_stays_small():
    assert "<script>" not in card("<script>", {"<b>": "<i>"})
    latlon = np.random.default_rng(0).uniform(-60, 60, (200_000, 2))
    assert len(tiles_map(latlon)) < 400_000


def test_importing_georet_imports_no_matplotlib():
    code = "import sys, georet.locate, georet.report.run_folder; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    from georet.errors import MissingExtraError

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(MissingExtraError, match="matplotlib") as caught:
        location().plot()
    assert "georet[plot]" in str(caught.value)


def flight(*kinds: str):
    from georet.flights.flying import Flight
    from georet.tracks.points import TrackPoint

    points = [
        TrackPoint(
            name=f"{at}.jpg",
            latlon=(47.0, 179.999 + 0.0005 * at - (360 if at > 2 else 0)),
            covariance_m2=np.eye(2) * 25.0,
            source=kind,
        )
        for at, kind in enumerate(kinds)
    ]
    return Flight(points, [], None, {})


def test_a_flight_is_drawn_unbroken_over_the_antimeridian_by_what_its_places_rest_on(axes):
    kinds = ("matched", "propagated", "propagated", "matched")
    truth = np.array([point.latlon for point in flight(*kinds).points]) + np.array([0.001, 0])
    flight(*kinds).plot(axes, truth)
    names = [text.get_text() for text in axes.get_legend().get_texts()]
    assert names == ["truth", "matched", "propagated"]
    shown = {line.get_label(): line.get_xydata() for line in axes.lines}
    assert len(shown["propagated"]) == 2
    assert np.ptp(shown["matched"][:, 0]) == pytest.approx(0.0015)
    assert np.ptp(shown["truth"][:, 0]) == pytest.approx(0.0015)


def test_a_flight_on_a_map_leaves_the_maps_limits(axes):
    draw_tiles(axes, square(47, 179.9, 0.5)[None])
    before = axes.get_xlim()
    flight("matched", "matched").plot(axes)
    assert axes.get_xlim() == before


def test_a_flight_shows_itself_and_its_repr_is_short():
    shown = flight("matched", "propagated")
    text = "".join(ET.fromstring(shown._repr_html_()).itertext())
    assert "propagated1" in text
    assert "12" in text  # metres: 2.45 deviations of 5 m
    assert "flown=" not in repr(shown)


def test_a_run_shows_its_metrics_and_draws_its_loss(tmp_path: Path, axes):
    import georet

    (tmp_path / "evaluation").mkdir()
    events = '{"event": "step", "epoch": %d, "step": 0, "loss": %f}\n'
    (tmp_path / "events.jsonl").write_text("".join(events % (n, 3 - n / 10) for n in range(5)))
    run = georet.Run.open(tmp_path)
    run.plot(axes)
    assert axes.lines[0].get_ydata().tolist() == pytest.approx([3, 2.9, 2.8, 2.7, 2.6])
    assert tmp_path.name in run._repr_html_()
