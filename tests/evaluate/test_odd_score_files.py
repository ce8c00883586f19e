"""Ids and positions for scoring, as editors and spreadsheets leave them."""

from __future__ import annotations

import numpy as np
import pytest

from georet.errors import DataError, UsageError
from georet.evaluate.inputs import read_ids, read_latlon, read_positives
from georet.evaluate.score_files import Files, score_files


@pytest.mark.parametrize(
    "content",
    [
        "46.95,7.5\n-33,151.25\n",
        "46.95 7.5\n-33 151.25",
        "46,95;7,5\r\n-33;151,25\r\n",
        "46.95\t7.5\n-33\t151.25\n\n",
        "\ufeff46,95|7,5\n-33|151,25\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_the_same_positions_are_read_in_every_dialect(content, encoding, tmp_path):
    path = tmp_path / "places.csv"
    path.write_bytes(content.encode(encoding))
    assert read_latlon(str(path)).tolist() == [[46.95, 7.5], [-33, 151.25]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("46,95,7,5\n", r":1: holds 4 numbers, wanted 2"),
        ("lat,lon\n46.95,7.5\n", r":1: not a line of numbers.*\n.*No header"),
        ("46.95;7.5\n46,95;7,5\n", r":2: not a line of numbers.*\n.*decimal point"),
        ("46.95,7.5\n\n46.95,7.5\n", r":2: holds 0 numbers"),
        ("46.95,nan\n", r":1: not a line of numbers"),
    ],
)
def test_what_cannot_be_known_is_refused_with_its_line(content, said, tmp_path):
    path = tmp_path / "places.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=said):
        read_latlon(str(path))


@pytest.mark.parametrize("content", ["0;1\n2;-1\n", "0,1\n2\n", "0\t1\r\n2\t-1\r\n"])
def test_positives_are_read_in_every_dialect(content, tmp_path):
    path = tmp_path / "right.csv"
    path.write_text(content)
    assert np.asarray(read_positives(str(path))).tolist() == [[0, 1], [2, -1]]


@pytest.mark.parametrize("content", ["", "\n\n", "\ufeff\n"])
def test_a_list_of_positives_that_is_empty_is_refused(content, tmp_path):
    path = tmp_path / "right.txt"
    path.write_text(content)
    with pytest.raises(DataError, match="holds no row"):
        read_positives(str(path))


def test_ids_may_hold_signs_at_which_no_line_ends(tmp_path):
    path = tmp_path / "ids.txt"
    path.write_bytes("a,1,2,.jpg\r\nb\x0cb\u2028c\r\n".encode("utf-8-sig"))
    assert read_ids(str(path)).tolist() == ["a,1,2,.jpg", "b\x0cb\u2028c"]


def test_an_id_in_quotes_is_the_text_in_them(tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text('"a,1"\nb\n"c ""d"""\n')
    assert read_ids(str(path)).tolist() == ["a,1", "b", 'c "d"']


@pytest.mark.parametrize(
    ("content", "said"),
    [("a\n\nb\n", ":2: the line is blank"), ('"a","b"\n', ":1: holds 2 cells, wanted an id")],
)
def test_a_line_without_one_id_is_refused(content, said, tmp_path):
    path = tmp_path / "ids.csv"
    path.write_text(content)
    with pytest.raises(DataError, match=said):
        read_ids(str(path))


def test_a_header_over_ids_is_pointed_at(tmp_path):
    np.save(tmp_path / "q.npy", np.eye(2, dtype=np.float32))
    (tmp_path / "ids.csv").write_text("id\na\nb\n")
    name = str(tmp_path / "q.npy")
    ids = str(tmp_path / "ids.csv")
    with pytest.raises(UsageError, match=r"3 ids for 2 embeddings\n.*'id', a header"):
        score_files(Files(query=name, reference=name, query_ids=ids, reference_ids=ids),
                    protocol="recall")  # fmt: skip
