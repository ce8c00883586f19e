"""``georet photo info``: what photos tell, in words and as JSON."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from georet.cli import main


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "a.jpg"
    exif = Image.Exif()
    exif[0x010F] = "DJI"
    exif.get_ifd(0x8769)[0xA405] = 24
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 0.0, 0.0), 3: "E", 4: (8.0, 0.0, 0.0)})
    Image.fromarray(np.zeros((60, 90, 3), np.uint8)).save(path, exif=exif)
    return path


def test_values_stand_with_their_source(photo, capsys):
    assert main(["photo", "info", str(photo)]) == 0
    out = capsys.readouterr().out
    assert "DJI, 90 x 60 pixels" in out
    assert "field of view" in out
    assert "73.7" in out
    assert "FocalLengthIn35mmFilm" in out
    assert "47.0" not in out


def test_a_position_is_printed_when_asked(photo, capsys):
    assert main(["photo", "info", str(photo), "--use-gps", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["latlon"] == [47.0, 8.0]


def test_telemetry_comes_first(photo, capsys):
    table = photo.with_name("flight.csv")
    table.write_text("photo,fov_deg,height_m\na.jpg,60,120\n")
    assert main(["photo", "info", str(photo), "--telemetry", str(table), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)[0]
    assert found["fov_deg"]["value"] == 60
    assert found["height_m"]["value"] == 120
    assert found["maker"] == "DJI"


def test_telemetry_of_other_photos_is_refused(photo, capsys):
    table = photo.with_name("flight.csv")
    table.write_text("photo,height_m\nother.jpg,120\n")
    assert main(["photo", "info", str(photo), "--telemetry", str(table)]) == 3
    assert "tells of none of the 1 photos" in capsys.readouterr().err


def test_telemetry_of_some_photos_says_of_how_many(photo, capsys):
    photo.with_name("b.jpg").write_bytes(photo.read_bytes())
    table = photo.with_name("flight.csv")
    table.write_text("photo,height_m\na.jpg,120\n")
    assert main(["photo", "info", str(photo.parent), "--telemetry", str(table)]) == 0
    assert f"warning: {table}: tells of 1 of 2 photos" in capsys.readouterr().err


def test_one_row_for_two_files_is_a_warning(photo, capsys):
    other = photo.parent / "two" / "a.jpg"
    other.parent.mkdir()
    other.write_bytes(photo.read_bytes())
    table = photo.with_name("flight.csv")
    table.write_text("photo,height_m\none/a.jpg,120\n")
    files = [str(photo), str(other)]
    assert main(["photo", "info", *files, "--telemetry", str(table)]) == 0
    assert "'one/a.jpg' is taken for 2 photos" in capsys.readouterr().err


def test_a_photo_that_tells_nothing_says_so(tmp_path, capsys):
    path = tmp_path / "plain.png"
    Image.fromarray(np.zeros((6, 9, 3), np.uint8)).save(path)
    assert main(["photo", "info", str(path)]) == 0
    assert "neither attitude, height nor lens" in capsys.readouterr().out


def test_what_is_no_photo_is_a_data_error(tmp_path, capsys):
    path = tmp_path / "a.jpg"
    path.write_text("no photo")
    assert main(["photo", "info", str(path)]) == 3
    assert "a.jpg" in capsys.readouterr().err
