"""Judging a run by what plugins bring: protocols, re-rankers and refiners."""

from __future__ import annotations

import json

import numpy as np
import pytest
import yaml

from georet.cli import main
from georet.commands.judging import evaluate_run
from georet.commands.training import start_run
from georet.configure import configure
from georet.configure.schema import config_schema
from georet.errors import ComponentError, ConfigError, DataError, UsageError
from georet.plugins import Selection, load_plugins
from georet.report.compare import compare
from georet.train.setup import protocol_named

MINE = """
from dataclasses import replace
from pathlib import Path

import numpy as np
from georet import Component, hookimpl
from georet.contracts.refining import Refinement
from georet.testing import TinyDataset
from georet.evaluate import Protocol


class Backwards:
    def __init__(self, most: int = 5) -> None:
        self.max_candidates = most

    def __call__(self, query, candidates):
        return np.arange(len(candidates))[::-1]


class Nowhere:
    max_candidates = 3

    def __call__(self, photo, tiles):
        return Refinement.refused("nothing matches")


class TinySides(TinyDataset):
    def evaluations(self):
        found = super().evaluations()["held-out"]
        sides = {"side_m": np.full(len(found.gallery), 500.0)}
        gallery = replace(found.gallery, columns=sides)
        return {"held-out": replace(found, gallery=gallery)}


def tiny_sides(root: Path, num_places: int = 8, size: int = 32, protocol: str = "lows"):
    return TinySides(root=root, num_places=num_places, size=size, protocol=protocol)


@hookimpl
def georet_datasets():
    yield Component("tiny_sides", tiny_sides)


def low(ranking):
    return {"low@1": 100 * float((ranking.rank[ranking.query_latlon[:, 0] < 90] == 0).mean())}


def lows(broken: bool = False):
    return Protocol("lows", "the lower ones", (low,), "floor(R/100)")


class Odd:
    id, num_top, needs_positives, needs_latlon, radius_m = "odd", 1, True, False, None

    def evaluate(self, ranking):
        return {"odd": float("nan")}

    def describe(self, ranking):
        return {}


@hookimpl
def georet_rerankers():
    yield Component("backwards", Backwards, summary="Worst first")


@hookimpl
def georet_refiners():
    yield Component("nowhere", Nowhere, summary="Refuses")


@hookimpl
def georet_protocols():
    yield Component("lows", lows, summary="The lower ones")
    yield Component("odd", Odd)
    yield Component("recall", lows, summary="Not georet's")
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("judging")
    (root / "mine.py").write_text(MINE)
    return root


@pytest.fixture(scope="module")
def plugins(root):
    return ["sample4geo", "georet.testing.plugin", str(root / "mine.py")]


@pytest.fixture(scope="module")
def run(root, plugins):
    settings = {
        "recipe": "none",
        "dataset": {"name": "tiny_sides", "root": str(root / "here"), "num_places": 8, "size": 32},
        "data": {"size": {"query": [32, 32], "reference": [32, 32]}},
        "encoder": {"backbone": {"name": "georet.testing.plugin:tiny"}},
        "losses": ["info_nce"],
        "sampler": {"name": "random"},
        "train": {"epochs": 1, "batch_size": 4},
        "evaluate": {"stages": [{"name": "backwards", "top": 4}]},
    }
    path = root / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    return start_run(selection=Selection.of(plugins), path=path, out=root / "run")


def test_a_run_is_judged_by_a_plugins_protocol_and_stages(run):
    record = json.loads((run / "evaluation" / "held-out.json").read_text())
    assert record["protocol"] == "mine:lows"
    assert record["text"] == "the lower ones"
    assert record["metrics"]["low@1"] == record["metrics"]["recall@1"]
    (stage,) = record["stages"]
    assert (stage["stage"], stage["top"]) == ("mine:backwards", 4)
    assert stage["num_touched"] == record["num_queries"]
    with np.load(run / "evaluation" / "held-out.npz") as saved:
        assert saved["top"].shape[1] == 5


def test_the_page_and_the_tables_show_the_run_with_and_without_its_stage(run):
    page = (run / "report.html").read_text()
    assert "held-out + mine:backwards" in page
    assert "Queries touched" in page
    assert "mine:lows" in page
    plain, after = compare([run])
    assert plain.values["set"] == "held-out"
    assert after.values["set"] == "held-out + mine:backwards"
    assert plain.values["protocol"] == after.values["protocol"] == "mine:lows"


def test_stages_of_the_command_line_come_after_the_configurations(
    run, plugins, capsys, monkeypatch
):
    monkeypatch.setenv("COLUMNS", "250")
    capsys.readouterr()
    chosen = Selection.of(plugins)
    again = {"rerank": "mine:backwards:most=4", "refine": "nowhere"}
    result = evaluate_run(run, selection=chosen, **again)["held-out"]
    out = capsys.readouterr().out
    first, second, third = result.stages
    # Turned round twice, the four best stand as they did.
    assert np.array_equal(second.ranking.top, result.ranking.top)
    assert first.metrics != second.metrics
    assert second.stage.options == {"most": 4}
    assert third.num_touched == 0
    assert third.reasons == {"nothing matches": 12}
    assert "held-out: mine:nowhere (best 3) placed 0 of 12 queries" in out
    assert "held-out + mine:backwards" in out


def test_a_refiner_is_refused_before_the_work_where_tiles_have_no_places(run, root, plugins):
    bare = f"dataset={{name: tiny, root: '{root}/bare', num_places: 4, size: 32}}"
    with pytest.raises(DataError, match=r"held-out: refiner mine:nowhere .* no 'side_m'"):
        evaluate_run(run, selection=Selection.of(plugins), overrides=[bare], refine="nowhere")


def test_figures_without_stages_are_those_of_a_run_without_any(run, plugins, capsys):
    capsys.readouterr()
    chosen = Selection.of(plugins)
    plain = evaluate_run(run, selection=chosen, overrides=["evaluate.stages=[]"], as_json=True)
    (record,) = json.loads(capsys.readouterr().out)
    assert "stages" not in record
    stored = json.loads((run / "evaluation" / "held-out.json").read_text())
    assert plain["held-out"].metrics == stored["metrics"]


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("backward", "did you mean 'backwards'?"),
        ("{name: backwards, mots: 3}", "mots"),
        ("{name: backwards, top: 0}", "greater than 0"),
        ("nowher", "did you mean 'nowhere'?"),
    ],
)
def test_a_wrong_stage_is_refused_with_its_place(plugins, stage, said):
    with pytest.raises((ComponentError, ConfigError)) as caught:
        configure(
            selection=Selection.of(plugins),
            recipe="sample4geo/orbitview",
            overrides=[f"evaluate.stages=[{stage}]"],
        )
    assert "evaluate.stages.0" in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("flag", "text", "said"),
    [
        ("rerank", "nowhere", "no 'nowhere' among the rerankers"),
        ("rerank", "backwards:top=0", "greater than 0"),
        ("rerank", "backwards:mots=3", "did you mean 'most'?"),
        ("refine", "backwards", "no 'backwards' among the refiners"),
    ],
)
def test_a_wrong_stage_of_the_command_line_is_refused(run, plugins, flag, text, said):
    with pytest.raises(UsageError) as caught:
        evaluate_run(run, selection=Selection.of(plugins), **{flag: text})
    assert f"--{flag}" in str(caught.value)
    assert said in str(caught.value)


def test_the_schema_knows_stages_with_their_options(plugins):
    schema = config_schema(load_plugins(plugins).catalog)
    sections = schema["$defs"]["stages"]["anyOf"]
    assert {"backwards", "nowhere"} <= set(sections[0]["examples"])
    (found,) = [s for s in sections[1:] if "mine:backwards" in s["properties"]["name"]["enum"]]
    assert {"most", "top", "known"} <= found["properties"].keys()


def test_a_name_that_georet_has_means_georets_protocol(plugins):
    loaded = load_plugins(plugins)
    assert protocol_named("recall", loaded) == "recall"
    assert protocol_named("core:recall", loaded) == "recall"
    assert protocol_named("cvusa", loaded) == "cvusa"
    assert protocol_named("mine:recall", loaded).id == "lows"
    with pytest.raises(ComponentError, match=r"(?s)no 'lowss' among the protocols.*'lows'"):
        protocol_named("lowss", loaded)


@pytest.fixture
def arrays(tmp_path):
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(20, 4)).astype(np.float32)
    latlon = np.tile([47.0, 8.0], (20, 1))
    for name, array in {
        "q": reference + 0.3,
        "r": reference,
        "p": np.arange(20),
        "at": latlon,
    }.items():
        np.save(tmp_path / f"{name}.npy", array)
    return [str(tmp_path / f"{name}.npy") for name in "qrp"], str(tmp_path / "at.npy")


def test_embeddings_are_scored_by_a_plugins_protocol(arrays, root, capsys):
    files, latlon = arrays
    at = ["--query-latlon", latlon, "--reference-latlon", latlon]
    named = ["--plugins", str(root / "mine.py"), "--protocol", "lows"]
    assert main(["score", *files, *at, *named, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["protocol"] == "mine:lows"
    assert told["metrics"]["low@1"] == told["metrics"]["recall@1"]
    assert main(["score", *files, *at, *named]) == 0
    assert "protocol mine:lows" in capsys.readouterr().out


def test_a_figure_that_is_none_names_the_protocol_its_plugin_and_file(arrays, root, capsys):
    named = ["--plugins", str(root / "mine.py"), "--protocol", "odd"]
    assert main(["score", *arrays[0], *named]) == 2
    err = capsys.readouterr().err
    assert "protocols 'mine:odd' of plugin 'mine' (mine.py" in err
    assert "'odd' is nan" in err


def test_an_unknown_protocol_says_which_there_are(arrays, capsys):
    assert main(["score", *arrays[0], "--protocol", "recal"]) == 2
    assert "did you mean 'recall'?" in capsys.readouterr().err
