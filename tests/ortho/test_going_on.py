"""georet adapt where it does not help, is asked for what can't be, or is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from .conftest import ENCODER, painted, written
from .test_adapt import arguments, call

pytest.importorskip("pyarrow")
SMALLER = ("--no-gallery", "--side", "40m")


def test_where_nothing_can_be_learnt_the_encoder_is_kept(tmp_path):
    plain = written(tmp_path / "plain.tif", np.full((400, 400, 3), 120, np.uint8))
    out = tmp_path / "run"
    code, printed = call(*arguments(plain, out, *SMALLER))
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
def test_killed_and_called_again_it_ends_with_the_same_encoder(area_tif, tmp_path):
    first, out = tmp_path / "first", tmp_path / "run"
    assert call(*arguments(area_tif, first, *SMALLER))[0] == 0
    command = [sys.executable, "-m", "georet", *arguments(area_tif, out, *SMALLER)]
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


def test_the_painted_map_is_no_plain_one():
    assert painted(60, 60, 0).std() > 10
