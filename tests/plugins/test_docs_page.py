"""docs/plugins.md: its ten-line plugin works, and its reference is the hookspecs' own text."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from georet import hookspecs
from georet.plugins import load_plugins
from georet.testing import check_loss
from georet.testing.protocol_check import NUM_QUERIES, drawn_ranking
from georet.testing.synthetic import batch_of, embedded_batch, made_up_pairs

DOCS_DIR = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS_DIR / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def mine_path(tmp_path: Path) -> Path:
    """Return the page's mine.py as a file."""
    page = (DOCS_DIR / "plugins.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- mine\.py -->\n```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    path = tmp_path / "mine.py"
    path.write_text(found[1])
    return path


def test_the_page_is_what_the_hookspecs_say(generator):
    page = (DOCS_DIR / "plugins.md").read_text(encoding="utf-8")
    assert generator.with_hooks(page) == page, "stale: run `python docs/generate.py`"


def test_a_change_of_a_docstring_makes_the_page_stale(generator, monkeypatch):
    page = (DOCS_DIR / "plugins.md").read_text(encoding="utf-8")
    monkeypatch.setattr(hookspecs.georet_losses, "__doc__", "Another text. Example:: pass")
    assert generator.with_hooks(page) != page


def test_every_hook_stands_on_the_page():
    page = (DOCS_DIR / "plugins.md").read_text(encoding="utf-8")
    assert all(f"### {name}\n" in page for name in hookspecs.HOOKS)


def test_the_pages_own_plugin_has_about_ten_lines(mine_path):
    lines = [line for line in mine_path.read_text().splitlines() if line.strip()]
    assert len(lines) <= 11


def test_the_pages_own_plugin_loads_and_its_loss_computes(mine_path):
    plugins = load_plugins(["sample4geo", str(mine_path)])
    loss = plugins.catalog.create("losses", "mine:soft_margin")
    check_loss(loss)
    unit = {"query": torch.eye(2), "reference": torch.eye(2)}
    embedded = embedded_batch(unit, batch_of(made_up_pairs(2), torch.arange(2).numpy()))
    scale = embedded.logit_scale
    expected = (torch.log(torch.tensor(2.0)) + torch.log1p(torch.exp(-scale))) / 2
    assert loss(embedded).item() == pytest.approx(expected.item())


def test_the_pages_metric_splits_recall_by_a_column_of_the_queries():
    page = (DOCS_DIR / "plugins.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(def recall_by_altitude.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {"np": np}
    exec(code, names)
    ranking = drawn_ranking("recall")
    # The queries' altitudes rise from row to row.
    ranking = replace(ranking, rank=(np.arange(NUM_QUERIES) >= NUM_QUERIES // 2).astype(np.int64))
    found = names["recall_by_altitude"](ranking)
    assert found == {"recall@1_low": 100, "recall@1_high": 0}
    assert names["recall_by_altitude"](replace(ranking, queries=None)) == {}
