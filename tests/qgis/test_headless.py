"""The QGIS plugin reads what georet writes, and runs in QGIS without a window."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "contrib/qgis"
PYTHON = "/usr/bin/python3"
"""The Python that Debian's QGIS is made for."""


@pytest.fixture
def reading(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    from georet_qgis import reading

    return reading


def without_qgis() -> str | None:
    """Return why QGIS can't be asked, None where it can."""
    if not Path(PYTHON).exists():
        return f"there is no {PYTHON}"
    bare = {"PATH": os.defpath, "HOME": "/nonexistent"}
    done = subprocess.run(
        [PYTHON, "-c", "import qgis.core"], capture_output=True, text=True, env=bare
    )
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["?"])[-1]


@pytest.fixture(scope="module")
def area(tmp_path_factory) -> Path:
    """A map of 240 m and three photos of it, cut from it."""
    rasterio, cv2 = pytest.importorskip("rasterio"), pytest.importorskip("cv2")
    folder = tmp_path_factory.mktemp("area")
    rng = np.random.default_rng(5)
    ground = np.zeros((480, 480, 3), np.float32)
    for cells in (6, 30, 120):
        noise = rng.uniform(0, 85, (cells, cells, 3)).astype(np.float32)
        ground += cv2.resize(noise, (480, 480), interpolation=cv2.INTER_CUBIC)
    ground = ground.clip(0, 255).astype(np.uint8)
    with rasterio.open(
        folder / "area.tif", "w", driver="GTiff", width=480, height=480, count=3, dtype="uint8",
        crs="EPSG:32632", transform=rasterio.Affine(0.5, 0, 500_000, 0, -0.5, 5_200_000),
    ) as file:  # fmt: skip
        file.write(ground.transpose(2, 0, 1))
    (folder / "photos").mkdir()
    for number, (y, x) in enumerate([(60, 60), (120, 300), (300, 180)]):
        cv2.imwrite(str(folder / f"photos/{number}.jpg"), ground[y : y + 120, x : x + 120, ::-1])
    return folder


def test_the_layers_of_a_geopackage_come_in_drawing_order_with_their_styles(reading, tmp_path):
    import sqlite3

    path = tmp_path / "odd name.gpkg"
    with sqlite3.connect(path) as base:
        base.execute("CREATE TABLE gpkg_contents (table_name TEXT)")
        for name in ("places", "footprints", "candidates", "provenance"):
            base.execute("INSERT INTO gpkg_contents VALUES (?)", [name])
            base.execute(f"CREATE TABLE {name} (photo TEXT, abstained INTEGER)")
        base.execute("INSERT INTO candidates VALUES ('a', NULL)")
        base.execute("INSERT INTO places VALUES ('a', NULL), ('b', 1)")
    base.close()
    layers = reading.layers_in(path)
    assert [layer.title for layer in layers] == ["best tiles", "places of photos"]
    assert layers[1].uri == f"{path}|layername=places"
    assert layers[1].style.name == "places.qml"
    assert reading.found(path) == (2, 1)


def test_what_is_no_file_of_georet_is_refused_in_words(reading, tmp_path):
    (tmp_path / "text.gpkg").write_text("no database")
    with pytest.raises(reading.ReadError, match="is no GeoPackage"):
        reading.layers_in(tmp_path / "text.gpkg")
    with pytest.raises(reading.ReadError, match="there is no such file"):
        reading.layers_in(tmp_path / "nowhere.gpkg")


def test_styles_ask_only_for_what_georet_writes(reading):
    from georet.locate.output.formats import gpkg

    columns = {*gpkg._PLACE, *gpkg._CANDIDATE}
    for path in reading.STYLES.glob("*.qml"):
        text = "".join(ET.tostring(ET.parse(path).getroot(), encoding="unicode"))
        named = {name for name in ("radius_90_m", "abstained", "rank", "photo") if name in text}
        assert named <= columns
    assert {path.stem for path in reading.STYLES.glob("*.qml")} == set(reading.TITLES)


@pytest.mark.slow
def test_all_of_it_runs_in_qgis_without_a_window(area, tmp_path):
    if (why := without_qgis()) is not None:
        pytest.skip(f"no QGIS: {why}")
    # QGIS runs by another Python; georet by this one, which finds it as this one does.
    georet = tmp_path / "georet"
    path = os.pathsep.join(sys.path)
    georet.write_text(f'#!/bin/sh\nPYTHONPATH="{path}" exec "{sys.executable}" -m georet "$@"\n')
    georet.chmod(0o755)
    clean = {
        "HOME": str(tmp_path),
        "PATH": os.defpath,
        "XDG_RUNTIME_DIR": str(tmp_path),
        "GEORET_COMMAND": str(georet),
        "GEORET_CACHE": os.environ.get("GEORET_CACHE", str(tmp_path / "cache")),
    }
    words = [PYTHON, str(FOLDER / "try_headless.py"), str(area / "area.tif"), str(area / "photos")]
    done = subprocess.run(
        [*words, str(tmp_path / "out")], capture_output=True, text=True, env=clean
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["photos"] == 3
    assert told["layers"] == {"best tiles": 15, "places of photos": 3}
    assert told["renderers"]["places of photos"] == "categorizedSymbol"
    assert told["qgis_process"] in (
        None, ["georet:buildgallery", "georet:loadplaces", "georet:locatephotos"],
    )  # fmt: skip
    assert Path(told["map"]).stat().st_size > 10_000
