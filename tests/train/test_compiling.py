from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from georet.train.events import read_events

StartRun = Callable[..., Path]


def losses(run_dir: Path) -> list[float]:
    return [event["loss"] for event in read_events(run_dir) if event["event"] == "step"]


@pytest.mark.slow
@pytest.mark.parametrize("overrides", [[], ["encoder.shared=false", "train.chunk=3"]])
def test_a_compiled_run_follows_the_plain_one(start: StartRun, overrides: list[str]) -> None:
    few = ["train.epochs=1", *overrides]
    plain, compiled = start("plain", *few), start("compiled", "train.compile=true", *few)
    assert losses(compiled) == pytest.approx(losses(plain), rel=2e-3)
