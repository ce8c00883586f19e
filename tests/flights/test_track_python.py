"""``Gallery.track``: a flight in one call from Python, as the command line tracks it."""

from __future__ import annotations

import json

import pytest

from georet.cli.app import run
from georet.errors import DataError, UsageError


def test_python_tracks_as_the_command_does(gallery, flight, capsys):
    asked = [gallery.path, flight.folder, "--telemetry", flight.telemetry, "--json"]
    assert run(["track", *map(str, asked)]) == 0
    told = json.loads(capsys.readouterr().out)
    found = gallery.track(str(flight.folder), telemetry=flight.telemetry)
    assert [json.loads(json.dumps(point.as_record())) for point in found.points] == told["points"]


def test_live_gives_each_point_as_it_comes_and_a_kept_flight_goes_on(gallery, flight, tmp_path):
    seen = []
    found = gallery.track(
        [flight.folder],
        telemetry=flight.telemetry,
        every="6",
        live=seen.append,
        keep=tmp_path / "f",
    )
    assert seen == list(found.points)
    assert len(seen) == 6
    assert list(tmp_path.iterdir())


def test_telemetry_of_another_flight_is_refused(gallery, flight, tmp_path):
    table = tmp_path / "other.csv"
    table.write_text("photo,heading_deg\nx.jpg,10\n")
    with pytest.raises(DataError, match="tells of none of the 36 frames"):
        gallery.track(flight.folder, telemetry=table)


def test_wrong_words_are_named(gallery, tmp_path):
    with pytest.raises(UsageError, match="tilt"):
        gallery.track(tmp_path, tilt=200.0)
    with pytest.raises(DataError):
        gallery.track(tmp_path)
