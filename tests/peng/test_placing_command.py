"""What a user types: train, then ask where a photo was taken."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from georet.cli import main
from georet.geodesy import distance_m
from georet_peng.city.canvas import canvas_of
from georet_peng.city.layout import read_graph

PLUGINS = ["--plugins", "sample4geo,peng,georet.testing.plugin"]


def located(capsys, *arguments: str) -> list[dict]:
    assert main(["peng", "locate", *arguments, "--json", *PLUGINS]) == 0
    return json.loads(capsys.readouterr().out)


def test_most_photos_of_the_held_out_city_are_placed_to_metres(run, cities, capsys):
    photos = cities.evaluations()["edges"].queries.ids[::3]
    found = located(capsys, str(run), *photos)
    placed = [one for one in found if one["is_placed"]]
    assert len(placed) > 0.7 * len(photos)
    # The network has seen three batches: retrieval alone is a guess among 39 edges.
    assert np.median([one["retrieval_error_m"] for one in found]) > 30
    assert np.median([one["error_m"] for one in placed]) < 2
    assert np.median([one["heading_error_deg"] for one in placed]) < 2
    for one in placed:
        assert one["street_images"] >= (2 if one["by"] == "pose" else 1)
        assert 0 <= one["along_m"] <= 60
        assert one["edge"] in cities.city.edge_ids


def test_it_is_printed_in_words_with_a_picture(run, cities, capsys, tmp_path):
    photo, picture = cities.evaluations()["unknown"].queries.ids[0], tmp_path / "found.png"
    assert main(["peng", "locate", str(run), photo, "--picture", str(picture), *PLUGINS]) == 0
    shown = capsys.readouterr().out
    assert f"{photo}: " in shown
    assert "by retrieval" in shown
    drawn = cv2.imread(str(picture))
    assert drawn.shape == (480, 3 * 480, 3)


def test_the_city_is_written_and_read_again(run, cities, capsys, tmp_path):
    folder = tmp_path / "town"
    assert main(["peng", "write", str(run), str(folder), *PLUGINS]) == 0
    graph, again = cities.city, read_graph(folder)
    assert again.edge_ids == graph.edge_ids
    assert np.abs(again.nodes_m - graph.nodes_m).max() < 0.01
    assert np.abs(again.streets_m - graph.streets_m).max() < 0.01
    assert [path.read_bytes() for path in again.photos.paths[:2]] == [
        path.read_bytes() for path in graph.photos.paths[:2]
    ]
    capsys.readouterr()
    photo = str(graph.photos.paths[0])
    (found,) = located(capsys, str(run), photo, "--city", str(folder), "--heading", "0")
    true = graph.photos.latlon[0]
    if found["is_placed"]:
        assert distance_m(true, np.array([found["latitude"], found["longitude"]])) < 15
    # Nothing is known of where a file was taken.
    assert "error_m" not in found
    assert main(["peng", "write", str(run), str(folder), *PLUGINS]) == 3


def test_georet_eval_shows_metres_with_and_without_the_second_stage(run, town, capsys):
    stage = f"peng:streets:graph={town},candidates=39,features=300,top=39"
    command = ["eval", str(run), "--only", "edges", "--refine", stage, "--json", *PLUGINS]
    assert main(command) == 0
    (result,) = json.loads(capsys.readouterr().out)
    before, (after,) = result["metrics"], result["stages"]
    assert after["metrics"]["median_error_m"] < before["median_error_m"] / 10


def test_what_can_t_be_a_photo_is_told(run, tmp_path, capsys):
    assert main(["peng", "locate", str(run), "c1p0000_r0_36", *PLUGINS]) == 3
    assert "did you mean 'c1p0000_r0_360'" in capsys.readouterr().err
    photo = tmp_path / "photo.png"
    cv2.imwrite(str(photo), np.zeros((30, 40, 3), np.uint8))
    assert main(["peng", "locate", str(run), str(photo), *PLUGINS]) == 2
    assert "--fov" in capsys.readouterr().err


def test_a_photo_becomes_a_canvas_around_where_it_looks(tmp_path, capsys):
    photo, out = tmp_path / "photo.png", tmp_path / "canvas.png"
    image = np.full((60, 90, 3), 200, np.uint8)
    image[:, 45:] = (0, 0, 255)
    cv2.imwrite(str(photo), image)
    options = ["--fov", "90", "--heading", "90", "--height", "60"]
    assert main(["peng", "canvas", str(photo), str(out), *options]) == 0
    canvas = cv2.imread(str(out))
    assert canvas.shape == (60, 120, 3)
    # North is in the middle, column 60; east a quarter to the right of it, column 90.
    seen = np.flatnonzero(canvas[30].max(axis=1) > 0)
    assert (seen.min(), seen.max()) == pytest.approx((75, 104), abs=1)
    assert canvas[30, 80].tolist() == [200, 200, 200]
    assert canvas[30, 100].tolist() == [0, 0, 255]
    assert main(["peng", "canvas", str(photo), str(out), *options]) == 3


def test_straight_lines_of_a_lens_come_to_lie_where_they_are_seen():
    photo = np.zeros((200, 200, 3), np.uint8)
    # With 90 degrees the focal length is 100 pixels: 60 to the right is atan(0.6), 31 degrees.
    photo[:, 159:162] = 255
    canvas = canvas_of(photo, 90, 180)
    (bright,) = np.nonzero(canvas[90, :, 0] > 120)
    assert bright.mean() + 0.5 - 180 == pytest.approx(np.degrees(np.arctan(0.605)), abs=1)
