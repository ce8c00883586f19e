"""Every example in a hook's docstring is pasted into a file, loaded, and used."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from georet import hookspecs
from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.encoder import Branch, Encoder
from georet.errors import ConfigError
from georet.export_spec import ExportSpec
from georet.identity import EncoderIdentity
from georet.plugins import Plugins, load_plugins
from georet.testing import (
    check_aggregator,
    check_backbone,
    check_executor,
    check_fit,
    check_loss,
    check_optimizer,
    check_output,
    check_protocol,
    check_refiner,
    check_reranker,
    check_sampler,
    check_schedule,
    check_source,
    check_tracker,
    check_transform,
)
from georet.testing.tiny_backbone import TinyBackbone
from georet.types import EvaluationSet, PairTable, Ranking


def example_of(hook: Callable[..., Any]) -> str:
    text = (inspect.getdoc(hook) or "").partition("Example::")[2]
    return textwrap.dedent(text).strip() + "\n"


@pytest.fixture
def paste(site, tmp_path: Path) -> Callable[[str], tuple[Plugins, dict[str, Any]]]:
    """Return what loads the example of a hook, with the names that it defines."""

    def load(name: str) -> tuple[Plugins, dict[str, Any]]:
        path = tmp_path / "example.py"
        path.write_text(example_of(hookspecs.HOOKS[name]))
        plugins = load_plugins([str(path)])
        (loaded,) = [p for p in plugins._loaded if p.source.name == "example"]
        assert list(loaded.hooks) == [name]
        return plugins, loaded.hooks[name][0].function.__globals__

    return load


@pytest.mark.parametrize("name", hookspecs.HOOKS)
def test_the_docstring_has_all_that_it_must_have(name):
    text = inspect.getdoc(hookspecs.HOOKS[name]) or ""
    assert "Added in 0.1." in text
    assert f"def {name}(" in text.partition("Example::")[2]
    assert text.splitlines()[0].endswith((".", ":"))


def test_every_hook_of_the_specification_is_listed_once():
    groups = (*hookspecs.COMPONENT_HOOKS, *hookspecs.OBSERVER_HOOKS, *hookspecs.FRONT_HOOKS)
    marked = {name for name in dir(hookspecs) if hasattr(getattr(hookspecs, name), "georet_spec")}
    assert marked == set(hookspecs.HOOKS) == {hook.__name__ for hook in groups}
    assert len(groups) == len(marked)


def test_backbones(paste):
    check_backbone(paste("georet_backbones")[0].catalog.create("backbones", "patches"))


def test_losses(paste):
    check_loss(paste("georet_losses")[0].catalog.create("losses", "hinge"))


def test_samplers(paste):
    check_sampler(paste("georet_samplers")[0].catalog.create("samplers", "chance"))


def test_datasets(paste, tmp_path):
    spec = ComponentSpec.model_validate({"name": "folder", "root": str(tmp_path), "num_places": 7})
    dataset = paste("georet_datasets")[0].catalog.create("datasets", spec)
    assert isinstance(dataset.train(), PairTable)
    assert len(dataset.train()) == 7
    assert isinstance(dataset.evaluations()["all"], EvaluationSet)
    assert dataset.train().queries.paths[3] == tmp_path / "query" / "0003.jpg"


def test_transforms(paste):
    darken = paste("georet_transforms")[0].catalog.create("transforms", "darken")
    image = np.full((4, 5, 3), 200, np.uint8)
    darker = darken(image, np.random.default_rng(0))
    assert darker.shape == image.shape
    assert darker.dtype == np.uint8
    assert darker.max() < 200


def test_transforms_with_a_context(paste):
    check_transform(paste("georet_transforms")[0].catalog.create("transforms", "dusk"))


def test_metrics(paste):
    metric = paste("georet_metrics")[0].catalog.create("metrics", "recall-20")
    ranks = np.array([0, 19, 20, -1])
    assert metric(SimpleNamespace(rank=ranks)) == {"recall@20": 50.0}


def test_indexes(paste, tmp_path):
    index = paste("georet_indexes")[0].catalog.create("indexes", "sorted")
    index.add(np.eye(3, dtype=np.float32), np.array([10, 11, 12]))
    query = np.array([[0.1, 0.9, 0.5]], np.float32)
    assert index.search(query, 2)[1].tolist() == [[11, 12]]
    region = np.array([True, False, True])
    assert index.search(query, 1, region)[1].tolist() == [[12]]
    index.save(tmp_path / "index.npz")
    index.verify(tmp_path / "index.npz")


def test_exporters(paste, tmp_path):
    exporter = paste("georet_exporters")[0].catalog.create("exporters", "weights")
    encoder = Encoder({"shared": Branch(TinyBackbone())}, logit_scale=1.0)
    identity = EncoderIdentity("", "query", (8, 8), encoder.embed_dim, "", "fp32", "")
    folder = exporter.export(encoder, ExportSpec({"query": identity}), tmp_path / "made" / "here")
    saved = torch.load(folder / "branch.pt", weights_only=True)
    assert set(saved) == set(encoder.branch("query").state_dict())


def test_backends(paste, tmp_path):
    backend = paste("georet_backends")[0].catalog.create("backends", "means")
    assert backend.refuses(tmp_path) == "no means.txt"
    (tmp_path / "means.txt").touch()
    assert backend.refuses(tmp_path) is None
    embeddings = backend.open(tmp_path, "query").embed(np.full((2, 4, 4, 3), 7, np.uint8))
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1)


def test_rerankers(paste):
    catalog = paste("georet_rerankers")[0].catalog
    check_reranker(lambda: catalog.create("rerankers", "correlation"))
    spec = ComponentSpec.model_validate({"name": "correlation", "side_px": 0})
    with pytest.raises(AssertionError, match=r"5 candidates it raised .*example:correlation"):
        check_reranker(lambda: catalog.create("rerankers", spec))


def test_sources(paste):
    catalog = paste("georet_sources")[0].catalog
    small = ComponentSpec.model_validate({"name": "board", "px": 16})
    source = check_source(lambda: catalog.create("sources", small), "any.board")
    assert source.read(7).shape == (16, 16, 3)
    assert (source.read(0) != source.read(1)).any()


def test_refiners(paste):
    catalog = paste("georet_refiners")[0].catalog
    check_refiner(lambda: catalog.create("refiners", "shift"))


def test_trackers(paste):
    catalog = paste("georet_trackers")[0].catalog
    check_tracker(lambda: catalog.create("trackers", "nearby"))


def test_outputs(paste):
    catalog = paste("georet_outputs")[0].catalog
    lines = check_output(lambda: catalog.create("outputs", "lines"))[".txt"].decode().splitlines()
    assert lines[0] == "47.001235 8.001235 photo.jpg"
    assert len(lines) == 4


def ranking_of(ranks: list[int]) -> Ranking:
    """Return the ranking of one query a rank, with one positive each, -1 for none."""
    rank = np.array(ranks)
    has = rank >= 0
    offsets = np.concatenate([[0], np.cumsum(has)])
    top = np.zeros((len(rank), 10), np.int64)
    return Ranking(rank, rank, rank[has], offsets, top, top.astype(np.float32), num_references=200)


def test_protocols(paste):
    protocol = paste("georet_protocols")[0].catalog.create("protocols", "mrr")
    check_protocol(protocol)
    told = protocol.evaluate(ranking_of([0, 1, 3, -1]))
    assert told["mrr"] == pytest.approx(100 * (1 + 1 / 2 + 1 / 4) / 4)
    assert told["recall@1"] == 25


def test_aggregators(paste):
    check_aggregator(paste("georet_aggregators")[0].catalog.create("aggregators", "halves"))


def test_fits(paste):
    found = check_fit(paste("georet_fits")[0].catalog.create("fits", "centre"))
    assert np.abs(found["query"].offset).max() > 0.1


def test_executors(paste):
    check_executor(paste("georet_executors")[0].catalog.create("executors", "one-by-one"))


def test_configure(paste):
    plugins, _ = paste("georet_configure")
    plugins.observe("georet_configure", config=_config(16))
    with pytest.raises(ConfigError, match=r"train.batch_size: must be a multiple of 8"):
        plugins.observe("georet_configure", config=_config(15))


def _config(batch_size: int) -> SimpleNamespace:
    return SimpleNamespace(train=SimpleNamespace(batch_size=batch_size, epochs=3))


JUDGED = {"run_dir": Path("run"), "config": None}
OBSERVED = {
    "georet_plan_ready": (
        {"epoch": 2, "plan": SimpleNamespace(batches=np.zeros((5, 4)))},
        {"planned": [(2, 5, 4)]},
    ),
    "georet_step_end": ({"step": 100, "loss": torch.tensor(0.5)}, {"seen": [(100, 0.5)]}),
    "georet_bank_ready": (
        {"epoch": 1, "bank": SimpleNamespace(reference=np.array([[1.0, 0.0], [-1.0, 0.0]]))},
        {"spreads": {1: 1.0}},
    ),
    "georet_eval_end": (
        {"epoch": 4, "metrics": {"cross": {"recall@1": 55.0}}, **JUDGED},
        {"curve": {4: {"cross": 55.0}}},
    ),
    "georet_fit_end": ({"error": None}, {"outcome": ["finished"]}),
    "georet_export_end": (
        {"artefact": Path("out/encoder.onnx"), "run_dir": Path("run")},
        {"written": ["encoder.onnx"]},
    ),
}


@pytest.mark.parametrize("hook", OBSERVED)
def test_observers(paste, hook):
    arguments, expected = OBSERVED[hook]
    plugins, names = paste(hook)
    plugins.observe(hook, **{"trainer": None, **arguments})
    assert {name: names[name] for name in expected} == expected


def test_fit_start(paste, caplog):
    plugins, _ = paste("georet_fit_start")
    trainer = SimpleNamespace(config=_config(8))
    with caplog.at_level("INFO"):
        plugins.observe("georet_fit_start", trainer=trainer, cut_at=None)
        plugins.observe("georet_fit_start", trainer=trainer, cut_at=704)
    assert "a run of 3 epochs starts" in caplog.text
    assert "a run of 3 epochs goes on at byte 704 of its events" in caplog.text


def test_gallery_end(paste, tmp_path):
    plugins, names = paste("georet_gallery_end")
    (tmp_path / "gallery.json").write_text('{"num_tiles": 12}')
    plugins.observe("georet_gallery_end", gallery=tmp_path, run_dir=None)
    assert names["sizes"] == {tmp_path.name: 12}


def test_checkpoint(paste):
    plugins, _ = paste("georet_checkpoint")
    state: dict[str, Any] = {"step": 1}
    plugins.observe("georet_checkpoint", trainer=None, state=state)
    assert state == {"step": 1, "my_plugin": {"recall": 0.0}}


def test_commands(paste):
    from typer.testing import CliRunner

    command, _ = paste("georet_commands")[0].commands()["greet"]
    assert CliRunner().invoke(command.app, ["--name", "you"]).output == "hello you\n"


def test_recipes(paste, tmp_path):
    plugins, _ = paste("georet_recipes")
    assert plugins.recipes["example/quick"] == tmp_path / "recipes" / "quick.yaml"
    assert plugins.default_recipe == "example/quick"


def test_data_sets_of_data_sets(paste, tmp_path):
    catalog = paste("georet_datasets")[0].catalog
    inner = {"name": "folder", "root": str(tmp_path), "num_places": 7}
    spec = ComponentSpec.model_validate({"name": "places", "inner": inner})
    context = BuildContext(catalog)
    dataset = catalog.create("datasets", spec, where="dataset", context=context)
    assert dataset.train().columns["place"].tolist() == list(range(7))
    assert dataset.evaluations()["all"].queries.paths[3] == tmp_path / "query" / "0003.jpg"
    wrong = ComponentSpec.model_validate({"name": "places", "inner": inner | {"num_place": 3}})
    with pytest.raises(ConfigError, match=r"dataset\.inner\.num_place: unknown key"):
        catalog.create("datasets", wrong, where="dataset", context=context)


def test_optimizers(paste):
    check_optimizer(paste("georet_optimizers")[0].catalog.create("optimizers", "signs"))


def test_schedules(paste):
    check_schedule(paste("georet_schedules")[0].catalog.create("schedules", "triangle"))
