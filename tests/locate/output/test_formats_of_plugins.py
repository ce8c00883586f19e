"""Formats of located photos are components: found by suffix or by name, blamed by name."""

from __future__ import annotations

import json

import pytest

from georet.cli.app import run
from georet.errors import ComponentError, DataError, UsageError
from georet.testing.pixel_session import PixelSession

LINES = """
from georet import Component, hookimpl


class Lines:
    suffixes = (".txt", ".lines")

    def __init__(self, digits: int = 4, spoilt: str = "") -> None:
        self.digits, self.spoilt = digits, spoilt

    def write(self, path, located):
        if self.spoilt == "nothing":
            return
        with path.open("w", encoding="utf-8") as stream:
            for record in located.records():
                if self.spoilt == "raises":
                    record["altitude"]
                stream.write(f"{record['latitude']:.{self.digits}f} {record['photo']}\\n")
            stream.write(f"{len(located)} of {len(located.gallery.tiles)} tiles\\n")


@hookimpl
def georet_outputs():
    yield Component("lines", Lines, summary="A line a photo")
"""


@pytest.fixture
def locate(calibrated, save_photos, tmp_path, monkeypatch):
    """Return what calls ``georet locate`` on two photos, with the plugin."""
    monkeypatch.setattr(
        "georet.commands.locating.open_encoder", lambda gallery, view, **_: PixelSession()
    )
    photos, _ = save_photos(2)
    (tmp_path / "mine.py").write_text(LINES)

    def call(*more, plugin=True):
        named = ["--plugins", str(tmp_path / "mine.py")] if plugin else []
        return run(["locate", str(calibrated.path), *map(str, photos), *named, *more])

    return call


def test_a_format_of_a_plugin_is_found_by_its_suffix(locate, tmp_path):
    assert locate("--out", str(tmp_path / "a.txt"), "--out", str(tmp_path / "a.json")) == 0
    first, _, last = (tmp_path / "a.txt").read_text().splitlines()
    place = json.loads((tmp_path / "a.json").read_text())["locations"][0]
    assert first == f"{place['latitude']:.4f} {place['photo']}"
    assert last == "2 of 225 tiles"
    assert not list(tmp_path.glob("*.tmp*"))


def test_a_format_is_named_with_options_whatever_the_suffix(locate, tmp_path):
    locate("--out", str(tmp_path / "a.dat"), "--format", "lines?digits=1")
    assert (tmp_path / "a.dat").read_text().startswith("48.0 ")
    locate("--out", str(tmp_path / "b.dat"), "--format", "csv", plugin=False)
    assert (tmp_path / "b.dat").read_text().startswith("photo,latitude")


def test_without_the_plugin_the_suffix_is_unknown(locate, tmp_path):
    with pytest.raises(UsageError, match=r"\.txt is no known output") as caught:
        locate("--out", str(tmp_path / "a.txt"), plugin=False)
    assert "Known: .json, .geojson, .csv, .parquet, .html, .gpx, .kml, .kmz, .gpkg, .czml" in str(
        caught.value
    )
    with pytest.raises(UsageError, match=r"\.dat is no known") as caught:
        locate("--out", str(tmp_path / "a.dat"))
    assert ".gps_input, .txt, .lines." in str(caught.value)


@pytest.mark.parametrize(
    ("spoilt", "said"), [("nothing", "left no file"), ("raises", "KeyError: 'altitude'")]
)
def test_what_a_format_does_wrong_is_told_with_its_plugin(locate, tmp_path, spoilt, said):
    (tmp_path / "a.txt").write_text("what was there before")
    with pytest.raises(ComponentError, match=said) as caught:
        locate("--out", str(tmp_path / "a.txt"), "--format", f"lines?spoilt={spoilt}")
    assert "outputs 'mine:lines' of plugin 'mine' (mine.py sha256:" in str(caught.value)
    assert (tmp_path / "a.txt").read_text() == "what was there before"
    assert not list(tmp_path.glob("*.tmp*"))


def test_two_formats_of_one_suffix_are_named_and_the_user_chooses(locate, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(path.read_text().replace('".txt"', '".csv"'))
    with pytest.raises(UsageError, match="'core:csv' of plugin 'core'") as caught:
        locate("--out", str(tmp_path / "a.csv"))
    assert "--format mine:lines" in str(caught.value)
    locate("--out", str(tmp_path / "a.csv"), "--format", "mine:lines")
    assert (tmp_path / "a.csv").read_text().endswith("2 of 225 tiles\n")


@pytest.mark.parametrize(
    ("flags", "error", "said"),
    [
        (["--format", "csv"], UsageError, "without --out"),
        (
            ["--out", "{}/a.csv", "--format", "csv", "--format", "json"],
            UsageError,
            "2 formats for 1",
        ),
        (["--out", "{}/a.csv", "--format", "cvs"], ComponentError, "no 'cvs' among the outputs"),
        (["--out", "{}/none/a.csv"], DataError, "no such folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before_the_work(locate, tmp_path, flags, error, said):
    with pytest.raises(error, match=said):
        locate(*[flag.format(tmp_path) for flag in flags])


def test_formats_of_maps_are_written_by_their_suffixes(locate, tmp_path):
    outs = [tmp_path / f"a.{suffix}" for suffix in ("gpx", "kml", "kmz", "gpkg", "czml")]
    flags = [word for out in outs for word in ("--out", str(out))]
    assert locate(*flags, plugin=False) == 0
    assert all(out.stat().st_size > 300 for out in outs)


def test_copies_are_geotagged_and_originals_are_not_touched(calibrated, ground, locate, tmp_path):
    from PIL import Image

    from georet.photos.gps import own_position

    folder = tmp_path / "flight" / "day1"
    folder.mkdir(parents=True)
    Image.fromarray(ground.cut(100, 100)).save(folder / "a.jpg", quality=95)
    Image.fromarray(ground.cut(200, 200)).save(folder / "b.webp")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    out = tmp_path / "a.json"
    flags = ["--geotag-copies", str(tmp_path / "tagged"), "--out", str(out), "--no-abstain"]
    assert locate(str(folder), *flags, plugin=False) == 0
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    found = {one["photo"][-5:]: one for one in json.loads(out.read_text())["locations"]}
    copy = tmp_path / "tagged" / "flight" / "day1" / "a.jpg"
    place = found["a.jpg"]
    assert own_position(copy).latlon == pytest.approx(
        (place["latitude"], place["longitude"]), abs=1e-3
    )
    assert not list((tmp_path / "tagged").rglob("*.webp"))


def test_a_copy_never_takes_its_originals_place(locate, tmp_path):
    with pytest.raises(UsageError, match="would be written over the original"):
        locate("--geotag-copies", str(tmp_path / "photos"), plugin=False)
