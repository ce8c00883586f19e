"""pairs.csv as spreadsheets and Windows write it: the same pairs, or one clear error."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from georet.config import ComponentSpec
from georet.data.loader import ImageLoader, PairLoader
from georet.errors import DataError
from georet.photos.known import embed_known, open_queries
from georet.plugins import load_plugins
from georet.sources.opening import open_source
from georet.testing import check_dataset
from georet.testing.pixel_session import PixelSession
from georet.tiles.tiling import Tiling
from georet.train.sets import evaluations_of, name_origin
from georet.types import QUERY, REFERENCE, BatchPlan, EvaluationSet, ImageTable, PairTable
from georet_datasets.readers.pairs_csv import PairsCsv
from georet_datasets.writers.pairs_csv import write as write_pairs

pytest_plugins = ["georet.testing.fixtures"]

HEADER = ["query", "reference", "query_lat", "query_lon", "reference_lat", "reference_lon"]
HEADER += ["semi_positives", "split", "yaw"]
ROWS = [
    ["q/a.jpg", "r/a.jpg", "47.37", "8.54", "47.38", "8.55", "r/b.jpg;r/c.jpg", "train", "12.5"],
    ["q/b.jpg", "r/b.jpg", "47.47", "8.64", "47.48", "8.65", "", "", "80"],
    ["", "r/c.jpg", "", "", "47.58", "8.75", "", "train", ""],
    ["q/d.jpg", "r/d.jpg", "47.67", "8.84", "47.68", "8.85", "", "test", "7.25"],
]


@pytest.fixture
def root(tmp_path: Path, save_image) -> Path:
    for side, names in (("q", "abd"), ("r", "abcd")):
        for name in names:
            save_image(tmp_path / f"{side}/{name}.jpg")
    return tmp_path


def text_of(separator: str = ",", *, comma: bool = False, header=HEADER, rows=ROWS) -> str:
    stream = io.StringIO()
    out = csv.writer(stream, delimiter=separator, lineterminator="\r\n")
    out.writerow(header)
    number = slice(2, 6)
    for row in rows:
        cells = list(row)
        if comma:
            cells[number] = [cell.replace(".", ",") for cell in cells[number]]
            cells[8] = cells[8].replace(".", ",")
        out.writerow(cells)
    return stream.getvalue()


def checked(root: Path, content: bytes) -> PairsCsv:
    (root / "pairs.csv").write_bytes(content)
    return PairsCsv(root=root)


def same(data: PairsCsv) -> None:
    check_dataset(data)
    pairs, test = data.train(), data.evaluations()["test"]
    assert list(pairs.queries.ids) == ["q/a.jpg", "q/b.jpg"]
    assert list(pairs.references.ids) == ["r/a.jpg", "r/b.jpg", "r/c.jpg"]
    assert pairs.queries.latlon.tolist() == [[47.37, 8.54], [47.47, 8.64]]
    assert pairs.references.latlon.tolist() == [[47.38, 8.55], [47.48, 8.65], [47.58, 8.75]]
    assert pairs.semi_positives.tolist() == [[1, 2], [-1, -1]]
    assert pairs.columns["yaw"].tolist() == [12.5, 80]
    assert list(test.queries.ids) == ["q/d.jpg"]
    assert test.queries.columns["yaw"].tolist() == [7.25]


BACKSLASHED = [[cell.replace("/", "\\") for cell in row] for row in ROWS]
DIALECTS = {
    "commas": text_of().encode(),
    "semicolons": text_of(";").encode(),
    "semicolons and decimal commas": text_of(";", comma=True).encode(),
    "tabs": text_of("\t", comma=True).encode(),
    "a line that tells the separator": ("sep=;\r\n" + text_of(";", comma=True)).encode(),
    "UTF-8 with a mark": text_of().encode("utf-8-sig"),
    "UTF-16": text_of("\t").encode("utf-16"),
    "header in capitals": text_of(
        header=[*(f" {name.upper()} " for name in HEADER[:-1]), "yaw"]
    ).encode(),
    "header with blanks": text_of(header=[n.replace("_", " ") for n in HEADER]).encode(),
    "paths of Windows": text_of(rows=BACKSLASHED).encode(),
    "blank lines and columns": (text_of().replace("\r\n", ",,\r\n") + ",,\r\n\r\n").encode(),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_same_pairs_are_read_in_every_dialect(root, dialect):
    same(checked(root, DIALECTS[dialect]))


def test_names_in_windows_1252_are_found(root, save_image):
    save_image(root / "q/Zürich.jpg")
    rows = [*ROWS, ["q/Zürich.jpg", "r/a.jpg", "47", "8", "47.38", "8.55", "", "", "1"]]
    data = checked(root, text_of(rows=rows).encode("cp1252"))
    assert data.train().queries.ids[-1] == "q/Zürich.jpg"


REFUSED = {
    "a decimal comma where commas part cells": (
        text_of(comma=True),
        r"pairs\.csv:2:query_lat: query_lat is '47,37', not a number\n.*Write 47\.37",
    ),
    "a decimal comma in further columns": (
        text_of(rows=[[*ROWS[0][:8], "12,5"], *ROWS[1:]]),
        r"pairs\.csv:2:yaw: .*'12,5'.*\n.*Write 12\.5",
    ),
    "two decimal signs": (
        text_of(";", rows=[*ROWS, ["q/d.jpg", "r/a.jpg", "47,67", "8,84", *ROWS[0][4:]]]),
        "has a decimal comma, '47.37' has a point",
    ),
    "semi-positives without quotes": (
        text_of(";").replace('"', ""),
        r"pairs\.csv:2: has 10 cells, the header names 9 columns\n.*';'.*double quotes",
    ),
    "a missing column": (
        text_of(header=["photo", *HEADER[1:]]),
        "has no column 'query'\n.*There are: photo, reference",
    ),
    "swapped positions": (
        text_of(rows=[["q/a.jpg", "r/a.jpg", "151.2", "-33.8", *ROWS[0][4:]]]),
        r"query_lat is 151\.2, not within -90\.\.90\n.*swapped",
    ),
    "metres": (
        text_of(rows=[["q/a.jpg", "r/a.jpg", "5246000", "465000", *ROWS[0][4:]]]),
        r"query_lat is 5246000, .*\n.*degrees",
    ),
    "a drive": (
        text_of(rows=[["C:\\q\\a.jpg", *ROWS[0][1:]]]),
        r"pairs\.csv:2:query: .*path of Windows",
    ),
    "test lines alone": (
        text_of(rows=[ROWS[3]]),
        "has no pair to train on; 1 of its lines .* split test\n.*georet eval RUN",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_known_is_refused_with_what_to_do(root, case):
    content, said = REFUSED[case]
    with pytest.raises(DataError, match=said):
        check_dataset(checked(root, content.encode()))


def test_a_written_pairs_csv_has_no_formula_and_is_read_back(tmp_path, save_image):
    paths = [save_image(tmp_path / f"{name}.jpg") for name in "abcde"]
    notes = {"note": np.array(["=HYPERLINK(1)", "-1"]), "@by": np.array(["+x", "y"])}
    queries = ImageTable(["a", "b"], paths[:2], columns=notes)
    asked = ImageTable(["e"], paths[4:], columns={k: v[:1] for k, v in notes.items()})
    tiles = ImageTable(["c", "d"], paths[2:4])
    pairs = PairTable({QUERY: queries, REFERENCE: tiles}, np.array([[0, 0], [1, 1]]))
    judged = EvaluationSet(asked, tiles, np.array([[0]]), "recall")
    (tmp_path / "new").mkdir()
    write_pairs(pairs, {"test": judged}, tmp_path / "new")
    with (tmp_path / "new/pairs.csv").open(newline="") as stream:
        cells = {cell for row in csv.reader(stream) for cell in row}
    assert {"'=HYPERLINK(1)", "-1", "'+x", "'@by"} <= cells
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "@")]
    found = PairsCsv(root=tmp_path / "new", missing="keep")._rows
    assert {(row.more["note"], row.more["@by"]) for row in found if row.query} == {
        ("=HYPERLINK(1)", "+x"), ("-1", "y"),
    }  # fmt: skip


@pytest.mark.parametrize("which", ["training", "evaluation", "gallery", "calibration"])
def test_an_image_that_vanishes_is_named_with_its_row_and_data_set(root, which):
    (root / "pairs.csv").write_text(text_of())
    plugins = load_plugins(["datasets"])
    made = plugins.catalog.create(
        "datasets", ComponentSpec(name="pairs_csv", root=str(root)), where="dataset"
    )
    data = made.train()
    sets = evaluations_of(made, plugins)
    name_origin(made, data.views.values())
    (root / "q/a.jpg").unlink()
    (root / "q/d.jpg").unlink()
    (root / "r/a.jpg").unlink()
    size, table = (8, 8), sets["test"].queries
    readers: dict[str, Callable[[], object]] = {
        "training": lambda: next(
            PairLoader(data, size={QUERY: size, REFERENCE: size}, seed=0).epoch(
                BatchPlan(np.array([[0, 1]]), 0, 0, "x")
            )
        ),
        "evaluation": lambda: list(ImageLoader(table, size=size, batch_size=1)),
        "gallery": lambda: open_source(
            f"dataset:pairs_csv?root={root}", Tiling(side_m=(9.0,))
        ).read(0),
        "calibration": lambda: embed_known(
            open_queries(f"dataset:pairs_csv?root={root}"), PixelSession()
        ),
    }
    if which in ("gallery", "calibration"):
        # Theirs is opened anew, and names the missing line at once.
        with pytest.raises(DataError, match=r"pairs\.csv:\d"):
            readers[which]()
        return
    with pytest.raises(DataError, match="the image is missing") as caught:
        readers[which]()
    said = str(caught.value)
    assert f"the data set 'datasets:pairs_csv' (root: {root})" in said
    assert "row 0 ('q/" in said
    assert "pairs.csv" in said
