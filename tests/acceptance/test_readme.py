"""What the README shows runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from georet.cli.app import LazyGroup
from georet.facade import Gallery
from georet.plugins import load_plugins
from georet.testing import PixelSession
from georet.tiles.table import TileTable

pytest_plugins = ["georet.testing.fixtures"]
README = (Path(__file__).parents[2] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


LINES = [line for block in blocks("sh") for line in block.splitlines()]


def test_the_library_example_runs() -> None:
    names: dict[str, object] = {}
    exec(next(b for b in blocks("python") if "evaluate_embeddings" in b), names)
    assert isinstance(names["batches"], np.ndarray)
    assert names["batches"].shape == (62, 16)
    assert set(names["metrics"]) == {"recall@1", "recall@5", "recall@10", "recall@1%"}


def test_the_plugin_example_loads(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(next(b for b in blocks("python") if "SoftMargin" in b))
    assert "soft_margin" in load_plugins([str(path)]).catalog.names("losses")


@pytest.mark.parametrize("line", [x for x in LINES if "georet train" in x and "mine" not in x])
def test_every_training_command_has_settings_that_fit(line: str, runner) -> None:
    words = shlex.split(line.split("&&")[-1].split("#")[0])[2:]
    outcome = runner("config", "validate", *words)
    assert outcome.exit_code == 0, outcome.stderr


def test_the_gallery_example_prints_places(tmp_path: Path, monkeypatch, capsys) -> None:
    corners = np.array([[[47.1, 7.0], [47.1, 7.1], [47.0, 7.1], [47.0, 7.0]]])
    tiles = TileTable(["bern"], corners.mean(axis=1), corners, np.array([9000.0]))
    session = PixelSession()
    photo = np.random.default_rng(0).integers(0, 256, (1, 48, 48, 3)).astype(np.uint8)
    gallery = Gallery.from_arrays(
        tmp_path / "area.gallery", tiles, session.embed(photo), session.identity
    )
    monkeypatch.setattr(Gallery, "session", lambda *_, **__: session)
    monkeypatch.chdir(gallery.path.parent)
    names: dict[str, Any] = {}
    exec(next(b for b in blocks("python") if "Gallery.open" in b), names)
    names["places"](list(photo))
    assert capsys.readouterr().out.split()[-1] == "bern"


@pytest.mark.parametrize("line", [x for x in LINES if re.match(r"georet \w+ ", x)])
def test_every_command_and_option_is_known(line: str) -> None:
    found: Any = LazyGroup(name="georet")
    _, *words = shlex.split(line.split("#")[0])
    while words and hasattr(found, "get_command"):
        found = found.get_command(None, words.pop(0))
        assert found is not None, line
    known = {option for parameter in found.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known
