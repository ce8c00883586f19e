"""Files that people bring to be scored: read in every form, refused with a reason."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from georet.errors import DataError, GeoretError, UsageError
from georet.evaluate.inputs import (
    read_embeddings,
    read_ids,
    read_junk,
    read_latlon,
    read_positives,
)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def text(name, content):
    Path(name).write_bytes(content.encode())
    return name


def saved(name, array, **options):
    np.save(name, array, **options)
    return name


def test_embeddings_are_mapped_and_not_read():
    found = read_embeddings(saved("q.npy", np.eye(3, dtype=np.float32)))
    assert isinstance(found, np.memmap)
    assert found.shape == (3, 3)


def test_a_member_of_an_archive_is_named_behind_a_colon():
    np.savez("all.npz", q=np.ones((2, 4)), r=np.ones((5, 4)))
    assert read_embeddings("all.npz:r").shape == (5, 4)


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("0\n2\n1\n", [[0], [2], [1]]),
        ("\ufeff0,4\r\n2,5\r\n", [[0, 4], [2, 5]]),
        ("0 4 5\n2\n-1\n", [[0, 4, 5], [2, -1, -1], [-1, -1, -1]]),
    ],
)
@pytest.mark.parametrize("suffix", [".csv", ".txt"])
def test_positives_in_text_are_padded_like_an_array(content, rows, suffix):
    assert read_positives(text(f"p{suffix}", content)).tolist() == rows


def test_positives_in_json_are_lists_in_which_all_are_right():
    assert read_positives(text("p.json", "[[0, 1], [], 3]")) == [[0, 1], [], [3]]


def test_positives_in_an_array_of_one_dimension_become_a_column():
    assert read_positives(saved("p.npy", np.array([3, 1]))).tolist() == [[3], [1]]


def test_ids_and_positions_are_read_from_text_and_arrays():
    assert read_ids(text("i.txt", "a 1\nb\n")).tolist() == ["a 1", "b"]
    assert read_ids(saved("i.npy", np.array([7, -1]))).tolist() == ["7", "-1"]
    assert read_latlon(text("l.csv", "46.5,7.25\n-1,2\n")).tolist() == [[46.5, 7.25], [-1, 2]]
    assert read_junk(saved("j.npy", np.array([True, False]))).dtype == np.bool_
    assert read_junk(text("j.json", "[4, 2]")).tolist() == [4, 2]


def broken(name):
    path = Path(saved(name, np.eye(3)))
    path.write_bytes(path.read_bytes()[:90])
    return name


@pytest.mark.parametrize(
    ("read", "make", "words"),
    [
        (read_embeddings, lambda: "none.npy", ["none.npy", "no such file"]),
        (read_embeddings, lambda: text("q.csv", "1,2\n"), ["q.csv", "FILE.npy"]),
        (read_embeddings, lambda: broken("q.npy"), ["q.npy", "can't be read as an array"]),
        (
            read_embeddings,
            lambda: saved("q.npy", np.array([{}], object), allow_pickle=True),
            ["q.npy", "never read"],
        ),
        (read_embeddings, lambda: saved("q.npy", np.arange(3)), ["int64[3]", "float[N, D]"]),
        (read_positives, lambda: saved("p.npy", np.ones(3)), ["float64[3]", "counted from 0"]),
        (read_positives, lambda: text("p.csv", "row\n1\n"), ["p.csv:1", "'row'", "No header"]),
        (read_positives, lambda: text("p.csv", "1\n\n2\n"), ["p.csv:2", "-1 stands for"]),
        (read_positives, lambda: text("p.json", "[[0], ['a']"), ["p.json", "JSON"]),
        (read_positives, lambda: text("p.json", '[[0], ["a"]]'), ["entry 1", '["a"]']),
        (read_positives, lambda: text("p.csv", f"{10**30}\n"), ["p.csv:1"]),
        (read_positives, lambda: text("p.json", '{"a": 1}'), ["list of lists"]),
        (read_latlon, lambda: text("l.csv", "46.5\n"), ["l.csv:1", "wanted 2"]),
        (read_latlon, lambda: saved("l.npy", np.ones((3, 3))), ["float[N, 2]"]),
        (read_ids, lambda: saved("i.npy", np.ones((3, 3))), ["ids [N]"]),
        (read_ids, lambda: "none.txt", ["none.txt", "no such file"]),
    ],
)
def test_a_bad_file_is_named_with_what_is_wrong_and_wanted(read, make, words):
    with pytest.raises(GeoretError) as raised:
        read(make())
    assert isinstance(raised.value, DataError | UsageError)
    assert all(word in str(raised.value) for word in words), str(raised.value)


def test_an_unknown_member_is_answered_with_the_closest():
    np.savez("all.npz", query=np.ones((2, 4)))
    with pytest.raises(UsageError, match="did you mean 'query'"):
        read_embeddings("all.npz:qury")
    with pytest.raises(UsageError, match="which of its arrays"):
        read_embeddings("all.npz")
