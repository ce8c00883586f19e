"""georet adapt from end to end, on a small map."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from georet.cli import main

from .conftest import ENCODER, SIDE_M, painted, written

pytest.importorskip("pyarrow")


def call(*arguments: str) -> tuple[int, str]:
    """Return the exit code of ``georet`` and all that it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = main(arguments)
    return code, printed.getvalue()


SMALL = ["--pairs", "192", "--judged", "40", "--size", "64", "--overlap", "0.5"]


def arguments(tif: Path, out: Path, *more: str) -> list[str]:
    return ["adapt", str(tif), "--encoder", ENCODER, "--side", f"{SIDE_M:g}m", "--out", str(out),
            *SMALL, *more]  # fmt: skip


@pytest.fixture(scope="module")
def adapted(area_tif, tmp_path_factory) -> tuple[Path, dict]:
    out = tmp_path_factory.mktemp("adapted") / "run"
    code, printed = call(*arguments(area_tif, out, "--json"))
    assert code == 0, printed
    return out, json.loads((out / "adapt.json").read_text())


def test_what_it_says_is_what_was_counted(adapted):
    out, values = adapted
    was = values["untrained"][values["best_untrained"]]["new photos"]["telemetry"]["recall@1"]
    now = values["adapted"]["new photos"]["telemetry"]["recall@1"]
    assert f"{was:.0f} % before, {now:.0f} % after" in values["why"]
    assert set(values["adapted_elsewhere"]) == {"ground held out"}
    head = json.loads((out / "manifest.json").read_text())["adapted"]
    assert head["helped"] is values["helped"]


def test_what_it_leaves_is_a_run_and_a_calibrated_gallery(adapted, area_tif):
    from georet.facade import Gallery
    from georet.locate.calibration import own_calibration

    out, values = adapted
    gallery = Gallery.open(out / "area.gallery")
    assert gallery.rows.shape[0] == values["tiles"]
    assert own_calibration(gallery) is not None
    photo = next((out / "adapt" / "new").glob("*.jpg"))
    code, printed = call("locate", str(out / "area.gallery"), str(photo), "--json")
    assert code == 0, printed
    code, printed = call("gallery", "build", str(area_tif), "--encoder", str(out), "--side",
                               "60m", "--out", str(out.parent / "g"))  # fmt: skip
    assert code == 0, printed


def test_the_report_shows_before_and_after(adapted):
    out, values = adapted
    page = (out / "adapt.html").read_text()
    said = "Training helped." if values["helped"] else "Training did not help."
    assert said in page
    assert page.count("data:image/jpeg;base64,") == 4 * 8
    assert f"{values['adapted']['new photos']['telemetry']['recall@1']:.1f}".split(".")[0] in page
    assert "<script" not in page


def test_the_truth_beside_the_photos_is_read_by_calibrate(adapted):
    from georet.photos.known import open_queries

    out, values = adapted
    known = open_queries(str(out / "adapt" / "truth.csv"))
    assert len(known.paths) == values["pairs"] + 40 + 40 + 20
    assert all(path.is_file() for path in known.paths)


def test_photos_of_training_keep_clear_of_the_ground_held_out(adapted, area_tif):
    from georet.csvfile import read_csv
    from georet.geodesy import distance_m

    out, values = adapted
    rows = [cells for _, cells in read_csv(out / "adapt" / "truth.csv", ("photo", "lat", "lon"))]
    latlon = np.array([[float(r["lat"]), float(r["lon"])] for r in rows])
    held = np.array([r["photo"].startswith("held/") for r in rows])
    assert 64 <= values["pairs_elsewhere"] < values["pairs"]
    train = np.array([r["photo"].startswith("train/") for r in rows])
    near = (distance_m(latlon[train][:, None], latlon[held][None]) < SIDE_M).any(axis=1)
    assert values["pairs_elsewhere"] <= (~near).sum()


def test_a_second_call_into_the_same_folder_is_refused(adapted, area_tif):
    out, _ = adapted
    code, printed = call(*arguments(area_tif, out))
    assert code == 2
    assert "there is a run in this folder already" in printed


def test_where_nothing_can_be_learnt_the_encoder_is_kept(tmp_path):
    plain = written(tmp_path / "plain.tif", np.full((400, 400, 3), 120, np.uint8))
    out = tmp_path / "run"
    code, printed = call(*arguments(plain, out, "--no-gallery", "--pairs", "256"))
    assert code == 0, printed
    assert "Training did not help, the encoder is kept" in printed
    values = json.loads((out / "adapt.json").read_text())
    assert values["helped"] is False
    from georet.pretrained.making import run_folder
    from georet.sessions import SessionSpec

    given = SessionSpec(run_folder(ENCODER)).open().identity.weights_sha256
    assert SessionSpec(out).open().identity.weights_sha256 == given


def test_mistakes_are_told_before_anything_is_rendered(area_tif, tmp_path):
    for change, word in (
        (["--camera", "obliqe"], "oblique"),
        (["--look", "winter"], "no look"),
        (["--photos-from", str(tmp_path / "none.tif")], "no such file"),
        (["--held-out", "box:1,2,3"], "wanted 4 numbers"),
    ):
        code, printed = call(*arguments(area_tif, tmp_path / "run", *change))
        assert code in (2, 3), printed
        assert word in printed
        assert not list((tmp_path).glob("run/adapt/*/*.jpg"))


@pytest.mark.slow
def test_killed_and_called_again_it_ends_with_the_same_encoder(adapted, area_tif, tmp_path):
    first, _ = adapted
    out = tmp_path / "run"
    command = [sys.executable, "-m", "georet", *arguments(area_tif, out, "--no-gallery")]
    killed = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 300
    while time.monotonic() < until and not list(out.glob("adapt/train/*.jpg")):
        time.sleep(0.1)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    assert not (out / "config.yaml").exists()
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    for name in ("head-all.safetensors", "truth.csv"):
        assert (out / "adapt" / name).read_bytes() == (first / "adapt" / name).read_bytes()
    other = subprocess.run([*command, "--seed", "3"], capture_output=True, text=True, check=False)
    assert other.returncode == 2


def test_a_folder_begun_with_other_settings_is_refused(tmp_path):
    from georet.errors import UsageError
    from georet_ortho.adapting.settings import Settings

    asked = Settings("a.tif", "timm:x", 40.0, pairs=100)
    asked.save(tmp_path)
    assert Settings("a.tif", "timm:x", 40.0).begun(tmp_path).pairs == 100
    with pytest.raises(UsageError, match="another side_m, seed"):
        Settings("a.tif", "timm:x", 50.0, seed=1).begun(tmp_path)


def test_more_minutes_afford_more_pairs():
    from georet_ortho.adapting.settings import Settings, affordable

    costs = {"photo": 0.03, "map": 0.01, "step": 0.003}
    found = [affordable(Settings("a", "b", 1.0, minutes=m), costs, 500) for m in (1, 3, 10, 1000)]
    assert found[0] < found[1] < found[2] < found[3] == 6000


def test_the_painted_map_is_no_plain_one():
    assert painted(60, 60, 0).std() > 10
