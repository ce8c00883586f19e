"""What optimisers, schedules and the average remember: a resumed run gives the same bytes."""

from __future__ import annotations

import inspect
import itertools
import os
import signal
import textwrap
from pathlib import Path

import pytest
from safetensors.torch import load_file

from georet import hookspecs
from georet.commands.judging import evaluate_run
from georet.commands.training import resume_run
from georet.encoder import tensors_sha256, weights_sha256
from georet.errors import ConfigError, DataError, Interrupted, UsageError
from georet.files import read_json
from georet.plugins import Selection
from georet.train.begun import check_begun
from georet.train.checkpoint import load_checkpoint
from georet.train.events import read_events
from georet.train.run import reconfigure
from georet.train.saving import load_encoder
from georet.train.setup import load_data

PLUGINS = ["sample4geo", "georet.testing.plugin"]
SELECTION = Selection.of(PLUGINS)
EMA = "train.ema={decay: 0.9}"
RECIPES = {
    "sgd with steps": ["train.optimizer=sgd", "train.schedule={name: step, every: 2, gamma: 0.5}"],
    "an average": [EMA],
    "rates that fall with depth": ["train.layer_decay=0.7", "train.schedule=exponential"],
    "a plateau": [
        "train.schedule={name: plateau, metric: held-out/recall@1, gamma: 0.5, patience: 0}",
        "evaluate.every=1",
    ],
    "an optimiser of torch": ["train.optimizer={name: torch, optimizer: NAdam}"],
    "a memory of steps before": [
        "losses=[{name: modern:contrastive, memory: 6, memory_from: 0.1, logit_scale: [8, 16]}]"
    ],
    "all at once": [
        "train.optimizer={name: sgd, nesterov: true}",
        "train.groups=[{match: head, lr: 0.01}]",
        "train.layer_decay=0.9",
        "train.accumulate=2",
        EMA,
    ],
}


def last_bytes(run_dir: Path) -> dict[str, bytes]:
    """Return the tensors of the last checkpoint, events and final metrics, as bytes."""
    paths = [*load_checkpoint(run_dir).path.glob("*.safetensors"), run_dir / "events.jsonl"]
    paths += sorted((run_dir / "evaluation").glob("*.json"))
    return {path.name: path.read_bytes() for path in paths}


def rates(run_dir: Path) -> list[float]:
    return [e["lr"] for e in read_events(run_dir) if e["event"] == "step"]


@pytest.mark.parametrize("name", RECIPES)
def test_stopped_and_resumed_it_gives_the_same_bytes(start, tmp_path, monkeypatch, name):
    from georet.train.step import Stepper

    undisturbed = start("undisturbed", *RECIPES[name])
    real, calls = Stepper.run, itertools.count()
    stops = {5, 12, 21}

    def run(self, *arguments, **options):
        if next(calls) in stops:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(self, *arguments, **options)

    monkeypatch.setattr(Stepper, "run", run)
    with pytest.raises(Interrupted):
        start("stopped", *RECIPES[name])
    stopped, num_stops = tmp_path / "stopped", 1
    while not load_checkpoint(stopped).state["is_finished"]:
        try:
            resume_run(stopped, selection=SELECTION)
        except Interrupted:
            num_stops += 1
    assert num_stops == 3
    assert last_bytes(stopped) == last_bytes(undisturbed)


def test_a_plateau_follows_the_evaluations(start):
    found = rates(start("run", *RECIPES["a plateau"]))
    assert len(set(found[6:])) > 1, "no evaluation brought nothing better: the test is void"


def test_without_options_nothing_of_the_new_keys_is_in_a_checkpoint(trained):
    state = read_json(load_checkpoint(trained).path / "state.json")
    assert not {"optimizer", "schedule", "average"} & set(state)


def test_today_s_keys_and_the_components_options_say_the_same(start):
    older = ["train.schedule=polynomial", "train.lr_end=0.0005", "train.power=2", "train.epochs=2"]
    newer = ["train.schedule={name: polynomial, lr_end: 0.0005, power: 2}", "train.epochs=2"]
    first, second = start("older", *older), start("newer", *newer)
    assert rates(first)[-1] < rates(first)[8]
    assert last_bytes(first) == last_bytes(second)


