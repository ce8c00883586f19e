from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from georet.errors import DataError
from georet_orbitview.dataset import OrbitView
from georet_orbitview.earthloc import read_earthloc

HEADER = (
    "LL_LAT,LL_LON,UL_LAT,UL_LON,UR_LAT,UR_LON,LR_LAT,LR_LON,MISSION,ROLL,FRAME,YYYYMMDD,"
    "NADIR_LAT,NADIR_LON,SQ_KM_AREA,ORIENTATION,URL"
)
TAIL = "20200101,0.0,0.0,5000,1.5,https://example.org/photo.jpg"
INLAND = f"-1.0,20.0,1.0,20.0,1.0,22.0,-1.0,22.0,ISS047,E,55412,{TAIL}"
ACROSS = f"9.0,179.0,11.0,179.0,11.0,-179.0,9.0,-179.0,ISS063,E,738,{TAIL}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = tmp_path / "queries"
    images.mkdir()
    (images / "ISS047-E-55412.JPG").write_bytes(b"")
    corners = "@9.000000@179.000000@11.000000@179.000000@11.000000@-179.000000@9.000000@-179.000000"
    (images / f"{corners}@ISS063-E-738@20200101@0.0@0.0@5000@1.5@.jpg").write_bytes(b"")
    return tmp_path


def listing(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "photos.csv"
    path.write_text("\n".join([header, *rows, ""]))
    return path


def test_photos_are_found_under_both_names_with_position_and_corners(folder: Path) -> None:
    table = read_earthloc(listing(folder, INLAND, ACROSS), folder / "queries")
    assert list(table.ids) == ["ISS047-E-55412", "ISS063-E-738"]
    assert table.paths[0].name == "ISS047-E-55412.JPG"
    np.testing.assert_allclose(table.latlon[0], [0, 21], atol=1e-9)
    assert table.latlon[1, 0] == pytest.approx(10, abs=0.01)
    assert abs(table.latlon[1, 1]) == pytest.approx(180)
    assert table.corners_latlon[0].tolist() == [[1, 20], [1, 22], [-1, 22], [-1, 20]]
    assert table.corners_latlon[1].tolist() == [[11, 179], [11, 181], [9, 181], [9, 179]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (INLAND.replace("-1.0,20.0", "north,20.0"), "LL_LAT: 'north' is no number"),
        (INLAND.replace("-1.0,20.0", "-91,20.0"), " LL_LAT is -91, not within -90..90"),
        (INLAND.replace("-1.0,20.0", "nan,20.0"), "LL_LAT: 'nan' is no number"),
        (INLAND.replace("-1.0,20.0", ",20.0"), " LL_LAT is empty"),
        (INLAND.replace("55412", "99999"), " no image ISS047-E-99999"),
        ("1.0,2.0", " has 2 cells, the header names 17 columns"),
    ],
)
def test_a_bad_row_is_named_by_file_and_line(folder: Path, row: str, message: str) -> None:
    with pytest.raises(DataError, match=rf"photos\.csv:3:{message}"):
        read_earthloc(listing(folder, ACROSS, row), folder / "queries")


def test_another_header_is_refused(folder: Path) -> None:
    path = listing(folder, INLAND, header=HEADER.replace("UL_LON", "lon"))
    with pytest.raises(DataError, match=r"photos\.csv:1: has no column 'UL_LON'"):
        read_earthloc(path, folder / "queries")


def test_a_photo_listed_twice_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="duplicate id 'ISS047-E-55412'"):
        read_earthloc(listing(folder, INLAND, INLAND), folder / "queries")


def test_missing_files_are_named(folder: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.csv"):
        read_earthloc(folder / "absent.csv", folder / "queries")
    with pytest.raises(DataError, match="nowhere"):
        read_earthloc(listing(folder, INLAND), folder / "nowhere")


def test_rows_without_an_image_can_be_skipped(folder: Path) -> None:
    path = listing(folder, INLAND, INLAND.replace("55412", "99999"))
    assert len(read_earthloc(path, folder / "queries", missing="skip")) == 1
    only = listing(folder, INLAND.replace("55412", "99999"))
    with pytest.raises(DataError, match="lists no photo that lies in"):
        read_earthloc(only, folder / "queries", missing="skip")


def test_astronaut_photos_are_one_more_evaluation_set(folder: Path, mini: OrbitView) -> None:
    lat, lon = mini.world.latlon[mini.places.train[0]]
    corners = [(lat - 1, lon - 1), (lat + 1, lon - 1), (lat + 1, lon + 1), (lat - 1, lon + 1)]
    numbers = ",".join(f"{value:.4f}" for corner in corners for value in corner)
    path = listing(folder, f"{numbers},ISS047,E,55412,{TAIL}", ACROSS)
    dataset = OrbitView(size="mini", px=48, cache_dir=mini.world.root, astronaut_csv=path)
    sets = dataset.evaluations()
    assert list(sets)[-1] == "astronaut"
    evaluation = sets["astronaut"]
    assert list(evaluation.queries.ids) == ["ISS047-E-55412"]
    assert np.asarray(evaluation.positives).tolist() == [[mini.places.train[0]]]
    assert evaluation.about.startswith("1 of 2 astronaut photos")


@pytest.mark.parametrize(
    ("separator", "encoding"),
    [(";", "utf-8"), ("\t", "utf-8-sig"), (",", "utf-16"), (";", "cp1252")],
)
def test_every_dialect_of_a_spreadsheet_is_read(
    folder: Path, separator: str, encoding: str
) -> None:
    path = listing(folder, INLAND)
    wanted = read_earthloc(path, folder / "queries")
    text = path.read_text().replace(",", separator)
    if separator == ";":
        text = text.replace(".", ",")
    path.write_bytes(text.encode(encoding))
    found = read_earthloc(path, folder / "queries")
    assert found.ids == wanted.ids
    np.testing.assert_array_equal(found.latlon, wanted.latlon)
