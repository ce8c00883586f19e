"""The page of a folder that the trainer wrote: each part shows what stands in its files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from georet.page.readable import count
from georet.report import write_report
from georet.testing.tiny import TinyDataset
from georet.train.events import read_events


@pytest.fixture
def run_dir(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "mine")


@pytest.fixture
def page(run_dir: Path, read_page: Any) -> Any:
    options = yaml.safe_load((run_dir / "config.yaml").read_text())["dataset"]
    options.pop("name")
    data = TinyDataset(**options | {"root": Path(options["root"])})
    return read_page(write_report(run_dir, data.evaluations(), data.train()))


def test_no_part_is_missing_and_no_gap_is_told(page: Any) -> None:
    assert page.all("ul", "absent") == []
    assert page.all("p", "absent") == []


def test_the_headline_is_the_recall_that_was_written(page: Any, run_dir: Path) -> None:
    record = json.loads((run_dir / "evaluation" / "held-out.json").read_text())
    assert f"{record['metrics']['recall@1']:.1f}" in page.text
    assert count(record["num_references"]) in page.text


def test_each_epoch_stands_there_with_what_its_plan_is_called(page: Any, run_dir: Path) -> None:
    events = read_events(run_dir)
    plans = [event for event in events if event["event"] == "plan"]
    assert len({plan["sampler"] for plan in plans}) > 1
    assert f"Epoch 1: {plans[0]['sampler']}" in page.text
    for plan in plans:
        assert f"{plan['epoch'] + 1} {plan['sampler']} {plan['num_batches']}" in page.text
    num_banks = sum(event["event"] == "bank" for event in events)
    strip = page.source.partition('class="strip"')[2].partition("</ol>")[0]
    assert strip.count("◆") == num_banks > 0


def test_every_query_is_a_hit_or_a_miss_of_the_ranks(page: Any, run_dir: Path) -> None:
    with np.load(run_dir / "evaluation" / "held-out.npz") as ranked:
        num_hits = int((ranked["rank"] == 0).sum())
        num_queries = len(ranked["rank"])
    assert 0 < num_hits < num_queries
    share = f"{100 * num_hits / num_queries:.1f} %"
    assert f"{share} of {num_queries} queries put their own reference first" in page.text
