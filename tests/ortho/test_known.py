"""Photos of known places, rendered from a map: what a gallery elsewhere is calibrated by."""

from __future__ import annotations

import json

from georet.csvfile import read_csv

from .conftest import ENCODER
from .test_adapt import call

RENDER = ["--side", "40m", "--number", "48"]


def test_a_gallery_is_calibrated_by_renders_of_its_own_map(area_tif, tmp_path):
    known, gallery = tmp_path / "known", tmp_path / "area.gallery"
    code, printed = call("gallery", "render", str(area_tif), *RENDER, "--out", str(known))
    assert code == 0, printed
    code, printed = call("gallery", "build", str(area_tif), "--encoder", ENCODER, "--side", "40m",
                         "--overlap", "0.5", "--out", str(gallery))  # fmt: skip
    assert code == 0, printed
    code, printed = call("gallery", "calibrate", str(gallery), "--queries",
                         str(known / "known.csv"), "--telemetry", str(known / "telemetry.csv"),
                         "--json")  # fmt: skip
    assert code == 0, printed
    found = json.loads(printed[printed.index("{") : printed.rindex("}") + 1])
    assert found["num_queries"] == 48


def test_telemetry_is_told_with_the_errors_of_telemetry(area_tif, tmp_path):
    import numpy as np

    from georet_ortho.known import Rendering, rendered

    rendered(Rendering(str(area_tif), 40.0, number=40, look="none"), tmp_path)
    wanted = ("photo", "heading_deg", "tilt_deg", "height_m", "fov_deg")
    told = [row for _, row in read_csv(tmp_path / "telemetry.csv", wanted)]
    tilt = np.array([float(row["tilt_deg"]) for row in told])
    assert len(told) == 40 == len(list((tmp_path / "photos").glob("*.jpg")))
    assert 0 <= tilt.min() < 8 < 32 < tilt.max() < 48
    before = (tmp_path / "known.csv").read_bytes()
    again = tmp_path / "again"
    rendered(Rendering(str(area_tif), 40.0, number=40, look="none"), again)
    assert (again / "known.csv").read_bytes() == before


def test_a_folder_that_holds_something_is_left_alone(area_tif, tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    code, printed = call("gallery", "render", str(area_tif), *RENDER, "--out", str(tmp_path))
    assert (code, "is not empty" in printed) == (2, True)
