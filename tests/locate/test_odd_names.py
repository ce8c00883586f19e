"""Photos whose names are formulas or no text at all, in every file of results."""

from __future__ import annotations

import csv
import os

import pytest

from georet.csvfile import read_csv
from georet.locate.output.answers import Answers
from georet.locate.output.journal import Journal
from georet.locate.output.writers import Csv, GeoJson, Json, Parquet

NAMES = [
    "=HYPERLINK(1).jpg",
    "+1.jpg",
    "-2.jpg",
    "@x.jpg",
    "\ta.jpg",
    "\rb.jpg",
    "'=c.jpg",
    "d.jpg",
]
NO_TEXT = os.fsdecode(b"caf\xe9.jpg")


def record(photo):
    numbers = dict.fromkeys(("latitude", "longitude", "radius_50_m", "radius_90_m"), 1.0)
    candidate = {"rank": 1, "id": "=tile", "row": 0, "latitude": 1.0, "longitude": 1.0}
    candidate |= {
        "score": 0.5,
        "belief": 0.5,
        "side_m": 9.0,
        "corners": [[0, 0], [0, 1], [1, 1], [1, 0]],
    }
    return {
        "photo": photo, **numbers, "confidence": 0.5, "abstained": False, "calibrated": False,
        "photo_sha256": ["00"], "photos": [photo], "candidates": [candidate],
    }  # fmt: skip


@pytest.fixture
def journal(tmp_path):
    from georet.locate.output.records import PLACE

    made = Journal(tmp_path / "journal", {})
    rows = [{**dict.fromkeys(PLACE, 0.5), **record(name)} for name in [*NAMES, NO_TEXT]]
    made.append([([row["photo"]], row) for row in rows], {})
    return made


def test_no_cell_of_a_csv_is_a_formula_and_names_are_read_back(journal, tmp_path):
    path = tmp_path / "out.csv"
    Csv().write(path, Answers(journal, {}, None))
    with path.open(newline="") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert "'=tile" in cells
    found = [row["photo"] for _, row in read_csv(path, ["photo"])]
    assert found[: len(NAMES)] == NAMES


def test_a_name_that_is_no_text_is_written_to_parquet_as_its_bytes(journal, tmp_path):
    pq = pytest.importorskip("pyarrow.parquet")
    Parquet().write(tmp_path / "out.parquet", Answers(journal, {}, None))
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert rows[-1]["photo"] == "caf\\udce9.jpg"
    assert rows[0]["photos"] == [NAMES[0]]


@pytest.mark.parametrize("output", [Json, GeoJson, Csv, Parquet])
def test_every_file_of_results_can_be_written(output, journal, tmp_path):
    output().write(tmp_path / "out", Answers(journal, {}, None))
    assert (tmp_path / "out").stat().st_size
