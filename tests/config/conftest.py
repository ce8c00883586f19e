"""A small plugin in a file: one component of each kind that a run needs, and some recipes."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

PLUGIN = """
from pathlib import Path
from georet import Component, hookimpl

def make(**options: float): ...
def data(root: Path = Path("."), px: int = 64): ...
def hinge(margin: float = 0.2): ...
def soft(alpha: float = 10.0): ...
def near(select: int = 8, pool: int = 16): ...
def far(select: int = 8): ...
def net(width: int = 8): ...
def darken(most: float = 0.5): ...

@hookimpl
def georet_datasets():
    yield Component("places", data)

@hookimpl
def georet_losses():
    yield Component("hinge", hinge)
    yield Component("soft", soft)

@hookimpl
def georet_samplers():
    yield Component("near", near)
    yield Component("far", far)

@hookimpl
def georet_backbones():
    yield Component("net", net)

@hookimpl
def georet_transforms():
    yield Component("darken", darken)

@hookimpl
def georet_recipes():
    folder = Path(__file__).parent / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
"""
RECIPES = {
    "base": """
        dataset: places
        encoder: {backbone: {name: net, width: 16}}
        losses:
          - {name: hinge, margin: 0.1}
          - soft
        sampler: {name: near, select: 4, pool: 12}
        train: {epochs: 3, lr: 0.01}
    """,
    "child": """
        extends: lab/base
        train: {epochs: 9}
        sampler: {pool: 99}
    """,
    "circle": "extends: lab/circle_back",
    "circle_back": "extends: lab/circle",
}


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the plugin's file, as the user names it; its folder is the current one."""
    monkeypatch.delenv("GEORET_PLUGINS", raising=False)
    monkeypatch.chdir(tmp_path)
    Path("lab.py").write_text(PLUGIN)
    Path("recipes").mkdir()
    for name, text in RECIPES.items():
        Path("recipes", f"{name}.yaml").write_text(textwrap.dedent(text))
    return "./lab.py"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    """Return what writes ``run.yaml`` and returns its path."""

    def write(text: str) -> Path:
        path = tmp_path / "run.yaml"
        path.write_text(textwrap.dedent(text).lstrip("\n"))
        return path

    return write
