"""What a probe chooses, where it is recorded, and that it changes nothing else."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from georet.commands import probing
from georet.commands.probing import Choice, Probe
from georet.commands.training import resume_run, start_run
from georet.config import RunConfig
from georet.errors import Interrupted
from georet.plugins import Selection
from georet.train.events import read_events

PLUGINS = ["sample4geo", "georet.testing.plugin"]
AUTO = ["train.channels_last=auto", "train.threads=auto", "data.workers=auto"]
Start = Callable[..., Path]


@pytest.fixture
def start(tmp_path: Path, settings: dict[str, Any]) -> Start:
    def started(name: str, *overrides: str) -> Path:
        path, out = tmp_path / "settings.yaml", tmp_path / name
        path.write_text(yaml.safe_dump(settings))
        start_run(selection=Selection.of(PLUGINS), path=path, overrides=overrides, out=out)
        return out

    return started


@pytest.fixture
def paying(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a probe pay for the smallest run, and leave threads to it."""
    monkeypatch.setattr(probing, "LEAST_PAIRS", 0)
    monkeypatch.setattr(probing, "LEAST_S", 0.0)
    monkeypatch.setattr(probing, "BUDGET", 1e9)
    monkeypatch.setattr(probing, "usable_cores", lambda: 2)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def config_of(run_dir: Path) -> dict[str, Any]:
    return yaml.safe_load((run_dir / "config.yaml").read_text())


def of_numpy() -> bytes:
    return np.random.get_state()[1].tobytes()  # noqa: NPY002


def costs(monkeypatch: pytest.MonkeyPatch, cost: Callable[[Choice], float]) -> list[Choice]:
    """Make choices cost what ``cost`` says; return those that were measured, in order."""
    asked: list[Choice] = []

    def step_seconds(parts: object, choice: Choice, num: int = 5) -> float:
        asked.append(choice)
        return cost(choice)

    monkeypatch.setattr(probing, "step_seconds", step_seconds)
    return asked


