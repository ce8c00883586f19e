"""A user's mistake ends in one message: what, where, what next; never in a traceback."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from georet.testing.fixtures import TINY_PLUGINS, Outcome, tiny_config
from georet.train.checkpoint import load_checkpoint

pytest_plugins = ["georet.testing.fixtures"]
Train = Callable[..., Outcome]


@pytest.fixture
def train(runner, tmp_path: Path) -> Train:
    """Return a function that runs ``georet train`` on the tiny data with further settings."""

    def run(*settings: str, plugins: str = ",".join(TINY_PLUGINS)) -> Outcome:
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(tiny_config(tmp_path / "images") | {"recipe": "none"}))
        sets = [word for setting in settings for word in ("--set", setting)]
        call = ["train", "--plugins", plugins, "--config", path, "--out", tmp_path / "run"]
        return runner(*call, *sets)

    return run


def assert_clear(outcome: Outcome, exit_code: int, *words: str) -> None:
    assert outcome.exit_code == exit_code, outcome.stderr
    assert "Traceback" not in outcome.stderr
    for word in words:
        assert word in outcome.stderr


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("train.batchsize=8", ["train.batchsize", "batch_size"]),
        ("train.epochs=many", ["train.epochs", "integer"]),
        ("sampler.selekt=3", ["sampler.selekt"]),
        ("sampler={name: gps, selekt: 3}", ["sampler.selekt", "select"]),
        ("sampler=gpss", ["gpss", "gps"]),
        ("encoder.backbone=tinny", ["tinny", "tiny"]),
        ("train.batch_size=64", ["64", "batch"]),
        ("data.size.query=[0,32]", ["data.size.query"]),
        ("losses=[]", ["losses"]),
        ("train.epochs", ["train.epochs", "="]),
    ],
)
def test_a_wrong_setting_names_its_key(train: Train, setting: str, words: list[str]) -> None:
    assert_clear(train(setting), 2, *words)


def test_an_unknown_key_in_a_file_is_named_with_file_and_line(runner, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("recipe: none\ntrain:\n  epochs: 2\n  lrr: 0.1\n")
    outcome = runner("train", "--config", path)
    assert_clear(outcome, 2, "mine.yaml", "4", "train.lrr", "lr")


def test_an_unknown_plugin_is_named_with_those_there_are(runner) -> None:
    outcome = runner("train", "--plugins", "sample4goe")
    assert_clear(outcome, 2, "sample4goe", "sample4geo")


def test_a_missing_image_is_named(train: Train, tmp_path: Path) -> None:
    assert train().exit_code == 0
    victim = next((tmp_path / "images" / "query").iterdir())
    victim.write_bytes(victim.read_bytes()[:200])
    (tmp_path / "run").rename(tmp_path / "first")
    assert_clear(train(), 3, victim.name)


def test_bad_images_within_the_quota_are_listed_and_the_run_completes(
    train: Train, tmp_path: Path
) -> None:
    assert train().exit_code == 0
    victim = next((tmp_path / "images" / "query").iterdir())
    victim.write_bytes(b"")
    (tmp_path / "run").rename(tmp_path / "first")
    outcome = train("data.bad_image_quota=0.05")
    assert_clear(outcome, 0, victim.name)
    outcome_events = (tmp_path / "run" / "bad_images.json").read_text()
    assert victim.name in outcome_events


def test_a_run_that_is_there_is_not_overwritten(train: Train) -> None:
    assert train().exit_code == 0
    assert_clear(train(), 2, "--resume")


def test_a_checkpoint_with_a_flipped_bit_is_refused(train: Train, runner, tmp_path: Path) -> None:
    assert train().exit_code == 0
    path = load_checkpoint(tmp_path / "run").path / "encoder.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    plugins = ",".join(TINY_PLUGINS)
    outcome = runner("eval", tmp_path / "run", "--plugins", plugins)
    assert_clear(outcome, 4, "encoder.safetensors", "SHA-256")


class Payload:
    """Would make a file if it were unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.target,)


def test_weights_with_a_pickled_payload_are_refused_and_not_executed(
    train: Train, tmp_path: Path
) -> None:
    path, touched = tmp_path / "weights.pth", tmp_path / "touched"
    path.write_bytes(pickle.dumps({"weight": Payload(touched)}))
    backbone = f"encoder.backbone={{name: timm, model: test_convnext, weights: {path}}}"
    assert_clear(train(backbone), 3, "weights.pth")
    assert not touched.exists()


def test_a_missing_extra_is_named(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    from georet_sample4geo import lite0

    monkeypatch.setattr(lite0, "PACKAGE", "not-installed-anywhere")
    backbone = "encoder.backbone={name: timm, model: tf_efficientnet_lite0, weights: lite0}"
    assert_clear(train(backbone), 2, "georet[demo]")


def test_a_folder_that_is_no_run_is_named(runner, tmp_path: Path) -> None:
    assert_clear(runner("eval", tmp_path), 3, str(tmp_path), "config.yaml")
    assert_clear(runner("train", "--resume", tmp_path), 3, "config.yaml")


def test_resume_takes_no_new_settings(runner, tmp_path: Path) -> None:
    assert_clear(runner("train", "--resume", tmp_path, "--set", "seed=1"), 2, "--resume")


def test_an_unknown_evaluation_set_is_named_with_those_there_are(
    train: Train, runner, tmp_path: Path
) -> None:
    assert train().exit_code == 0
    plugins = ",".join(TINY_PLUGINS)
    outcome = runner("eval", tmp_path / "run", "--plugins", plugins, "--only", "held")
    assert_clear(outcome, 2, "held-out")
