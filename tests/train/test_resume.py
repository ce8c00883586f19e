"""Kill it at any instant: the resumed run gives the same bytes."""

from __future__ import annotations

import multiprocessing
import os
import random
import runpy
import shutil
import signal
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from georet.commands import training as session
from georet.errors import DataError, IntegrityError, Interrupted
from georet.files import read_json, write_json
from georet.plugins import Selection
from georet.train.checkpoint import has_checkpoint, load_checkpoint

PLUGINS = ["sample4geo", "georet.testing.plugin"]
SELECTION = Selection.of(PLUGINS)
NUM_KILLS = 10
INCREMENTAL = "sampler.incremental=true"
CURRICULUM = [*PLUGINS, str(Path(__file__).with_name("curriculum.py"))]


@pytest.fixture(scope="module")
def server() -> ForkServerContext:
    """Return a way to start processes that have imported everything, and computed nothing."""
    context = multiprocessing.get_context("forkserver")
    own = ["georet.commands.training", "georet.sampling"]
    plugin = ["georet_sample4geo.samplers", "georet_sample4geo.info_nce"]
    context.set_forkserver_preload([*own, *plugin, "numba"])
    return context


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    """Return the trained run, to be changed."""
    return shutil.copytree(trained, tmp_path / "run")


@pytest.fixture
def ended() -> int:
    """Return the number of a process that has ended."""
    process = multiprocessing.get_context("spawn").Process()
    process.start()
    process.join()
    assert process.pid
    return process.pid


def resuming(
    server: ForkServerContext, run_dir: Path, deaths: int = 0, plugins: list[str] = PLUGINS
) -> BaseProcess:
    """Start a process that resumes the run; with ``deaths``, it dies at that many-th sync."""
    given = {"RUN_DIR": str(run_dir), "PLUGINS": plugins, "DEATHS": deaths}
    path = Path(__file__).with_name("resume_process.py")
    process = server.Process(target=runpy.run_path, args=(str(path), given))
    process.start()
    return process


def last_bytes(run_dir: Path) -> dict[str, bytes]:
    """Return the tensors of the last checkpoint, events and final metrics, as bytes."""
    folder = load_checkpoint(run_dir).path
    paths = [*folder.glob("*.safetensors"), run_dir / "events.jsonl"]
    paths += sorted((run_dir / "evaluation").glob("*.json"))
    return {path.name: path.read_bytes() for path in paths}


def only_configured(run_dir: Path, source: Path) -> Path:
    """Make a run that was configured like ``source`` and killed before its first step."""
    run_dir.mkdir()
    for name in ("config.yaml", "plugins.json"):
        (run_dir / name).write_bytes((source / name).read_bytes())
    return run_dir


def num_events(run_dir: Path) -> int:
    path = run_dir / "events.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def kill_after(process: BaseProcess, run_dir: Path, more_events: int, delay_s: float) -> None:
    """Kill the process some time after it has written so many events, if it lives that long."""
    target = num_events(run_dir) + more_events
    while process.is_alive() and num_events(run_dir) < target:
        time.sleep(0.001)
    time.sleep(delay_s)
    process.kill()
    process.join()


@pytest.mark.slow
@pytest.mark.parametrize("override", ["seed=5", INCREMENTAL])
def test_ten_kills_at_random_moments_change_no_byte(
    start, tmp_path: Path, server: ForkServerContext, override: str
) -> None:
    undisturbed = start("undisturbed", override, "train.epochs=16")
    run_dir = only_configured(tmp_path / "killed", undisturbed)
    moments, steps = random.Random(0), []
    for _ in range(NUM_KILLS):
        process = resuming(server, run_dir)
        kill_after(process, run_dir, moments.randint(1, 6), moments.uniform(0, 0.03))
        assert process.exitcode == -signal.SIGKILL
        steps.append(load_checkpoint(run_dir).state["step"] if has_checkpoint(run_dir) else 0)
    assert len(set(steps)) >= 4, f"the kills did not hit different moments: {steps}"
    session.resume_run(run_dir, selection=SELECTION)
    assert last_bytes(run_dir) == last_bytes(undisturbed)


@pytest.fixture
def curriculum(settings: dict[str, Any], start) -> Callable[..., Path]:
    """Return what trains a run in which images, sizes and transforms follow the run's course."""
    settings["dataset"] = {"name": "places", "root": settings["dataset"]["root"]}
    settings["data"] = {
        "size": {view: [32, 32] for view in ("query", "reference", "winter")},
        "aux_views": ["winter"],
        "joint": ["flip", "winter", "turn"],
        "augment": {"query": [{"name": "field_of_view", "degrees": "size"}, "shift"]},
        "size_schedule": {
            "query": {"last": [32, 12], "every": "batch"},
            "reference": {"first": [24, 24], "random": True, "every": "batch", "multiple": 8},
            "winter": {"first": [24, 24], "random": True, "every": "batch", "multiple": 8},
        },
    }
    settings["losses"] = ["info_nce", {"name": "heading", "weight": 0.5}]
    settings["sampler"] = "ramp"
    return partial(start, plugins=CURRICULUM)


