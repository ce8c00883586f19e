"""A result of files: ids in place of rows, rules beside figures, what doesn't go together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import georet
from georet.errors import DataError, UsageError
from georet.evaluate.score_files import Files, positives_by_id, score_files

QUERY = np.array([[4, 3, 2, 1], [1, 2, 3, 4], [2, 2, 1, 4]], np.float32)


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("q.npy", QUERY)
    np.save("r.npy", np.eye(4, dtype=np.float32))


def scored(protocol="cvusa/sample4geo", **files):
    return score_files(Files(query="q.npy", reference="r.npy", **files), protocol=protocol)


def write(name, *lines):
    Path(name).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return name


def test_a_result_says_what_was_counted_and_how():
    found = scored(positives=write("p.txt", 0, 2, 3))
    assert found["metrics"]["recall@1"] == pytest.approx(200 / 3)
    assert found["protocol"] == "cvusa/sample4geo"
    assert "ties count as found" in found["tie_rule"]
    assert (found["num_queries"], found["num_references"]) == (3, 4)
    assert found["versions"]["georet"] == georet.version.__version__
    assert found["warnings"] == []
    assert found["name"] == "q"


def test_ids_stand_for_rows_and_the_id_of_junk_leaves_the_ranking():
    by_row = scored(
        "university-1652/d2s",
        positives=write("p.json", "[[0, 2], [2, 0], []]"),
        junk=write("j.txt", 3),
    )
    by_id = scored(
        "university-1652/d2s",
        query_ids=write("qi.txt", "house", "house", "none"),
        reference_ids=write("ri.txt", "house", "mill", "house", "-1"),
    )
    assert by_id == by_row
    assert by_id["num_without_match"] == 1


def test_rows_of_an_id_are_all_its_references_in_order():
    found = positives_by_id(np.array(["b", "-1", "z"]), np.array(["b", "a", "b", "-1"]))
    assert found == [[0, 2], [], []]


def test_a_radius_needs_no_positives_but_places():
    write("ql.csv", "0,0", "0,1", "0,2")
    write("rl.csv", "0,0", "0,1", "0,2", "0,3")
    places = {"query_latlon": "ql.csv", "reference_latlon": "rl.csv"}
    assert scored("cvact-test/geo5m", **places)["metrics"]["recall@1"] == pytest.approx(100 / 3)
    with pytest.raises(UsageError, match="needs coordinates"):
        scored("cvact-test/geo5m")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "what is right is missing"),
        ({"query_ids": "i.txt"}, "ids are needed on both sides"),
        ({"positives": "p.txt", "query_ids": "i.txt", "reference_ids": "i.txt"}, "both given"),
        ({"query_ids": "i.txt", "reference_ids": "i.txt"}, r"i.txt: holds 2 ids for 3 embeddings"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(files, message):
    write("i.txt", "a", "b")
    write("p.txt", 0, 1, 2)
    with pytest.raises(UsageError, match=message):
        scored(**files)


@pytest.mark.parametrize(("rows", "message"), [((0, 1), "2 queries"), ((0, 1, 9), "positive 9")])
def test_positives_that_do_not_fit_the_embeddings_are_a_data_error(rows, message):
    with pytest.raises(DataError, match=message):
        scored(positives=write("p.txt", *rows))