def test_the_fastest_way_is_chosen_recorded_and_used(
    start: Start, paying: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    fast = Choice(1, True, 1)
    costs(monkeypatch, lambda choice: 0.1 if choice == fast else 0.3 - 0.1 * choice.channels_last)
    torch.set_num_threads(2)
    run_dir = start("run", *AUTO)
    written = config_of(run_dir)
    assert written["train"]["channels_last"] is True
    assert (written["train"]["threads"], written["data"]["workers"]) == (1, 1)
    assert torch.get_num_threads() == 1
    probe = json.loads((run_dir / "probe.json").read_text())
    assert probe["chosen"] == {"threads": 1, "channels_last": True, "workers": 1}
    assert {"threads": 2, "channels_last": False, "workers": 0, "step_s": 0.3} in probe["measured"]
    manifest = json.loads((run_dir / "manifest.json").read_text())
    assert (manifest["threads"], manifest["channels_last"], manifest["workers"]) == (1, True, 1)
    assert "threads 1, loader workers 1; 0.100 s a step, 0.300 s without" in capfd.readouterr().err


def test_what_is_set_is_not_measured_and_stays(
    start: Start, paying: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = costs(
        monkeypatch, lambda choice: 0.3 - 0.1 * choice.channels_last - 0.1 * choice.workers
    )
    torch.set_num_threads(1)
    run_dir = start("run", "train.channels_last=false", "train.threads=1", "data.workers=auto")
    assert {choice.channels_last for choice in asked} == {False}
    assert {choice.threads for choice in asked} == {1}
    assert config_of(run_dir)["data"]["workers"] == 2


def test_what_is_hardly_faster_does_not_replace_the_default() -> None:
    default, other = Choice(2, False, 0), Choice(2, True, 0)
    assert Probe(default, {default: 1.0, other: 0.97}).best == default
    assert Probe(default, {default: 1.0, other: 0.9}).best == other
    assert Probe(default).best == default


def test_a_real_probe_measures_every_way_and_leaves_all_as_it_was(
    start: Start, paying: None, settings: dict[str, Any], tmp_path: Path
) -> None:
    from georet.configure import configure
    from georet.train import setup

    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    config, plugins = configure(selection=Selection.of(PLUGINS), path=path, overrides=AUTO)
    torch.set_num_threads(1)
    before = torch.get_rng_state(), random.getstate(), of_numpy()
    probe = probing.measure(config, plugins, tmp_path, setup.load_data(config, plugins))
    assert {choice.channels_last for choice in probe.measured} == {False, True}
    assert {choice.workers for choice in probe.measured} >= {0, 1, 2}
    assert all(seconds > 0 for seconds in probe.measured.values())
    assert torch.get_num_threads() == 1
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert of_numpy() == before[2]


def test_equal_choices_give_equal_bytes_probed_or_set(start: Start, paying: None) -> None:
    probed = start("probed", *AUTO)
    chosen = json.loads((probed / "probe.json").read_text())["chosen"]
    set_ = start(
        "set",
        f"train.channels_last={str(chosen['channels_last']).lower()}",
        f"train.threads={chosen['threads']}",
        f"data.workers={chosen['workers']}",
    )
    assert (probed / "events.jsonl").read_bytes() == (set_ / "events.jsonl").read_bytes()
    assert not (set_ / "probe.json").exists()


@pytest.mark.parametrize("stop_at", ["2", "12"])
def test_a_resumed_run_goes_on_with_the_choice_that_was_made(
    start: Start, paying: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, stop_at: str
) -> None:
    costs(monkeypatch, lambda choice: 0.3 - 0.1 * choice.channels_last - 0.01 * choice.workers)
    whole = start("whole", *AUTO)
    stopper = tmp_path / "stopper.py"
    stopper.write_text(
        "from georet import hookimpl\n\n\n@hookimpl\ndef georet_step_end(trainer, step):\n"
        f"    if step == {stop_at}:\n        trainer.stop.requested = 'SIGTERM'\n"
    )
    path = tmp_path / "settings.yaml"
    with pytest.raises(Interrupted):
        start_run(
            selection=Selection.of([*PLUGINS, str(stopper)]),
            path=path,
            overrides=AUTO,
            out=tmp_path / "cut",
        )

    def never(*_: object) -> float:
        raise AssertionError("measured again")

    monkeypatch.setattr(probing, "step_seconds", never)
    stopper.write_text(stopper.read_text().replace(f"== {stop_at}", "== -1"))
    if stop_at == "2":  # as if it had been killed before its first checkpoint
        shutil.rmtree(tmp_path / "cut" / "checkpoints")
    resume_run(tmp_path / "cut", selection=Selection.of([*PLUGINS, str(stopper)]))
    assert config_of(tmp_path / "cut")["train"]["channels_last"] is True
    cut, all_ = (
        [e for e in read_events(folder) if e["event"] == "step"]
        for folder in (tmp_path / "cut", whole)
    )
    assert cut == all_


def test_short_runs_and_runs_begun_before_are_not_probed(start: Start) -> None:
    run_dir = start("run", *AUTO)
    assert config_of(run_dir)["train"]["channels_last"] is False
    assert json.loads((run_dir / "probe.json").read_text())["measured"] == []


@pytest.mark.parametrize(
    ("key", "value"),
    [("train.threads", "0"), ("data.workers", "-1"), ("data.workers", "many")],
)
def test_a_number_that_can_not_be_is_refused_by_its_key(start: Start, key: str, value: str) -> None:
    from georet.errors import ConfigError

    with pytest.raises(ConfigError) as caught:
        start("run", f"{key}={value}")
    assert key in str(caught.value.where)
    assert "or 'auto'" in str(caught.value)
    assert "more to mend" not in str(caught.value)


def test_the_schema_takes_auto_and_numbers() -> None:
    schema = RunConfig.model_json_schema()
    assert "auto" in json.dumps(schema["$defs"]["DataConfig"]["properties"]["workers"])
