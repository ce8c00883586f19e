"""Runs that georet 0.1 wrote (``tests/data/runs-of-0.1``) open, judge and resume as they were."""

import json
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file

from georet.commands.judging import evaluate_run
from georet.commands.training import resume_run
from georet.plugins import Selection
from georet.sessions import SessionSpec
from georet.train.checkpoint import load_checkpoint

RUNS = Path(__file__).parents[1] / "data" / "runs-of-0.1"
CHOSEN = Selection.of(["sample4geo", "georet.testing.plugin"])
BOTH = pytest.mark.parametrize("name", ["shared", "separate"])


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return what copies a run; its data set is in the folder `data` of the current one."""

    def copied(name):
        monkeypatch.chdir(tmp_path)
        return Path(shutil.copytree(RUNS / name, tmp_path / name))

    return copied


@BOTH
def test_its_encoder_is_the_one_that_it_was(run, name):
    # Opening compares the embedding of a test picture with the one that was stored.
    path = run(name)
    session = SessionSpec(path, "reference", selection=CHOSEN).open()
    stored = load_checkpoint(path).state
    assert session.identity.embed_dim == stored["embed_dim"] == 8
    assert set(stored["encoder_facts"]["probes"]) == {"query", "reference"}


@BOTH
def test_its_figures_are_what_they_were(run, name):
    path = run(name)
    stored = json.loads((path / "evaluation" / "held-out.json").read_text())["metrics"]
    found = evaluate_run(path, selection=CHOSEN)["held-out"].metrics
    assert {key: found[key] for key in stored} == pytest.approx(stored)


@BOTH
def test_it_goes_on_from_a_checkpoint_of_then_to_where_it_ended(run, name):
    path = run(name)
    ended = load_file(load_checkpoint(path).path / "encoder.safetensors")
    shutil.copy(path / "checkpoints" / "best.json", path / "checkpoints" / "last.json")
    resume_run(path, selection=CHOSEN)
    found = load_file(load_checkpoint(path).path / "encoder.safetensors")
    assert load_checkpoint(path).state["is_finished"]
    assert found.keys() == ended.keys()
    for key, tensor in ended.items():
        assert found[key].numpy() == pytest.approx(tensor.numpy(), abs=1e-5), key
