"""Judging a run elsewhere: on another data set, and with a limited field of view."""

from __future__ import annotations

import json

import pytest

from georet.commands.judging import evaluate_run
from georet.commands.training import rewrite_report, start_run
from georet.errors import PluginError, UsageError
from georet.plugins import Selection
from georet.report.compare import compare

FOV = "evaluate.field_of_view={degrees: 90, heading: random, seed: 3}"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    from yaml import safe_dump

    root = tmp_path_factory.mktemp("run")
    settings = {
        "recipe": "none",
        "dataset": {"name": "tiny", "root": str(root / "here"), "num_places": 8, "size": 32},
        "data": {"size": {"query": [32, 32], "reference": [32, 32]}},
        "encoder": {"backbone": {"name": "georet.testing.plugin:tiny"}},
        "losses": ["info_nce"],
        "sampler": {"name": "random"},
        "train": {"epochs": 1, "batch_size": 4},
    }
    path = root / "settings.yaml"
    path.write_text(safe_dump(settings))
    plugins = ["sample4geo", "georet.testing.plugin"]
    return start_run(selection=Selection.of(plugins), path=path, out=root / "run")


def judged(run, *overrides, capsys, **options):
    capsys.readouterr()
    plugins = ["sample4geo", "georet.testing.plugin"]
    evaluate_run(run, selection=Selection.of(plugins), overrides=overrides, as_json=True, **options)
    (record,) = json.loads(capsys.readouterr().out)
    return record


def test_a_run_is_judged_on_another_data_set_which_the_result_names(run, tmp_path, capsys):
    there = f"dataset={{name: tiny, root: '{tmp_path}', num_places: 5, num_held_out: 7, size: 40}}"
    here, other = judged(run, capsys=capsys), judged(run, there, capsys=capsys, save_as="there")
    assert (here["num_queries"], here["num_references"]) == (12, 20)
    assert (other["num_queries"], other["num_references"]) == (7, 12)
    assert other["dataset"] == "tiny"
    assert other["dataset_options"]["root"] == str(tmp_path)
    kept = json.loads((run / "evaluation" / "there" / "held-out.json").read_text())
    assert kept == other
    assert {table.values["set"] for table in compare([run])} == {"held-out", "there/held-out"}


OBSERVER = """
import json
from georet import hookimpl

@hookimpl
def georet_eval_end(trainer, epoch, metrics, run_dir, config):
    seen = {"trains": trainer is not None, "epoch": epoch, "metrics": metrics}
    seen["num_places"] = config.dataset.options["num_places"]
    with (run_dir / "seen.jsonl").open("a") as stream:
        print(json.dumps(seen), file=stream)
"""


def test_observers_are_told_of_evaluations_while_training_and_after(start, tmp_path, capsys):
    (tmp_path / "logger.py").write_text(OBSERVER)
    plugins = ["sample4geo", "georet.testing.plugin", str(tmp_path / "logger.py")]
    run = start("watched", "train.epochs=1", plugins=plugins)
    evaluate_run(
        run,
        which="best",
        selection=Selection.of(plugins),
        overrides=[f"dataset={{name: tiny, root: '{tmp_path}', num_places: 5, size: 32}}"],
        as_json=True,
    )
    *_, printed = capsys.readouterr().out.partition("[")
    seen = [json.loads(line) for line in (run / "seen.jsonl").read_text().splitlines()]
    assert [(s["trains"], s["epoch"], s["num_places"]) for s in seen] == [
        (True, 0, 24),
        (False, 0, 5),
    ]
    (record,) = json.loads("[" + printed)
    assert seen[-1]["metrics"] == {"held-out": record["metrics"]}


def test_a_plugin_by_a_relative_path_is_named_in_full_from_another_folder(
    start, tmp_path, monkeypatch
):
    there, here = tmp_path / "there", tmp_path / "here"
    for folder in (there, here):
        folder.mkdir()
    (there / "logger.py").write_text(OBSERVER)
    monkeypatch.chdir(there)
    shipped = ["sample4geo", "georet.testing.plugin"]
    run = start("run", "train.epochs=1", plugins=[*shipped, "./logger.py"])
    monkeypatch.chdir(here)
    for named in (shipped, [*shipped, "./logger.py"]):
        with pytest.raises(PluginError) as caught:
            evaluate_run(run, selection=Selection.of(named), as_json=True)
        said = str(caught.value)
        assert f"--plugins sample4geo,georet.testing.plugin,{there}/logger.py" in said
        assert f"./logger.py counts from {there}, where the run was started" in said
    evaluate_run(run, selection=Selection.of([*shipped, f"{there}/logger.py"]), as_json=True)
    assert len((run / "seen.jsonl").read_text().splitlines()) == 2
    (there / "logger.py").unlink()
    with pytest.raises(PluginError, match=r"there/logger.py is not there any more"):
        evaluate_run(run, selection=Selection.of(shipped), as_json=True)


def test_a_limited_field_of_view_is_stated_with_its_seed(run, capsys):
    whole, part = judged(run, capsys=capsys), judged(run, FOV, capsys=capsys)
    assert whole["field_of_view"] is None
    wanted = "90 degrees around a random column of each image, seed 3, 32 x 8 pixels"
    assert part["field_of_view"] == wanted
    assert part["size"] == {"query": [32, 8], "reference": [32, 32]}
    assert part == judged(run, FOV, capsys=capsys)
    resized = judged(run, FOV, "evaluate.field_of_view.size=[32, 32]", capsys=capsys)
    assert resized["size"]["query"] == [32, 32]


def test_the_whole_circle_aligned_changes_nothing(run, capsys):
    whole = judged(run, capsys=capsys)
    full = judged(run, "evaluate.field_of_view={degrees: 360}", capsys=capsys)
    assert full["metrics"] == whole["metrics"]
    assert "seed 0" in full["field_of_view"]


def test_a_result_carries_rules_and_versions(run, capsys):
    record = judged(run, capsys=capsys)
    assert record["protocol"] == "orbitview"
    assert "ties count as found" in record["tie_rule"]
    assert {"georet", "numpy"} <= record["versions"].keys()
    assert record["warnings"] == []


def test_results_are_kept_under_a_plain_name_only(run, capsys):
    with pytest.raises(UsageError, match="--save"):
        judged(run, capsys=capsys, save_as="../elsewhere")


def test_the_page_of_a_run_is_written_anew(run):
    page = run / "report.html"
    before = page.read_bytes()
    page.unlink()
    assert (
        rewrite_report(run, selection=Selection.of(["sample4geo", "georet.testing.plugin"])) == page
    )
    assert page.read_bytes() == before
