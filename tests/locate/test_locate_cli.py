"""``georet locate`` and ``georet gallery calibrate`` through the command line."""

from __future__ import annotations

import json
import os
import signal

import pytest
from PIL import Image

from georet.cli.app import run
from georet.errors import DataError, Interrupted, UsageError
from georet.facade import Gallery
from georet.locate.calibration import own_calibration
from georet.plugins import Selection
from georet.testing.pixel_session import PixelSession


@pytest.fixture(autouse=True)
def _pixels(monkeypatch):
    """Galleries of these tests are searched with pixels, no trained encoder is needed."""
    for module in ("locating", "calibrating"):
        monkeypatch.setattr(
            f"georet.commands.{module}.open_encoder", lambda gallery, view, **_: PixelSession()
        )
    monkeypatch.setattr(Gallery, "session", lambda self, view="query", **_: PixelSession())


def test_a_photo_gets_a_place_and_candidates(calibrated, save_photos, capsys):
    photos, _ = save_photos(1)
    assert run(["locate", str(calibrated.path), str(photos[0]), "--k", "3"]) == 0
    out = capsys.readouterr().out
    assert str(photos[0]) in out
    assert "° N" in out
    assert "(90 %)" in out
    assert "  3. t" in out
    assert "  4. t" not in out


def test_without_calibration_it_says_how_to_calibrate(gallery, save_photos, capsys):
    photos, _ = save_photos(1)
    run(["locate", str(gallery.path), str(photos[0])])
    assert f"georet gallery calibrate {gallery.path}" in capsys.readouterr().out


def test_outputs_are_written_and_the_journal_is_gone(calibrated, save_photos, tmp_path, capsys):
    photos, _ = save_photos(3)
    outs = [tmp_path / f"out.{suffix}" for suffix in ("geojson", "csv", "json", "html")]
    flags = [part for out in outs for part in ("--out", str(out))]
    run(["locate", str(calibrated.path), str(photos[0].parent), *flags])
    assert all(out.stat().st_size > 100 for out in outs)
    assert not list(tmp_path.glob(".*"))
    assert "3 located" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["locate", "track"])
@pytest.mark.parametrize("first", ["photo", "folder"])
def test_gallery_and_photo_swapped_are_told_apart(command, first, gallery, save_photos):
    photos, _ = save_photos(1)
    given = photos[0] if first == "photo" else photos[0].parent
    with pytest.raises(DataError, match="is no gallery") as caught:
        run([command, str(given), str(gallery.path)])
    assert caught.value.where == str(given)
    assert caught.value.hint == f"{gallery.path} is one: did you swap them?"


@pytest.mark.parametrize(
    "command", ["locate", "locate --dry-run", "calibrate", "calibrate --dry-run"]
)
def test_telemetry_is_of_these_photos_or_refused(
    command, gallery, save_photos, tmp_path, capsys, monkeypatch
):
    photos, _ = save_photos(3)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "known.csv").write_text("photo,lat,lon\n" + "".join(f"{p},10,3\n" for p in photos))
    call = ["locate", str(gallery.path), *map(str, photos)]
    if command.startswith("calibrate"):
        call = ["gallery", "calibrate", str(gallery.path), "--queries", "known.csv"]
    call += command.split()[1:]
    table = tmp_path / "log.csv"
    table.write_text("photo,heading_deg\nelsewhere.jpg,10\n")
    with pytest.raises(DataError, match="tells of none of the 3 photos") as caught:
        run([*call, "--telemetry", str(table)])
    assert "column photo" in caught.value.hint
    assert "elsewhere.jpg" in caught.value.hint
    with pytest.raises(DataError, match="tells nothing of a camera"):
        run([*call, "--telemetry", "known.csv"])
    if command == "locate":
        table.write_text(f"photo,heading_deg\nother/{photos[1].name},10\n")
        run([*call, "--telemetry", str(table)])
        assert f"warning: {table}: tells of 1 of 3 photos\n" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["locate", "calibrate", "bench"])
def test_the_encoder_is_opened_with_the_plugins_that_are_named(
    command, gallery, save_photos, tmp_path, monkeypatch
):
    def opened(gallery, view, **options):
        assert options["selection"] == Selection(("sample4geo", "./mine.py"), ("pml",))
        raise DataError("opened")

    photos, _ = save_photos(1)
    (tmp_path / "mine.py").write_text(RERANKER)
    (tmp_path / "queries.csv").write_text(f"photo,lat,lon\n{photos[0]},10,3\n")
    monkeypatch.chdir(tmp_path)
    for module in ("commands.locating", "commands.calibrating", "gallery.bench.queries"):
        monkeypatch.setattr(f"georet.{module}.open_encoder", opened)
    calls = {
        "locate": ["locate", str(gallery.path), str(photos[0])],
        "calibrate": ["gallery", "calibrate", str(gallery.path), "--queries", "queries.csv"],
        "bench": ["gallery", "bench", str(gallery.path), "--queries", "queries.csv"],
    }
    names = ["--plugins", "sample4geo", "--plugins", "./mine.py", "--no-plugin", "pml"]
    with pytest.raises(DataError, match="opened"):
        run([*calls[command], *names])


