"""The trainer offers observers what ``contracts.observing`` promises them."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path

import pytest
import torch
import yaml

from georet.config import RunConfig
from georet.configure import configure
from georet.contracts import observing
from georet.plugins import Selection
from georet.train.trainer import Trainer
from georet.types import PairTable

NAMES = {"torch": torch, "RunConfig": RunConfig, "PairTable": PairTable}


@pytest.fixture
def trainer(settings, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    config, plugins = configure(
        selection=Selection.of(["sample4geo", "georet.testing.plugin"]), path=path
    )
    run_dir = tmp_path / "run"
    run_dir.mkdir()
    trainer = Trainer(config, plugins, run_dir)
    yield trainer
    trainer.events.close()


def members(protocol: type) -> dict[str, object]:
    return {name: value for name, value in vars(protocol).items() if not name.startswith("_")}


def check(offered: object, protocol: type) -> None:
    """Compare members with a protocol's: values by their type, methods by their parameters."""
    for name, member in members(protocol).items():
        assert hasattr(offered, name), f"{protocol.__name__} promises {name}"
        found = getattr(offered, name)
        if not isinstance(member, property):
            check_parameters(found, member)
            continue
        (wanted,) = typing.get_type_hints(member.fget, localns=NAMES).values()
        if getattr(wanted, "_is_protocol", False):
            check(found, wanted)
        else:
            assert isinstance(found, wanted), f"{name} is {found!r}"


def check_parameters(offered, promised) -> None:
    wanted = list(inspect.signature(promised).parameters.values())[1:]
    found = list(inspect.signature(offered).parameters.values())
    assert [(p.name, p.kind) for p in found] == [(p.name, p.kind) for p in wanted]


def test_the_trainer_offers_all_that_observers_are_promised(trainer):
    assert set(members(observing.Training)) >= {"config", "run_dir", "encoder", "state", "events"}
    check(trainer, observing.Training)


def test_the_page_tells_all_that_observers_are_promised():
    page = (Path(__file__).parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
    told = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `trainer.")}
    assert told == {f"trainer.{name}" for name in members(observing.Training)}


@pytest.mark.parametrize("name", sorted(members(observing.Training)))
def test_what_the_trainer_no_longer_offers_is_noticed(name, trainer):
    class Fewer:
        def __getattr__(self, wanted):
            if wanted == name:
                raise AttributeError(wanted)
            return getattr(trainer, wanted)

    with pytest.raises(AssertionError, match=name):
        check(Fewer(), observing.Training)
