"""``georet score``: the figures of the reference implementation through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

DATA = Path(__file__).parents[1] / "data"
GOLDENS = DATA / "goldens-7.npz"


def member(name):
    return f"{GOLDENS}:{name}"


def ids(query, reference):
    return "--query-ids", member(query), "--reference-ids", member(reference)


ONE = (
    "score",
    member("one_query"),
    member("one_reference"),
    *ids("one_query_id", "one_reference_id"),
)
VIGOR = ("score", member("vigor_query"), member("vigor_reference"), member("vigor_positive"))
UNIVERSITY = (
    "score",
    member("uni_query"),
    member("uni_gallery"),
    *ids("uni_query_id", "uni_gallery_id"),
)


@pytest.mark.parametrize(
    ("call", "protocol", "figures"),
    [
        (ONE, "cvusa/sample4geo", "one_positive"),
        (ONE, "cvact-val/sample4geo", "one_positive"),
        (VIGOR, "vigor-same/sample4geo", "vigor"),
        (VIGOR, "vigor-cross/sample4geo", "vigor"),
        (UNIVERSITY, "university-1652/d2s", "university"),
    ],
)
def test_the_goldens_come_out_to_the_printed_digits(georet, call, protocol, figures):
    done = georet(*call, "--protocol", protocol, "--json")
    assert done.code == 0, done.err
    result = json.loads(done.out)
    expected = json.loads((DATA / "goldens-7.json").read_text())[figures]
    expected["recall@1%"] = expected.pop("recall@top1")
    expected.pop("note", None)
    without_match = expected.pop("queries_without_match", 0)
    assert result["num_without_match"] == without_match
    assert result["metrics"] == pytest.approx(expected, abs=6e-5)
    assert result["protocol"] == protocol


def test_a_markdown_row_stands_under_its_head_with_rules_below(georet):
    done = georet(*VIGOR, "--protocol", "vigor-same", "--markdown", "--name", "mine|ours")
    lines = done.out.splitlines()
    assert lines[0] == "**protocol vigor-same/sample4geo**"
    assert lines[2] == "|  | R@1 | R@5 | R@10 | R@1% | Hit rate |"
    assert lines[4] == r"| mine\|ours | 74.33 | 95.50 | 98.67 | 97.50 | 76.00 |"
    assert "600 queries (0 without a match), 900 references" in done.out


def test_a_latex_row_is_escaped_and_ends_in_two_backslashes(georet):
    done = georet(*ONE, "--protocol", "cvusa", "--latex", "--name", "a_b & c")
    assert done.out.splitlines()[-3] == r"a\_b \& c & 26.86 & 54.43 & 65.29 & 58.57 \\"
    assert "% protocol cvusa/sample4geo" in done.out


def test_the_terminal_shows_protocol_tie_rule_and_counts(georet):
    out = georet(*ONE, "--protocol", "cvusa").out
    assert all(word in out for word in ("cvusa/sample4geo", "ties count as found", "700 queries"))


def test_an_unknown_protocol_is_answered_with_the_closest(georet):
    done = georet(*ONE, "--protocol", "cvusa/sample4go")
    assert done.code == 2
    assert "did you mean 'cvusa/sample4geo'" in done.err


def test_two_formats_at_once_are_refused(georet):
    done = georet(*ONE, "--protocol", "cvusa", "--json", "--latex")
    assert done.code == 2
    assert "--json, --latex can't be given together" in done.err


def test_a_missing_file_ends_with_code_3_and_its_name(georet):
    done = georet("score", "q.npy", "r.npy", "p.npy", "--protocol", "cvusa")
    assert done.code == 3
    assert "q.npy: no such file" in done.err
