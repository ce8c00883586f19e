from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from georet.errors import DataError
from georet.report import write_report

SECTIONS = ("galleries", "training", "batches", "contact", "map", "errors", "provenance")


def test_a_complete_run_fills_every_section(run: Any) -> None:
    page = run.report()
    assert [a["id"] for a in page.all("section")] == list(SECTIONS)
    assert page.all("p", "absent") == []
    assert page.all("ul", "absent") == []
    assert len(page.all("svg", "chart")) == 4  # loss, learning rate, recall, errors
    assert len(page.all("svg", "map")) == 3  # two batches, hits and misses
    assert len(page.all("figure", "case")) == 12
    assert page.open == []


def test_the_headline_is_recall_at_1_beside_chance_and_what_was_run(run: Any) -> None:
    text = run.report().text
    assert "66.7 %" in text
    assert "Guessing would reach 4.2 %" in text
    for fact in ("sample4geo (georet 0.1.0)", "sample4geo/tiny", "12 pairs", "12,345", "10.0 s"):
        assert fact in text


def test_the_foot_repeats_command_versions_protocol_and_hashes(run: Any) -> None:
    text = run.report().text
    assert "georet train --set dataset.name=tiny" in text
    assert "PyTorch 2.9.0" in text
    assert "orbitview" in text
    assert re.search(r"evaluation/held-out\.npz [0-9a-f]{64}", text)


def test_nothing_outside_the_file_is_named_and_nothing_runs(run: Any) -> None:
    page = run.report()
    assert page.all("script") == []
    assert page.all("link") == []
    assert "http:" not in page.source
    assert "https:" not in page.source
    assert "@import" not in page.source
    assert "url(" not in page.source
    addresses = [a.get("src", a.get("href")) for _, a in page.elements if {"src", "href"} & {*a}]
    assert addresses
    assert all(a.startswith(("data:image/jpeg;base64,", "#")) for a in addresses)
    policy = next(a for a in page.all("meta") if "http-equiv" in a)
    assert policy["content"].startswith("default-src 'none'; img-src data:;")


def test_markup_in_ids_plugins_and_commands_stays_text(hostile_run: Any) -> None:
    page = hostile_run.report()
    assert page.all("script") == []
    assert all(a["src"].startswith("data:") for a in page.all("img"))
    assert not any(name.startswith("on") for _, a in page.elements for name in a)
    assert "<script>alert(1)</script>" in page.text  # as the text that it is


def test_the_same_folder_and_data_give_the_same_bytes(run: Any) -> None:
    first = write_report(run.path, run.evaluations, run.pairs).read_bytes()
    assert write_report(run.path, run.evaluations, run.pairs).read_bytes() == first
    assert [p.name for p in run.path.glob(".*")] == []


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("manifest.json", "manifest.json is missing."),
        ("config.yaml", "config.yaml is missing."),
        ("events.jsonl", "The run has no batch plans."),
        ("timing.jsonl", "The run left no timing."),
        ("evaluation/held-out.json", "The run has no evaluation."),
        ("evaluation/held-out.npz", "The run left no ranks of 'held-out'."),
    ],
)
def test_a_missing_file_becomes_a_sentence(run: Any, name: str, sentence: str) -> None:
    (run.path / name).unlink()
    page = run.report()
    assert sentence in page.text
    assert [a["id"] for a in page.all("section")] == list(SECTIONS)


@pytest.mark.parametrize("name", ["manifest.json", "events.jsonl", "evaluation/held-out.npz"])
@pytest.mark.parametrize("content", [b"", b"[1, 2]", b"\xff\xfe\x00 torn", b"PK\x03\x04 torn"])
def test_a_foreign_file_does_not_stop_the_report(run: Any, name: str, content: bytes) -> None:
    (run.path / name).write_bytes(content)
    assert len(run.report().all("section")) == len(SECTIONS)


def test_a_torn_last_event_is_named_and_the_rest_shown(run: Any) -> None:
    with (run.path / "events.jsonl").open("a") as stream:
        stream.write('{"event": "step", "epo')
    page = run.report()
    assert "Line 14 of events.jsonl can't be read" in page.text
    assert len(page.all("svg", "chart")) == 4


def test_ranks_of_another_data_set_are_refused_in_a_sentence(run: Any) -> None:
    path = run.path / "evaluation" / "held-out.npz"
    with np.load(path) as arrays:
        content = dict(arrays)
    np.savez(path, **(content | {"top": content["top"] + 1000}))
    assert "The ranks of 'held-out' don't fit its queries and gallery." in run.report().text


def test_an_empty_folder_still_gives_a_page(run: Any, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    page = type(run)(tmp_path / "empty", {}, None).report()
    assert len(page.all("section")) == len(SECTIONS)
    assert "The run has no evaluation." in page.text


def test_a_folder_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such run folder"):
        write_report(tmp_path / "nowhere", {}, None)


def test_without_the_data_set_the_numbers_are_still_shown(run: Any) -> None:
    page = type(run)(run.path, {}, None).report()
    assert "66.7 %" in page.text
    assert "The images of 'held-out' were not at hand." in page.text
    assert "The training pairs were not at hand, so no batch is shown." in page.text


def test_metrics_that_are_no_numbers_show_as_dashes(
    run: Any, rewrite: Callable[[Path, Any], None]
) -> None:
    record = {"set": "held-out", "metrics": {"recall@1": float("nan"), "ap": None}}
    counts = {"num_queries": 12, "num_references": 24}
    rewrite(run.path / "evaluation" / "held-out.json", record | counts)
    page = run.report()
    assert "No recall@1 is reported for held-out" in page.text
    assert "nan" not in page.text


def test_every_picture_says_in_words_what_it_shows(run: Any) -> None:
    page = run.report()
    assert all(a.get("alt") for a in page.all("img"))
    assert page.source.count('role="img"') == page.source.count("<svg") == 7
    assert len(re.findall(r"<svg [^>]*><title>[^<]+</title>", page.source)) == 7


def test_headings_links_and_tables_are_sound(run: Any) -> None:
    page = run.report()
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"] for a in page.all("a")} == {f"#{name}" for name in SECTIONS}
    assert len(page.all("h1")) == 1
    assert all(a.get("scope") in {"col", "row"} for a in page.all("th"))


def test_importing_the_report_imports_no_torch() -> None:
    code = "import sys, georet.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
