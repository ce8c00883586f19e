"""``georet track`` through the command line: a flight comes out right, whatever happens to it."""

from __future__ import annotations

import json
import os
import shutil
import signal

import numpy as np
import pytest
from PIL import Image

from georet.cli.app import run
from georet.errors import DataError, Interrupted, UsageError
from georet.geodesy import distance_m

TILE_M = 320.0


def tracked(capsys, *asked):
    assert run(["track", *map(str, asked), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def off_m(told, truth):
    return distance_m(truth, np.array([[p["latitude"], p["longitude"]] for p in told["points"]]))


def test_a_flight_with_junk_and_drifting_odometry_is_tracked(gallery, flight, capsys):
    told = tracked(capsys, gallery.path, flight.folder, "--telemetry", flight.telemetry)
    away_m = off_m(told, flight.truth)
    assert np.median(away_m) < TILE_M / 4
    assert (away_m > 1.5 * TILE_M).mean() <= 0.02
    sources = [point["source"] for point in told["points"]]
    assert sources.count("matched") > 20
    black = [at for at in flight.junk if at % 2 == 0]
    assert black
    assert all(told["points"][at]["source"] != "matched" for at in black)
    assert {told["points"][at]["reason"] for at in black} == {"nothing is seen"}
    assert [point["time_s"] for point in told["points"]] == [2.0 * n for n in range(36)]


def test_the_truth_gives_the_figures_of_the_report(gallery, flight, tmp_path, capsys):
    out = tmp_path / "report.html"
    truth = flight.folder / "truth.csv"
    told = tracked(
        capsys, gallery.path, flight.folder, "--telemetry", flight.telemetry, "--truth", truth,
        "--out", out,
    )  # fmt: skip
    away_m, figures = off_m(told, flight.truth), told["profile"]
    assert figures["median_m"] == pytest.approx(np.median(away_m), rel=1e-3)
    assert figures["within_50_m"] == pytest.approx((away_m < 50).mean())
    assert figures["outliers_survived"] == 1.0
    assert figures["in_95_ellipse"] > 0.8
    text = out.read_text()
    assert "Error over time" in text
    assert "Outliers survived" in text
    assert text.count('class="matched"') >= 20
    assert "http://" not in text.replace("http://www.w3.org", "")


def test_live_prints_each_frame_and_how_long_it_takes(gallery, flight, capsys):
    asked = [gallery.path, flight.folder, "--telemetry", flight.telemetry, "--live"]
    assert run(["track", *map(str, asked), "--json"]) == 0
    printed = capsys.readouterr()
    points = [json.loads(line) for line in printed.out.splitlines()]
    assert len(points) == 36
    assert "19 of 20 frames located within" in printed.err
    away_m = off_m({"points": points}, flight.truth)
    assert np.median(away_m[10:]) < TILE_M / 3


def test_a_killed_flight_goes_on_to_the_same_bytes(gallery, flight, tmp_path, monkeypatch, capsys):
    asked = [gallery.path, flight.folder, "--telemetry", flight.telemetry]
    outs = [tmp_path / "whole.csv", tmp_path / "whole.json"]
    flags = [part for out in outs for part in ("--out", out)]
    assert run(["track", *map(str, [*asked, *flags])]) == 0
    whole = [out.read_bytes() for out in outs]
    for out in outs:
        out.unlink()
    monkeypatch.setattr("georet.flights.looking.CHUNK", 8)
    from georet.flights.looking import Looker

    look, calls = Looker.look, []

    def killed(self, first, images):
        calls.append(first)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGTERM)
        return look(self, first, images)

    monkeypatch.setattr(Looker, "look", killed)
    with pytest.raises(Interrupted):
        run(["track", *map(str, [*asked, *flags])])
    assert not any(out.exists() for out in outs)
    assert calls == [0, 8, 16]
    assert run(["track", *map(str, [*asked, *flags])]) == 0
    assert calls == [0, 8, 16, 24, 32]
    assert [out.read_bytes() for out in outs] == whole
    assert not list(tmp_path.glob(".*"))


def test_a_video_is_tracked_by_what_its_frames_show(gallery, video, capsys):
    path, truth = video
    told = tracked(
        capsys, gallery.path, path, "--every", "0.25s", "--height", "160m", "--fov", "90",
        "--tilt", "0", "--heading", "0",
    )  # fmt: skip
    assert len(told["points"]) == 12
    assert told["points"][1]["photo"].endswith("flight.avi#t=0.250")
    away_m = off_m(told, truth[::6])
    assert np.median(away_m) < TILE_M / 4


def test_without_heading_and_odometry_overlapping_frames_tell_the_way(
    gallery, ground, fly, tmp_path, capsys
):
    flown = fly(tmp_path / "blind", ground, num=24, seed=3, junk=0.0, north=False)
    told = tracked(
        capsys, gallery.path, flown.folder, "--telemetry", flown.telemetry, "--no-geometry"
    )
    assert np.median(off_m(told, flown.truth)) < TILE_M / 4
    assert [point["source"] for point in told["points"]].count("matched") > 12


def test_a_fixed_heading_of_a_video_needs_no_telemetry_file(gallery, video, capsys):
    path, _ = video
    assert run(["track", str(gallery.path), str(path)]) == 0
    printed = capsys.readouterr()
    assert "nothing tells how far the camera moved" in printed.err
    assert "Frames: 3" in printed.out


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (["--every", "fast"], UsageError, "fast"),
        (["--every", "10m"], None, ""),
        (["--out", "nowhere/track.csv"], DataError, "no such folder"),
        (["--out", "track.xyz"], UsageError, "no known output"),
        (["--tracker", "magic"], UsageError, "magic"),
        (["--truth", "none.csv"], DataError, "none.csv"),
        (["--region", "near:10,10,1km"], DataError, "region"),
    ],
)
def test_what_can_t_be_is_said(change, error, said, gallery, flight, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = ["track", str(gallery.path), str(flight.folder), "--telemetry", str(flight.telemetry)]
    if error is None:
        assert run([*asked, *change]) == 0
        return
    with pytest.raises(error, match=said):
        run([*asked, *change])


def test_metres_between_frames_need_odometry(gallery, flight, tmp_path):
    with pytest.raises(DataError, match="metres between frames"):
        run(["track", str(gallery.path), str(flight.folder), "--every", "10m"])


def test_telemetry_of_another_flight_is_refused(gallery, flight, tmp_path):
    table = tmp_path / "other.csv"
    table.write_text("photo,heading_deg\nx.jpg,10\n")
    with pytest.raises(DataError, match="tells of none of the 36 frames"):
        run(["track", str(gallery.path), str(flight.folder), "--telemetry", str(table)])


def test_photos_of_elsewhere_are_no_flight(gallery, flight, painted, tmp_path, capsys):
    for seed in range(3, 9):
        Image.fromarray(painted(seed)[:160, :160]).save(tmp_path / f"{seed}.png")
    assert run(["track", str(gallery.path), str(tmp_path)]) == 0
    said = capsys.readouterr().err
    assert "warning: no frame was matched: is this one flight, in order" in said
    tracked(capsys, gallery.path, flight.folder, "--telemetry", flight.telemetry)
    assert "matched" not in capsys.readouterr().err


def test_a_video_that_is_none_is_refused(gallery, tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(b"no video")
    with pytest.raises(DataError, match="no video"):
        run(["track", str(gallery.path), str(path)])


def test_a_photo_that_can_t_be_read_is_bridged(gallery, flight, tmp_path, capsys):
    folder = tmp_path / "photos"
    shutil.copytree(flight.folder, folder)
    (folder / "007.png").write_bytes((folder / "007.png").read_bytes()[:300])
    told = tracked(capsys, gallery.path, folder, "--telemetry", folder / "telemetry.csv")
    point = told["points"][7]
    assert point["source"] == "propagated"
    assert point["reason"].startswith("can't be read")
    assert off_m(told, flight.truth)[7] < TILE_M
