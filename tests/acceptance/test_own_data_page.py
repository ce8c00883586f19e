"""What docs/own-data.md shows runs, and its tables say what the code does."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from georet_datasets.readers.pairs_rows import KNOWN, read_pairs

pytest_plugins = ["georet.testing.fixtures"]
PAGE = (Path(__file__).parents[2] / "docs/own-data.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_table_of_columns_names_all_that_the_reader_knows():
    table = PAGE[PAGE.index("| Column |") : PAGE.index("| any other |")]
    assert set(re.findall(r"`(\w+)`", table)) >= set(KNOWN)


def test_the_example_of_a_file_is_read(tmp_path: Path):
    (tmp_path / "pairs.csv").write_text(blocks("csv")[0])
    rows, _ = read_pairs(tmp_path / "pairs.csv")
    assert [row.split for row in rows] == ["train"] * 3 + ["test"] * 2
    assert rows[0].semi_positives == ("tiles/b.png", "tiles/e.png")
    assert rows[0].more == {"yaw": "12.5"}


@pytest.mark.parametrize("text", re.findall(r"`(--set [^`]+)`", PAGE))
def test_every_setting_on_the_page_is_valid(text: str, runner):
    words = shlex.split(text)
    outcome = runner("config", "validate", "--recipe", "sample4geo/own-data", *words)
    assert outcome.exit_code == 0, outcome.stderr


def test_the_example_is_trained_on_and_judged_as_shown(tmp_path: Path, monkeypatch, runner):
    monkeypatch.chdir(tmp_path)
    exec(blocks("python")[0], {})
    joined = [block.replace("\\\n", " ") for block in blocks("sh")]
    lines = [line for block in joined for line in block.splitlines()]
    assert [shlex.split(line)[1] for line in lines] == ["data", "train", "eval", "report", "eval"]
    for line in lines:
        outcome = runner(*shlex.split(line)[1:])
        assert outcome.exit_code == 0, f"{line}\n{outcome.stdout}\n{outcome.stderr}"
    outcome = runner("eval", "runs/own", "--json")
    (test,) = json.loads(outcome.stdout)
    assert test["protocol"] == "recall/scaled"
    assert test["num_queries"] == 96
    assert test["metrics"]["recall@1"] > 10 * 100 / test["num_references"]
    within = [key for key in test["metrics"] if key.startswith("within_")]
    assert within == ["within_5m", "within_10m", "within_20m", "within_50m", "within_100m",
                      "within_200m"]  # fmt: skip
