"""Odd photos through the command line: told on stderr, printed safely, written whole."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import pytest
from PIL import Image

from georet.cli import main
from georet.errors import UsageError
from georet.locate import Locator
from georet.progress import printable
from georet.testing.pixel_session import PixelSession


@pytest.fixture(autouse=True)
def _pixels(monkeypatch):
    monkeypatch.setattr(
        "georet.commands.locating.open_encoder", lambda gallery, view, **_: PixelSession()
    )


def with_position(path):
    exif = Image.Exif()
    exif[0x0110] = "a camera"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 0.0, 0.0), 3: "E", 4: (16.0, 0.0, 0.0)})
    with Image.open(path) as image:
        image.load()
    image.save(path, exif=exif)


@pytest.mark.parametrize("as_json", [False, True])
def test_every_photo_without_a_position_is_counted_and_named(gallery, save_photos, capfd, as_json):
    photos, _ = save_photos(3)
    with_position(photos[1])
    more = ["--json"] if as_json else []
    assert main(["locate", str(gallery.path), *map(str, photos), "--use-gps", *more]) == 0
    out, err = capfd.readouterr()
    assert "1 of 3 photos hold a position" in (err if as_json else out)
    assert "2 (neither EXIF nor XMP holds a position)" in err
    assert str(photos[0]) in err.replace("\n", "")
    assert str(photos[2]) in err.replace("\n", "")
    assert str(photos[1]) not in err
    if as_json:
        assert len(json.loads(out)["locations"]) == 3


def test_what_is_left_out_of_a_folder_is_told_on_stderr(gallery, save_photos, capfd):
    photos, _ = save_photos(2)
    (photos[0].parent / "film.mp4").write_bytes(b"\0\0\0\x20ftypisom\0\0\2\0")
    assert main(["locate", str(gallery.path), str(photos[0].parent), "--json"]) == 0
    out, err = capfd.readouterr()
    assert "left out 1 of 3 files: 1 (it is a video): " in err
    assert len(json.loads(out)["locations"]) == 2


ODD_NAMES = [
    b"caf\xe9.png",
    b"red\x1b[31m.png",
    b"bell\x07\x1b]0;title\x07.png",
    b"two\nlines.png",
    "turned\u202egnp.png".encode(),
    b"c1\xc2\x9b2J.png",
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=repr)
def test_odd_names_are_printed_safely_and_written(gallery, save_photos, tmp_path, capfd, name):
    photos, _ = save_photos(1)
    folder = tmp_path / "odd"
    folder.mkdir()
    path = os.fsdecode(os.fsencode(folder) + b"/" + name)
    shutil.copy(photos[0], path)
    bad = os.fsdecode(os.fsencode(folder) + b"/bad-" + name)
    with open(bad, "wb") as stream:  # noqa: PTH123
        stream.write(b"no image")
    outs = [
        str(tmp_path / f"o.{suffix}") for suffix in ("csv", "json", "geojson", "parquet", "html")
    ]
    flags = ["--bad-image-quota", "0.5", "--use-gps"]
    for more in ([], [part for out in outs for part in ("--out", out)], ["--json"]):
        assert main(["locate", str(gallery.path), str(folder), *flags, *more]) == 0
        assert_safe(capfd)
    assert main(["locate", str(gallery.path), bad]) == 3
    assert_safe(capfd)
    assert main(["locate", str(gallery.path), path + "x"]) == 3
    assert_safe(capfd)


def assert_safe(capfd):
    for text in capfd.readouterr():
        assert printable(text) == text
        assert not any(line.startswith("lines") for line in text.splitlines())


def test_printable_leaves_text_in_any_language_as_it_is():
    text = "Zürich 東京 مدينة\n\tin lines"
    assert printable(text) == text


def test_the_limit_of_pixels_is_an_option(gallery, save_photos, capfd):
    photos, _ = save_photos(1)
    with Image.open(photos[0]) as image:
        num = image.width * image.height
    call = ["locate", str(gallery.path), str(photos[0]), "--max-pixels"]
    assert main([*call, str(num)]) == 0
    assert main([*call, str(num - 1)]) == 3
    assert f"the cap is {num - 1:,}" in capfd.readouterr().err


@pytest.mark.parametrize("rule", ["bilinear-exact", "bilinear-exact-fast"])
def test_a_gallery_is_not_searched_under_another_rule(gallery, rule):
    with pytest.raises(UsageError, match=rule):
        Locator(gallery, PixelSession(resize_rule=rule))
    one = PixelSession().identity
    assert not one.is_comparable(replace(one, resize_rule=rule))