def test_a_run_whose_images_and_sizes_change_is_the_same_for_any_number_of_workers(
    curriculum,
) -> None:
    alone = last_bytes(curriculum("alone"))
    for workers in (1, 3):
        assert last_bytes(curriculum(f"with-{workers}", f"data.workers={workers}")) == alone
    assert last_bytes(curriculum("other", "seed=1")) != alone


@pytest.mark.slow
def test_five_kills_change_no_byte_where_images_and_sizes_change(
    curriculum, tmp_path: Path, server: ForkServerContext
) -> None:
    undisturbed = curriculum("undisturbed", "train.epochs=12", "data.workers=1")
    run_dir = only_configured(tmp_path / "killed", undisturbed)
    moments, steps = random.Random(1), []
    for _ in range(5):
        process = resuming(server, run_dir, plugins=CURRICULUM)
        kill_after(process, run_dir, moments.randint(2, 10), moments.uniform(0, 0.03))
        assert process.exitcode == -signal.SIGKILL
        steps.append(load_checkpoint(run_dir).state["step"] if has_checkpoint(run_dir) else 0)
    assert len(set(steps)) >= 3, f"the kills did not hit different moments: {steps}"
    session.resume_run(run_dir, selection=Selection.of(CURRICULUM))
    assert last_bytes(run_dir) == last_bytes(undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize("deaths", [1, 3, 5, 7, 9])
def test_a_kill_inside_a_checkpoint_write_leaves_the_previous_one_valid(
    trained, tmp_path: Path, server: ForkServerContext, deaths: int
) -> None:
    run_dir = only_configured(tmp_path / "killed", trained)
    process = resuming(server, run_dir, 30 + deaths)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    load_checkpoint(run_dir)
    session.resume_run(run_dir, selection=SELECTION)
    assert last_bytes(run_dir) == last_bytes(trained)


def test_sigterm_saves_where_it_stands_and_the_run_goes_on_from_there(
    start, trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from georet.train.step import Stepper

    real, calls = Stepper.run, iter(range(100))

    def run(self, *arguments, **options):
        if next(calls) == 8:
            os.kill(os.getpid(), signal.SIGTERM)
        return real(self, *arguments, **options)

    monkeypatch.setattr(Stepper, "run", run)
    with pytest.raises(Interrupted, match="SIGTERM") as caught:
        start("stopped")
    assert caught.value.exit_code == 75
    stopped = tmp_path / "stopped"
    assert load_checkpoint(stopped).state["step"] == 9
    session.resume_run(stopped, selection=SELECTION)
    assert last_bytes(stopped) == last_bytes(trained)


def test_a_finished_run_that_is_resumed_only_evaluates_again(copy: Path) -> None:
    run_dir = copy
    before, manifest = last_bytes(run_dir), read_json(run_dir / "manifest.json")
    manifest["command"] = "georet train --out run"
    write_json(run_dir / "manifest.json", manifest)
    session.resume_run(run_dir, selection=SELECTION)
    assert last_bytes(run_dir) == before
    after = read_json(run_dir / "manifest.json")
    assert after["started"] == manifest["started"]
    assert after["command"] == "georet train --out run"
    assert after["finished"]


def test_what_killed_writers_left_anywhere_in_a_run_is_removed(copy: Path, ended: int) -> None:
    folders = (copy, copy / "checkpoints", copy / "evaluation", copy / "evaluation/late")
    (copy / "evaluation/late").mkdir(parents=True)
    for folder in folders:
        (folder / f".config.yaml.{ended}-0123abcd.tmp").write_text("half")
    is_written = copy / f".report.html.{os.getppid()}-0123abcd.tmp"
    is_written.write_text("by a process that lives")
    session.resume_run(copy, selection=Selection.of(PLUGINS))
    assert list(copy.rglob("*.tmp")) == [is_written]
    assert ".tmp" not in (copy / "vouched.json").read_text()


def test_a_flipped_bit_in_the_last_checkpoint_stops_the_resume(copy: Path) -> None:
    run_dir = copy
    path = load_checkpoint(run_dir).path / "encoder.safetensors"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(bytes(data))
    with pytest.raises(IntegrityError, match=r"encoder\.safetensors") as caught:
        session.resume_run(run_dir, selection=SELECTION)
    assert caught.value.exit_code == 4


def test_a_bank_that_was_changed_stops_the_resume(start) -> None:
    run_dir = start("run", "train.epochs=3")
    bank = next((run_dir / "banks").iterdir())
    bank.write_bytes(bank.read_bytes()[:-1])
    with pytest.raises(IntegrityError, match="bank"):
        session.resume_run(run_dir, selection=SELECTION)


def test_a_folder_without_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"config\.yaml"):
        session.resume_run(tmp_path)


def test_a_checkpoint_holds_weights_optimiser_and_state(trained) -> None:
    folder = load_checkpoint(trained).path
    assert {p.name for p in folder.iterdir()} == {
        "encoder.safetensors",
        "optimizer.safetensors",
        "state.json",
        "manifest.json",
    }
    state = read_json(folder / "state.json")
    assert state["is_finished"]
    assert "sample4geo" in state["plugins"]
    assert "log_scale" in load_file(folder / "encoder.safetensors")