def test_the_average_is_judged_loaded_and_chosen_by_name(start):
    # So slow an average is still near the weights that were drawn at random.
    run_dir = start("run", "train.ema={decay: 0.99, warmup: false}", "train.lr=0.01")

    def judged(which):
        return evaluate_run(run_dir, which=which, selection=SELECTION)["held-out"].metrics

    written = read_json(run_dir / "evaluation" / "held-out.json")["metrics"]
    assert judged("last") == judged("last-average") == written
    assert judged("last-trained") != written
    assert load_checkpoint(run_dir).is_average
    assert not load_checkpoint(run_dir, "best-trained").is_average


def test_an_average_that_is_only_kept_changes_nothing_of_the_run(start, trained):
    run_dir = start("run", "train.ema={decay: 0.9, use: false}")
    before, after = last_bytes(trained), last_bytes(run_dir)
    assert set(after) - set(before) == {"average.safetensors"}
    assert {name: after[name] for name in before} == before
    assert load_checkpoint(run_dir, "last-average").is_average
    assert not load_checkpoint(run_dir).is_average


def test_a_run_without_an_average_says_so_and_a_wrong_name_what_there_is(trained):
    with pytest.raises(DataError, match="kept no average"):
        load_checkpoint(trained, "last-average")
    for name in ("lst", "last-averag", "last-", "../last"):
        with pytest.raises(UsageError, match="no checkpoint"):
            load_checkpoint(trained, name)


def test_what_an_older_georet_began_is_the_same_configuration(trained):
    """Its checkpoint names the schedule by a word, and lacks the keys that came since."""
    config, plugins = reconfigure(trained / "config.yaml", selection=SELECTION)
    recorded = read_json(load_checkpoint(trained).path / "state.json")["begun"]
    train = recorded["config"]["train"]
    assert train["schedule"] == {"name": "cosine"}
    train["schedule"] = "cosine"
    for key in ("optimizer", "layer_decay", "groups", "ema"):
        del train[key]
    pairs = load_data(config, plugins).pairs
    assert check_begun(recorded, config, pairs) == []
    train["schedule"] = "constant"
    with pytest.raises(ConfigError, match=r"train.schedule.name was 'constant'"):
        check_begun(recorded, config, pairs)


def test_a_set_that_is_not_evaluated_is_refused_before_anything_is_trained(start, tmp_path):
    with pytest.raises(ConfigError, match="'cross/recall@1' is not") as caught:
        start("run", "train.schedule={name: plateau, metric: cross/recall@1}")
    assert "held-out" in str(caught.value.hint)
    assert not (tmp_path / "run" / "checkpoints").exists()


@pytest.mark.parametrize(
    ("hook", "override"),
    [
        ("georet_optimizers", "train.optimizer={name: signs, momentum: 0.8}"),
        ("georet_schedules", "train.schedule={name: triangle, peak: 0.5}"),
    ],
)
def test_the_examples_of_third_parties_train_and_resume(start, tmp_path, hook, override):
    text = (inspect.getdoc(hookspecs.HOOKS[hook]) or "").partition("Example::")[2]
    path = tmp_path / "theirs.py"
    path.write_text(textwrap.dedent(text))
    plugins = [*PLUGINS, str(path)]
    run_dir = start("run", override, "train.epochs=2", plugins=plugins)
    begun = load_checkpoint(run_dir)
    if hook == "georet_optimizers":
        tensors = load_file(begun.path / "optimizer.safetensors")
        assert {key.split("/")[0] for key in tensors} == {"mean"}
    else:
        assert rates(run_dir)[-1] < max(rates(run_dir))
    before = last_bytes(run_dir)
    resume_run(run_dir, selection=Selection.of(plugins))
    assert last_bytes(run_dir) == before


def test_what_is_loaded_later_is_the_average_and_its_hash_tells_it_apart(start):
    run_dir = start("run", "train.ema={decay: 0.9}", "train.epochs=2")
    tensors = load_checkpoint(run_dir).tensors
    config, plugins = reconfigure(run_dir / "config.yaml", selection=SELECTION)
    hashes = {
        which: weights_sha256(load_encoder(run_dir, which, config, plugins))
        for which in ("last", "last-average", "last-trained")
    }
    assert hashes["last"] == hashes["last-average"] == tensors_sha256(tensors["average"])
    assert hashes["last-trained"] == tensors_sha256(tensors["encoder"]) != hashes["last"]
    load_encoder(run_dir, "last", config, plugins, weights_sha256=hashes["last"])
    with pytest.raises(UsageError, match="not the encoder"):
        load_encoder(run_dir, "last-trained", config, plugins, weights_sha256=hashes["last"])
