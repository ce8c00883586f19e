"""pairs.csv: what its lines become, and one clear message for each way to get it wrong."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from georet.errors import DataError, UsageError
from georet.plugins import load_plugins
from georet.testing import check_dataset
from georet.train.setup import evaluations_of
from georet_datasets.readers.pairs_csv import PairsCsv

HEADER = "query,reference,query_lat,query_lon,reference_lat,reference_lon,semi_positives,split,yaw"
LINES = [
    "q/a1.jpg,r/a.jpg,47.3701,8.5402,47.37,8.54,r/b.jpg;r/c.jpg,train,12.5",
    "q/a2.jpg,r/a.jpg,47.3699,8.5398,47.37,8.54,,train,80",
    "q/b1.jpg,r/b.jpg,47.3801,8.5502,47.38,8.55,,,",
    ",r/c.jpg,,,47.39,8.56,,train,",
    "q/d1.jpg,r/d.jpg,47.4102,8.5503,47.41,8.55,,test,350",
    "q/e1.jpg,,47.5,8.6,,,,test,1",
    ",r/f.jpg,,,47.42,8.56,,test,",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("q/a1", "q/a2", "q/b1", "q/d1", "q/e1", "r/a", "r/b", "r/c", "r/d", "r/f"):
        path = tmp_path / f"{name}.jpg"
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 8, 3), 9, np.uint8))
    return tmp_path


def write(root: Path, *lines: str, header: str = HEADER, end: str = "\n") -> PairsCsv:
    (root / "pairs.csv").write_bytes(end.join([header, *lines, ""]).encode())
    return PairsCsv(root=root)


def with_line(root: Path, line: str) -> PairsCsv:
    return write(root, *LINES, line)


def message(data: PairsCsv) -> str:
    with pytest.raises(DataError) as caught:
        check_dataset(data)
    return str(caught.value)


def test_the_file_keeps_the_contract_of_data_sets(root):
    check_dataset(write(root, *LINES))


def test_training_lines_become_pairs_in_the_files_order(root):
    pairs = write(root, *LINES).train()
    assert list(pairs.queries.ids) == ["q/a1.jpg", "q/a2.jpg", "q/b1.jpg"]
    assert list(pairs.references.ids) == ["r/a.jpg", "r/b.jpg", "r/c.jpg"]
    assert pairs.pairs.tolist() == [[0, 0], [1, 0], [2, 1]]
    assert pairs.semi_positives is not None
    assert pairs.semi_positives.tolist() == [[1, 2], [-1, -1], [-1, -1]]
    assert pairs.queries.latlon is not None
    assert pairs.queries.latlon[0].tolist() == [47.3701, 8.5402]
    assert pairs.references.latlon is not None
    assert pairs.references.latlon[2].tolist() == [47.39, 8.56]


def test_headings_altitudes_and_ground_sizes_are_fields_of_the_tables(root):
    header = HEADER.replace("yaw", "heading_deg") + ",altitude_m,reference_side_m"
    sides = ["70", "", "80.5", "", "90", "", "90"]
    lines = [f"{line},{60 + n},{sides[n]}" for n, line in enumerate(LINES)]
    lines[3] = LINES[3] + ",,"
    data = write(root, *lines, header=header)
    pairs, test = data.train(), data.evaluations()["test"]
    assert pairs.queries.heading_deg[:2].tolist() == [12.5, 80]
    assert pairs.queries.altitude_m.tolist() == [60, 61, 62]
    assert pairs.references.side_m[:2].tolist() == [70, 80.5]
    assert np.isnan(pairs.references.side_m[2])
    assert test.gallery.side_m.tolist() == [90, 90]
    assert test.queries.heading_deg.tolist() == [350, 1]
    check_dataset(data)


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("71", "'r/a.jpg' has the ground size 71.0"),
        ("0", "csv:3:reference_side_m: reference_side_m is 0, wanted metres"),
        ("wide", "csv:3:reference_side_m: reference_side_m is 'wide', not a number"),
    ],
)
def test_a_ground_size_that_contradicts_itself_names_its_line(root, second, said):
    lines = [f"{LINES[0]},70", f"{LINES[1]},{second}"]
    assert said in message(write(root, *lines, header=HEADER + ",reference_side_m"))


def test_further_columns_travel_as_metadata(root):
    header = HEADER + ",camera"
    lines = [f"{line},cam {number}" for number, line in enumerate(LINES)]
    data = write(root, *lines, header=header)
    columns = data.train().columns
    assert columns["yaw"].dtype == np.float64
    assert columns["yaw"][:2].tolist() == [12.5, 80]
    assert np.isnan(columns["yaw"][2])
    assert columns["camera"].tolist() == ["cam 0", "cam 1", "cam 2"]
    assert data.evaluations()["test"].queries.columns["yaw"].tolist() == [350, 1]


def test_test_lines_become_queries_distractors_and_queries_without_a_match(root):
    found = write(root, *LINES).evaluations()["test"]
    assert list(found.queries.ids) == ["q/d1.jpg", "q/e1.jpg"]
    assert list(found.gallery.ids) == ["r/d.jpg", "r/f.jpg"]
    assert isinstance(found.positives, np.ndarray)
    assert found.positives.tolist() == [[0], [-1]]
    assert found.protocol == "recall/scaled"


def test_references_of_training_may_be_distractors(root):
    write(root, *LINES)
    found = PairsCsv(root=root, gallery="all", protocol="metres").evaluations()["test"]
    assert list(found.gallery.ids) == ["r/a.jpg", "r/b.jpg", "r/c.jpg", "r/d.jpg", "r/f.jpg"]
    assert isinstance(found.positives, np.ndarray)
    assert found.positives.tolist() == [[3], [-1]]
    assert found.protocol == "metres"


def test_a_query_on_several_lines_has_several_positives(root):
    more = "q/d1.jpg,r/f.jpg,47.4102,8.5503,47.42,8.56,,test,350"
    found = with_line(root, more).evaluations()["test"]
    assert found.positives == [[0, 1], []]


def test_semi_positives_of_test_lines_follow_the_positive(root):
    lines = [line.replace("8.55,,test", "8.55,r/f.jpg,test") for line in LINES]
    found = write(root, *lines).evaluations()["test"]
    assert isinstance(found.positives, np.ndarray)
    assert found.positives.tolist() == [[0, 1], [-1, -1]]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks_do_not_matter(root, end, mark):
    data = write(root, *LINES, header=mark + HEADER, end=end)
    assert data.train().columns["yaw"][0] == 12.5


def test_two_columns_are_enough(root):
    data = write(root, "q/a1.jpg,r/a.jpg,train", "q/d1.jpg,r/d.jpg,test",
                 header="query,reference,split")  # fmt: skip
    assert data.train().queries.latlon is None
    assert data.evaluations()["test"].gallery.latlon is None
    check_dataset(data)


def test_commas_and_line_breaks_in_quotes_and_blank_lines_are_read(root):
    (root / "q/a1.jpg").rename(root / "q/a, 1.jpg")
    lines = [LINES[0].replace("q/a1.jpg", '"q/a, 1.jpg"'), "", *LINES[1:]]
    assert write(root, *lines).train().queries.ids[0] == "q/a, 1.jpg"


def test_absolute_paths_are_fine(root):
    lines = [LINES[0].replace("q/a1.jpg", str(root / "q/a1.jpg")), *LINES[1:]]
    assert write(root, *lines).train().queries.paths[0] == root / "q/a1.jpg"


def test_paths_that_leave_the_folder_are_refused_unless_allowed(root):
    inner = root / "inner"
    inner.mkdir()
    for folder in ("q", "r"):
        (root / folder).rename(inner / folder)
    (inner / "q/a1.jpg").rename(root / "a1.jpg")
    lines = [LINES[0].replace("q/a1.jpg", "q/../../a1.jpg"), *LINES[1:]]
    text = message(write(inner, *lines))
    assert "pairs.csv:2:query: 'q/../../a1.jpg' leaves the folder of the CSV" in text
    assert "dataset.outside=true" in text
    assert len(PairsCsv(root=inner, outside=True).train()) == 3


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("q/d1.jpg,r/f.jpg,91,8.5,47.42,8.56,,test,", ":9:query_lat: query_lat is 91, not within"),
        ("q/d1.jpg,r/f.jpg,47,181,47.42,8.56,,test,", ":9:query_lon: query_lon is 181"),
        ("q/d1.jpg,r/f.jpg,47,8.5,x,8.56,,test,", ":9:reference_lat: .*'x', not a number"),
        (
            "q/d1.jpg,r/f.jpg,47,nan,47.42,8.56,,test,",
            ":9:query_lon: query_lon is 'nan', not a number",
        ),
        ("q/d1.jpg,r/f.jpg,47,8.5,,8.56,,test,", ":9:reference_lat: .*'', not a number"),
        ("q/z.jpg,r/f.jpg,47,8.5,47.42,8.56,,test,", ":9:query: the image 'q/z.jpg' is missing"),
        ("q,r/f.jpg,47,8.5,47.42,8.56,,test,", ":9:query: the image 'q' is missing"),
        ("q/d1.jpg,r/f.jpg,47,8.5,47.42,8.56,,tets,", ":9:split: split is 'tets'\n.*'test'"),
        ("q/d1.jpg,r/f.jpg,47,8.5,47.42,8.56,test,", ":9: has 8 cells, the header names 9"),
        (LINES[4], ":9: duplicate id 'q/d1.jpg r/d.jpg test'\n.*:6"),
        ("q/d1.jpg,r/f.jpg,47,8.5,47.42,8.56,,test,", ":9: query 'q/d1.jpg' has the position"),
        ("q/a1.jpg,r/f.jpg,47.3701,8.5402,47.42,8.56,,test,", ":9: .*has the split test\n.*train"),
        (",r/f.jpg,,,47.43,8.56,,train,", ":9: reference 'r/f.jpg' has the position"),
        (",,,,,,,test,", ":9:query: query is empty"),
        ("q/e1.jpg,,47.5,8.6,,,,train,", ":9:reference: reference is empty"),
        ("q/d1.jpg,r/d.jpg,47.4,8.5,47.41,8.55,r/d.jpg,test,", ":9:semi_positives: holds the ref"),
    ],
)
def test_a_bad_line_is_named_with_its_column(root, line, found):
    text = message(with_line(root, line))
    assert text.startswith(str(root / "pairs.csv"))
    assert re.search(found, text), text


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (HEADER.replace("query,ref", "querry,ref"), "has no column 'query'\n.*'querry'"),
        (HEADER.replace(",reference,", ",tile,"), "has no column 'reference'"),
        (HEADER.replace("semi_positives", "semi_positive"), "did you mean 'semi_positives'"),
        (HEADER.replace("query_lon", "heading"), "has no column 'query_lon', but its other half"),
        (HEADER.replace("yaw", "split"), "column 'split' stands twice"),
    ],
)
def test_a_bad_header_is_explained(root, header, found):
    text = message(write(root, *LINES, header=header))
    assert text.startswith(f"{root / 'pairs.csv'}:1: ")
    assert re.search(found, text), text


def test_a_semi_positive_without_position_is_named(root):
    lines = [line for line in LINES if ",r/c.jpg," not in line]
    text = message(write(root, *lines))
    assert "pairs.csv:2:semi_positives: 'r/c.jpg' has no position" in text


def test_several_references_and_semi_positives_cannot_be_counted_together(root):
    more = "q/d1.jpg,r/f.jpg,47.4102,8.5503,47.42,8.56,r/a.jpg,test,350"
    assert "several references and semi-positives" in message(with_line(root, more))


def test_an_encoding_that_nobody_knows_is_named_with_its_line(root):
    (root / "pairs.csv").write_bytes(
        "\n".join([HEADER, "q/é.jpg,r/a.jpg"]).encode("cp437") + b"\x81"
    )
    assert "pairs.csv:2: is neither UTF-8 nor Windows-1252" in message(PairsCsv(root=root))


def test_an_unfinished_quote_is_named(root):
    assert ":9: a quote is opened and never closed" in message(with_line(root, '"q/d1.jpg,r/f.jpg'))


def test_missing_images_may_be_left_to_the_loader(root):
    write(root, *LINES)
    (root / "q/a1.jpg").unlink()
    pairs = PairsCsv(root=root, missing="keep").train()
    assert pairs.queries.paths[0] == root / "q/a1.jpg"


def test_a_link_to_itself_is_missing(root):
    (root / "q/d1.jpg").unlink()
    (root / "q/d1.jpg").symlink_to(root / "q/d1.jpg")
    assert "pairs.csv:6:query: the image 'q/d1.jpg' is missing" in message(write(root, *LINES))


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        ([], "lists no pair"),
        (LINES[4:], "has no pair to train on"),
        (LINES[:4], "has no query to judge with"),
    ],
)
def test_an_empty_split_is_named(root, lines, found):
    assert found in message(write(root, *lines))


def test_a_missing_file_is_named(tmp_path):
    assert "pairs.csv: no such file" in message(PairsCsv(root=tmp_path))


def test_an_unknown_protocol_is_refused(root):
    write(root, *LINES)
    options: dict[str, Any] = {"root": root, "protocol": "recal"}
    with pytest.raises(UsageError, match="recall"):
        evaluations_of(PairsCsv(**options), load_plugins(["none"]))


def test_the_example_of_the_docstring_is_read(tmp_path):
    example = re.findall(r"^ {8}(\S.*)$", PairsCsv.__doc__ or "", re.MULTILINE)
    for name in re.findall(r"\w+/\w+\.(?:jpg|png)", " ".join(example)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        cv2.imwrite(str(path), np.full((8, 8, 3), 9, np.uint8))
    data = write(tmp_path, *example[1:], header=example[0])
    check_dataset(data)
    assert len(data.train()) == 2
    assert data.train().semi_positives is not None
    assert list(data.evaluations()["test"].gallery.ids) == ["tiles/d.png", "tiles/e.png"]
