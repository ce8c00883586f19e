"""Whatever a third party's component of any kind does wrong, the message names whose it is.

Losses, transforms, backbones and metrics are in ``test_whose_fault``, through whole trainings.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from georet import blame, patience
from georet.components import KINDS
from georet.config import RunConfig
from georet.config.training import TrainConfig
from georet.contracts.refining import Camera
from georet.errors import GeoretError
from georet.plugins import Plugins, Selection, load_plugins
from georet.testing.protocol_check import drawn_ranking
from georet.testing.synthetic import made_up_pairs
from georet.testing.tracker_check import flight

PLUGIN = (Path(__file__).parent / "faulty_plugin.py").read_text()
OWNER = "plugin 'mine' (mine.py sha256:"
COMMON = ("raises", "exits", "none")
"""What any component can do wrong: raise, end the process, return nothing."""


@pytest.fixture(scope="module")
def mine(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("plugin") / "mine.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture(scope="module")
def plugins(mine) -> Plugins:
    return load_plugins(["sample4geo", "georet.testing.plugin", str(mine)])


def config_of(tmp_path: Path, **sections: Any) -> RunConfig:
    tiny = {"name": "tiny", "root": str(tmp_path / "data"), "num_places": 8, "size": 16}
    values = {
        "dataset": tiny,
        "data": {"size": {"query": [16, 16], "reference": [16, 16]}},
        "encoder": {"backbone": {"name": "tiny"}},
        "losses": [{"name": "info_nce"}],
        "sampler": {"name": "random"},
    }
    return RunConfig.model_validate(values | sections)


def unit(num: int, dim: int = 4) -> Any:
    rows = np.random.default_rng(0).normal(size=(num, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def aggregators(made, plugins, tmp_path):
    from georet.encoder.aggregation import Aggregation

    Aggregation(made, num_channels=3, grids={"query": (2, 2)}, has_token=False)


def fits(made, plugins, tmp_path):
    from georet.fits.fitting import fit_all

    rows = unit(6)
    pairs = np.stack([np.arange(6)] * 2, axis=1)
    list(fit_all([made], {"query": rows, "reference": rows}, pairs))


def optimizers(made, plugins, tmp_path):
    from georet.train.optim import build_optimizer

    modules = torch.nn.ModuleDict({"encoder": torch.nn.Linear(2, 2)})
    build_optimizer(modules, TrainConfig(), made)


def schedules(made, plugins, tmp_path):
    from georet.train.optimising.rate import Rate

    Rate(made, lr=0.1, warmup=0.5).factor(1.0, 4.0)


def protocols(made, plugins, tmp_path):
    from georet.evaluate.protocols import described
    from georet.evaluate.scoring import metrics_of

    ranking = drawn_ranking("recall")
    metrics_of(ranking, made)
    described(made, ranking)


def sources(made, plugins, tmp_path):
    from georet.sources.opening import open_source
    from georet.tiles.tiling import Tiling

    selection = Selection.of([str(blame.maker_of(made).root)])
    named = f"any.odd?fault={blame.maker_of(made).options['fault']}"
    source = open_source(named, Tiling(), selection=selection)
    source.tiles()
    source.read(0)


def refiners(made, plugins, tmp_path):
    from georet.locate.refine import ask

    ask(made, np.zeros((8, 8, 3), np.uint8), [], Camera())


def rerankers(made, plugins, tmp_path):
    from georet.search.reranking import reordering_of

    found = reordering_of(made, tmp_path / "photo.jpg", [tmp_path / "a", tmp_path / "b"], dict)
    if found.failed:
        # What it raises costs one photo's order, and is told with it.
        raise GeoretError(found.reason)


def trackers(made, plugins, tmp_path):
    from georet.locate.tracking import track

    track(made, *flight()[:2])


def outputs(made, plugins, tmp_path):
    from georet.locate.output.choosing import choose_outputs

    fault = blame.maker_of(made).options["fault"]
    (target,) = choose_outputs([tmp_path / "a.odd"], [f"odd?fault={fault}"], plugins.catalog)
    target.write([])


def executors(made, plugins, tmp_path):
    from georet.gallery.making.build import build_gallery
    from georet.sources.images import ImageSource, square_table
    from georet.testing.drawn_tiles import PixelSpec

    table = square_table(["a"], np.array([[47.0, 8.0]]), np.array([100.0]))
    build_gallery(
        ImageSource(table, [tmp_path / "a.png"], {"kind": "none"}),
        PixelSpec(),
        tmp_path / "gallery",
        executor=made,
    )


def indexes(made, plugins, tmp_path):
    from georet.search.asking import ask

    ask(made, unit(3), 2)


def samplers(made, plugins, tmp_path):
    from georet.train.planning import plan_epoch, wanted_bank

    wanted_bank(made, 0)
    plan_epoch(made, 0, made_up_pairs(8), None, batch_size=4, seed=0, epochs=2, twice=True)


def datasets(made, plugins, tmp_path):
    from georet.train.setup import load_data

    options = {"name": "mine:odd", **blame.maker_of(made).options}
    load_data(config_of(tmp_path, dataset=options), plugins)


def exporters(made, plugins, tmp_path):
    from georet.export_spec import ExportSpec
    from georet_export.exporting.job import Job

    spec = ExportSpec.__new__(ExportSpec)
    object.__setattr__(spec, "precision", "fp32")
    Job(tmp_path / "out", "odd", made, [spec], 0.5, False).run(None, None, plugins)  # type: ignore[arg-type]


def backends(made, plugins, tmp_path):
    from georet.embeddings import embed
    from georet.sessions import SessionSpec
    from georet.testing.pixel_session import PixelSession

    (tmp_path / "artefact.json").write_text("{}")
    maker = blame.maker_of(made)
    (tmp_path / "fault").write_text(str(maker.options["fault"]))
    spec = SessionSpec(tmp_path, backend="odd", selection=Selection.of([str(maker.root)]))
    height, width = PixelSession().identity.size
    embed(spec.open(), np.zeros((2, height, width, 3), np.uint8))


SHAPES = {
    "aggregators": ("shape", "type"),
    "fits": ("shape", "type", "nan", "views"),
    "optimizers": ("type", "forgets"),
    "schedules": ("type", "nan", "negative"),
    "protocols": ("nan", "type"),
    "sources": ("shape", "type"),
    "refiners": ("shape", "type", "nan"),
    "rerankers": ("shape", "type", "scores"),
    "trackers": ("shape", "type", "nan"),
    "outputs": (),
    "executors": (),
    "indexes": ("shape", "type", "nan", "ids"),
    "samplers": ("shape", "type", "twice", "word"),
    "datasets": ("type", "sets", "rows"),
    "exporters": ("type",),
    "backends": ("shape", "type", "nan"),
}
"""What components of a kind can return wrongly."""
RETURNS_NOTHING = ("executors", "outputs")
HARNESSES = {kind: globals()[kind] for kind in SHAPES}
CASES = [
    (kind, fault)
    for kind, own in SHAPES.items()
    for fault in (*COMMON, *own)
    if not (fault == "none" and kind in RETURNS_NOTHING)
]


def test_every_kind_is_tried():
    elsewhere = {"losses", "transforms", "backbones", "metrics"}
    assert set(SHAPES) | elsewhere == set(KINDS)


@pytest.mark.parametrize(("kind", "fault"), CASES)
def test_a_fault_names_kind_component_plugin_and_distribution(kind, fault, plugins, tmp_path):
    made = plugins.catalog.create(kind, {"name": "mine:odd", "fault": fault})
    with pytest.raises(GeoretError) as caught:
        HARNESSES[kind](made, plugins, tmp_path)
    message = str(caught.value)
    assert f"{kind} 'mine:odd' of {OWNER}" in message, message
    if fault == "raises":
        assert "KeyError: 'lost'" in message
        assert "mine.py:" in message
    if fault == "exits":
        assert "sys.exit(3)" in message


@pytest.mark.parametrize("kind", [kind for kind in SHAPES if kind != "executors"])
def test_one_that_hangs_is_named_while_it_is_waited_for(
    kind, plugins, tmp_path, monkeypatch, capfd
):
    monkeypatch.setattr(blame, "PATIENCE_S", 0.1)
    monkeypatch.setattr(patience, "_LOOK_S", 0.02)
    made = plugins.catalog.create(kind, {"name": "mine:odd", "fault": "hangs"})
    # What comes behind the wait is not what is tried here.
    with suppress(GeoretError, AttributeError):
        HARNESSES[kind](made, plugins, tmp_path)
    assert f"{kind} 'mine:odd' of {OWNER}" in capfd.readouterr().err