def test_json_is_one_document(calibrated, save_photos, capsys):
    photos, _ = save_photos(2)
    run(["locate", str(calibrated.path), *map(str, photos), "--fuse", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert len(found["locations"]) == 1
    assert found["locations"][0]["photos"] == [str(photo) for photo in photos]
    assert found["provenance"]["asked"]["fuse"] is True


def test_abstaining_can_be_switched_off(calibrated, tmp_path, capsys):
    import cv2
    import numpy as np

    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    cv2.imwrite(str(tmp_path / "noise.png"), noise)
    call = ["locate", str(calibrated.path), str(tmp_path / "noise.png"), "--json"]
    run(call)
    assert json.loads(capsys.readouterr().out)["locations"][0]["abstained"] is True
    run([*call, "--no-abstain"])
    assert json.loads(capsys.readouterr().out)["locations"][0]["abstained"] is False


@pytest.mark.parametrize(
    ("flags", "error", "message"),
    [
        (["--k", "0"], UsageError, "k is 0"),
        (["--out", "x.docx"], UsageError, "no known output"),
        (["--out", "nowhere/x.csv"], DataError, "no such folder"),
        (["--bad-image-quota", "5"], UsageError, "is 5.0"),
        (["--region", "box:0,0,1,1"], DataError, "no tile of the gallery"),
        (["--near", "here"], UsageError, "not LAT,LON,RADIUS"),
        (["--near", "-113,25,50km"], UsageError, "latitude -113"),
        (["--use-gps", "--gps-radius", "far"], UsageError, "no length"),
        (["--gps-radius", "5km"], UsageError, "without --use-gps"),
        (["--rerank", "absent"], UsageError, "absent"),
        (["--index", "absent"], UsageError, "absent"),
        (["--index", "faiss_flat", "--no-plugin", "faiss"], UsageError, "faiss_flat"),
    ],
)
def test_what_makes_no_sense_is_refused(gallery, save_photos, flags, error, message):
    photos, _ = save_photos(1)
    with pytest.raises(error, match=message):
        run(["locate", str(gallery.path), str(photos[0]), *flags])


def test_priors_that_told_nothing_are_said(gallery, save_photos, capsys):
    photos, _ = save_photos(1)
    run(["locate", str(gallery.path), str(photos[0]), "--use-gps", "--near", "-33,151,20km"])
    out = capsys.readouterr().out
    assert "--use-gps: 0 of 1 photos hold a position" in out
    assert "--near: the nearest tile is 15,927 km away" in out
    run(["locate", str(gallery.path), str(photos[0]), "--near", "48,16,20km"])
    assert "--near" not in capsys.readouterr().out


def test_a_signal_ends_a_batch_that_the_same_command_takes_up(
    calibrated, save_photos, tmp_path, monkeypatch, capsys
):
    photos, _ = save_photos(10)
    monkeypatch.setattr("georet.locate.output.batch.CHUNK", 4)
    call = ["locate", str(calibrated.path), str(photos[0].parent), "--out", str(tmp_path / "o.csv")]
    embed, calls = PixelSession.embed, []

    def interrupting(self, images, /):
        calls.append(len(images))
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return embed(self, images)

    monkeypatch.setattr(PixelSession, "embed", interrupting)
    with pytest.raises(Interrupted, match="SIGTERM"):
        run(call)
    assert not (tmp_path / "o.csv").exists()
    run(call)
    # Each session first embeds one image alone, to see that it keeps its rows apart.
    assert calls == [4, 1, 4, 1, 2]
    assert len((tmp_path / "o.csv").read_text().splitlines()) == 11


def test_a_gallery_is_calibrated_from_a_csv(tmp_path, ground, take, capsys, request):
    import shutil

    plain = request.getfixturevalue("gallery")
    shutil.copytree(plain.path, tmp_path / "own.gallery")
    photos, latlon = request.getfixturevalue("save_photos")(50, seed=3, noise=70.0)
    lines = [f"{p},{lat},{lon}" for p, (lat, lon) in zip(photos, latlon, strict=True)]
    (tmp_path / "queries.csv").write_text("\n".join(["photo,lat,lon", *lines]))
    call = ["gallery", "calibrate", str(tmp_path / "own.gallery"), "--split-seed", "3"]
    run([*call, "--queries", str(tmp_path / "queries.csv")])
    out = capsys.readouterr().out
    assert "calibrated on 50 queries" in out
    assert "90 % radius held" in out
    gallery = Gallery.open(tmp_path / "own.gallery")
    assert own_calibration(gallery).num_queries == 50
    assert b"<!doctype html>" in gallery.read_addition("calibration.html")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("photo,lat\na.jpg,1\n", "has no column .lon."),
        ("photo,lat,lon\n", "lists no photo"),
        ("photo,lat,lon\na.jpg,north,3\n", "is .north., not a number"),
        ("photo,lat,lon\na.jpg,-113,25\n", "latitude must lie in -90..90"),
        ("photo,lat,lon\n,48,16\n", "names no photo"),
        ("lat,lon,photo\n48,16\n", "has 2 cells, the header names 3"),
        ("lat,lon,photo\n10,3\n", "has 2 cells"),
        ("photo,lat,lon\na.jpg,100,3\n", "latitude must lie"),
        ("photo,lat,lon\nabsent.jpg,10,3\n", "missing"),
    ],
)
def test_a_wrong_list_of_queries_is_named(gallery, tmp_path, content, message):
    (tmp_path / "queries.csv").write_text(content)
    with pytest.raises(DataError, match=message):
        run(["gallery", "calibrate", str(gallery.path), "--queries", str(tmp_path / "queries.csv")])


