"""docs/architecture.md: its layout is that of the tree."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "docs"))  # as when it is run
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of what the layout is made from."""
    root = tmp_path_factory.mktemp("copy")
    for folder in ("georet", "plugins", "export"):
        ignored = shutil.ignore_patterns("__pycache__", "static", "recipes")
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    (root / "tests").mkdir()
    shutil.copy(ROOT / "tests/test_house.py", root / "tests")
    return root


def test_the_layout_is_that_of_the_tree(generator):
    assert generator.with_layout(PAGE) == PAGE, "stale: run `python docs/generate.py`"


CHANGES = {
    "another first line of a module": ("georet/types/__init__.py", "Plain data", "Simple data"),
    "another first line of a room": ("georet/page/__init__.py", "What pages", "That which pages"),
    "another first line of a plugin": ("plugins/pml/georet_pml/__init__.py", "losses", "costs"),
    "a part on another floor": ("tests/test_house.py", '("photos",)', '("photos", "doctor")'),
    "more modules in a folder": ("tests/test_house.py", '"georet/cli": 26', '"georet/cli": 27'),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_makes_the_page_stale(change, generator, copy):
    file, before, after = CHANGES[change]
    path = copy / file
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    assert generator.with_layout(PAGE, copy) != PAGE
    path.write_text(text, encoding="utf-8")
    assert generator.with_layout(PAGE, copy) == PAGE


def test_the_check_names_the_stale_page_and_the_command_mends_it(
    generator, tmp_path, monkeypatch, capsys
):
    for path in (ROOT / "docs").glob("*.md"):
        shutil.copy(path, tmp_path)
    page = tmp_path / "architecture.md"
    page.write_text(PAGE.replace("| `errors.py` |", "| `faults.py` |"), encoding="utf-8")
    monkeypatch.setattr(generator, "DOCS_DIR", tmp_path)
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    assert generator.main() == 1
    assert capsys.readouterr().err == (
        "docs/architecture.md is stale: run `python docs/generate.py`\n"
    )
    monkeypatch.setattr("sys.argv", ["generate.py"])
    assert generator.main() == 0
    assert page.read_text(encoding="utf-8") == PAGE


def test_no_generated_page_is_stale(generator, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["generate.py", "--check"])
    assert generator.main() == 0, capsys.readouterr().err


def test_a_page_without_markers_is_refused(generator):
    with pytest.raises(ValueError, match="must have this line once"):
        generator.with_layout(PAGE.replace(generator.LAYOUT_END, ""))
