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
from georet.errors import ComponentError
from georet.plugins import Plugins, load_plugins
from georet.testing import check_loss, check_transform
from georet.testing.protocol_check import NUM_QUERIES, drawn_ranking
from georet.testing.synthetic import batch_of, embedded_batch, made_up_pairs
from georet.train.objective import Objective

DOCS_DIR = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", DOCS_DIR / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # As when it is called: it imports what stands beside it.
        patch.syspath_prepend(str(DOCS_DIR))
        spec.loader.exec_module(module)
    return module


@pytest.fixture
def mine_path(tmp_path: Path) -> Path:
    """Return the page's mine.py as a file."""
    return printed("mine.py", tmp_path)


def printed(name: str, folder: Path) -> Path:
    page = (DOCS_DIR / "plugins.md").read_text(encoding="utf-8")
    found = re.search(rf"<!-- {re.escape(name)} -->\n```python\n(.*?)```", page, re.DOTALL)
    assert found is not None
    path = folder / name
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


def test_the_pages_metric_of_footprints_counts_photos_within_their_best_tile():
    page = (DOCS_DIR / "plugins.md").read_text(encoding="utf-8")
    (code,) = re.findall(
        r"```python\n(import numpy as np\nfrom georet.ground.images.*?)```", page, re.DOTALL
    )
    names: dict[str, Any] = {}
    exec(code, names)
    ranking = drawn_ranking("recall")
    assert ranking.gallery is not None
    # 111 m north of the middle of a tile of 900 m, and for every fourth a degree away.
    place = ranking.gallery.latlon[ranking.top[:, 0]] + np.array([0.001, 0])
    place[::4] += 1
    found = names["inside_best_tile"](replace(ranking, query_latlon=place))
    assert found == {"inside_best_tile": 75}
    assert names["inside_best_tile"](replace(ranking, gallery=None)) == {}


@pytest.fixture
def heading(tmp_path: Path) -> Plugins:
    """Return the page's plugin of a turned tile and a loss that knows of it, loaded."""
    return load_plugins(["sample4geo", str(printed("heading.py", tmp_path))])


def test_the_pages_transform_keeps_its_contract_once_it_can_be_pickled(heading, monkeypatch):
    turn = heading.catalog.create("transforms", "turn_tile")
    # A class of a file named by its path reaches workers by fork alone.
    monkeypatch.setattr("georet.testing.transform_check.pickle.dumps", lambda _: turn)
    monkeypatch.setattr("georet.testing.transform_check.pickle.loads", lambda given: given)
    check_transform(turn)


def test_the_pages_loss_follows_the_mirror_and_the_turn(heading):
    loss = heading.catalog.create("losses", "heading:heading")
    pairs = made_up_pairs(8)
    with pytest.raises(ComponentError, match="needs the column 'yaw_rad'"):
        Objective({"heading": (loss, 1.0)}).prepare(16, pairs)
    yaw = np.linspace(-1, 1, 8)
    pairs = replace(pairs, columns={"yaw_rad": yaw})
    flip = np.array([0, 1] * 4, np.float32)
    turn = np.arange(8, dtype=np.float32) % 4 * np.float32(np.pi / 2)
    applied = {"flip": flip, "turn_rad": turn}
    check_loss(loss, pairs=pairs, rewards_alignment=False, applied=applied)
    angle = np.where(flip > 0, -yaw, yaw) - turn
    query = torch.from_numpy(np.stack([np.cos(angle), np.sin(angle)], axis=1)).float()
    loss.head = torch.nn.Linear(4, 2, bias=False)
    with torch.no_grad():
        loss.head.weight.copy_(torch.eye(2, 4))
    batch = batch_of(pairs, np.arange(8), applied)
    right = embedded_batch({"query": query, "reference": query}, batch)
    assert loss(right).item() == pytest.approx(0, abs=1e-6)
    still = batch_of(pairs, np.arange(8), applied | {"turn_rad": 0 * turn})
    wrong = embedded_batch({"query": query, "reference": query}, still)
    assert loss(wrong).item() > 0.5
