"""A run folder as a trainer leaves it, on the tiny data set, and a reader of the page."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from georet.report import write_report
from georet.testing.tiny import TinyDataset
from georet.types import EvaluationSet, PairTable

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


@dataclass
class Page(HTMLParser):
    """The elements of a page with their attributes, in order, and its text."""

    source: str
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))
        self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {k: v or "" for k, v in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.texts.append(data)

    def all(self, tag: str, kind: str | None = None) -> list[dict[str, str]]:
        found = [attributes for name, attributes in self.elements if name == tag]
        return [a for a in found if kind is None or kind in a.get("class", "").split()]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


@dataclass
class Run:
    """A run folder and the data it was made on."""

    path: Path
    evaluations: Mapping[str, EvaluationSet]
    pairs: PairTable | None

    def report(self) -> Page:
        path = write_report(self.path, self.evaluations, self.pairs)
        return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> TinyDataset:
    return TinyDataset(
        root=tmp_path_factory.mktemp("tiny"), num_places=12, num_held_out=12, size=24
    )


@pytest.fixture
def run(tmp_path: Path, dataset: TinyDataset) -> Run:
    run = Run(tmp_path / "demo-run", dataset.evaluations(), dataset.train())
    (run.path / "evaluation").mkdir(parents=True)
    write_json(run.path / "manifest.json", _MANIFEST)
    (run.path / "config.yaml").write_text("seed: 3\ndataset: {name: tiny}\n")
    write_lines(run.path / "events.jsonl", _events())
    write_lines(run.path / "timing.jsonl", [{"stage": "train", "epoch": 0, "seconds": 2.5}])
    for name, which in run.evaluations.items():
        write_evaluation(run.path, name, which)
    return run


@pytest.fixture
def hostile_run(run: Run) -> Run:
    """The run with an id, a plugin and a command that would like to be markup."""
    which = run.evaluations["held-out"]
    ids = [HOSTILE, *which.queries.ids[1:]]
    tiles = [f"{i}{HOSTILE}" for i in which.gallery.ids]
    spoilt = replace(
        which,
        queries=replace(which.queries, ids=ids),
        gallery=replace(which.gallery, ids=tiles),
        about=HOSTILE,
    )
    write_json(
        run.path / "manifest.json",
        _MANIFEST | {"plugins": {HOSTILE: HOSTILE}, "command": shlex.join(["georet", HOSTILE])},
    )
    return Run(run.path, {"held-out": spoilt}, run.pairs)


@pytest.fixture
def read_page() -> Callable[[Path], Page]:
    """Return what reads a page from its file."""
    return lambda path: Page(path.read_text(encoding="utf-8"))


@pytest.fixture
def rewrite() -> Callable[[Path, Any], None]:
    return write_json


def write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")


def write_lines(path: Path, values: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")


def write_evaluation(run_dir: Path, name: str, which: EvaluationSet) -> None:
    """Write made-up results: of the queries every third is missed, each time worse."""
    num_queries, num_references = len(which.queries), len(which.gallery)
    positive = np.asarray(which.positives)[:, 0]
    rows = np.arange(num_queries)
    rank = np.where(rows % 3 == 1, np.minimum(rows + 1, num_references - 1), 0)
    top = np.empty((num_queries, 5), np.int64)
    for row in rows:
        order = np.delete((positive[row] + 1 + np.arange(num_references)) % num_references, -1)
        top[row] = np.insert(order, rank[row], positive[row])[:5]
    scores = np.tile(np.linspace(0.9, 0.5, 5, dtype=np.float32), (num_queries, 1))
    metrics = {"recall@1": 100 * float((rank == 0).mean()), "median_error_m": 1234.5}
    np.savez(
        run_dir / "evaluation" / f"{name}.npz",
        rank=rank,
        top=top,
        top_score=scores,
        positive=positive,
    )
    counts = {"num_queries": num_queries, "num_references": num_references}
    record = {"set": name, "protocol": which.protocol, "metrics": metrics, **counts}
    write_json(run_dir / "evaluation" / f"{name}.json", record)


def _events() -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for epoch, sampler in enumerate(("gps", "similarity")):
        if epoch:
            events.append({"event": "bank", "epoch": epoch, "key": "abc"})
        batches = [[0, 1, 2, 3], [4 + epoch, 5, 6, 7 + epoch]]
        plan = {"epoch": epoch, "sampler": sampler, "num_batches": 3}
        info = {"pulled": 0.25 + epoch}
        events.append({"event": "plan", **plan, "info": info, "example_pairs": batches})
        for step in range(3 * epoch, 3 * epoch + 3):
            value = {"loss": 3 - step / 4, "lr": 0.001, "logit_scale": 14.3}
            events.append({"event": "step", "epoch": epoch, "step": step, **value})
        metrics = {"recall@1": 40.0 + 20 * epoch, "median_error_m": 900.0}
        events.append({"event": "eval", "epoch": epoch, "set": "held-out", "metrics": metrics})
    events.append({"event": "bad_step", "epoch": 1, "step": 4, "reason": "non-finite loss"})
    events.append({"event": "something new", "epoch": 1})
    return events


_MANIFEST = {
    "georet": "0.1.0",
    "python": "3.11.2",
    "torch": "2.9.0",
    "device": "cpu",
    "precision": "fp32",
    "threads": 2,
    "plugins": {"sample4geo": "georet 0.1.0"},
    "recipe": "sample4geo/tiny",
    "seed": 3,
    "dataset": {"name": "tiny", "num_pairs": 12, "num_queries": 12, "num_references": 12},
    "command": "georet train --set dataset.name=tiny",
    "started": "2026-01-02T03:04:05+00:00",
    "finished": "2026-01-02T03:04:15+00:00",
    "duration_s": 10.0,
    "num_parameters": 12345,
}