def test_queries_that_are_nothing_known_are_refused(gallery):
    with pytest.raises(UsageError, match="neither a CSV"):
        run(["gallery", "calibrate", str(gallery.path), "--queries", "photos"])


RERANKER = """
import numpy as np

from georet import Component, hookimpl


class Backwards:
    max_candidates = 3

    def __call__(self, query, candidates):
        return np.arange(len(candidates))[::-1]


@hookimpl
def georet_rerankers():
    yield Component("backwards", Backwards, summary="Worst first")
"""


def test_a_plugins_reranker_puts_candidates_into_its_order(
    calibrated, save_photos, tmp_path, capsys
):
    photos, _ = save_photos(1)
    (tmp_path / "mine.py").write_text(RERANKER)
    call = ["locate", str(calibrated.path), str(photos[0]), "--json"]
    ids = []
    for more in ([], ["--plugins", str(tmp_path / "mine.py"), "--rerank", "backwards"]):
        run([*call, *more])
        found = json.loads(capsys.readouterr().out)
        ids.append([one["id"] for one in found["locations"][0]["candidates"]])
    assert ids[1] == [*ids[0][:3][::-1], *ids[0][3:]]
    assert found["locations"][0]["radius_90_m"] is None
    assert found["provenance"]["reranker"] == "mine:backwards"
    told = found["provenance"]["reranked_by"]
    assert (told["id"], told["options"]) == ("mine:backwards", {})
    assert "mine.py sha256:" in told["of"]
    assert found["locations"][0]["reranking"] == {
        "changed": True,
        "failed": False,
        "reason": None,
        "note": None,
    }


def test_own_positions_are_used_when_asked_and_never_written(calibrated, ground, tmp_path, capsys):
    photo = tmp_path / "p.jpg"
    exif = Image.Exif()
    exif.get_ifd(0x8825).update({1: "N", 2: (47.0, 58.0, 43.21), 3: "E", 4: (16.0, 1.0, 2.34)})
    Image.fromarray(ground.cut(100, 300)).save(photo, exif=exif)
    call = ["locate", str(calibrated.path), str(photo), "--json"]
    beliefs = []
    for more in ([], ["--use-gps", "--gps-radius", "500m"]):
        run([*call, *more])
        out = capsys.readouterr().out
        assert "47.97866" not in out
        beliefs.append(json.loads(out)["locations"][0]["candidates"][0]["belief"])
    assert beliefs[0] != beliefs[1]


def test_a_gallery_locates_photos_by_itself(calibrated, save_photos):
    from georet.ground.region import Region

    photos, _ = save_photos(2)
    region = Region.box(15, 47, 17, 49)
    locations = Gallery.open(calibrated.path).locate([str(photos[0]), photos[1]], 2, region)
    assert [location.photo for location in locations] == [str(photo) for photo in photos]
    assert [len(location.candidates) for location in locations] == [2, 2]
    with pytest.raises(UsageError, match="is one photo, wanted is a list"):
        Gallery.open(calibrated.path).locate(str(photos[0]))
