"""The site has every page, and every module that the pages show how to import from."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/site"


@pytest.fixture(scope="module")
def reference():
    spec = importlib.util.spec_from_file_location("site_reference", FOLDER / "reference.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def listed(entry):
    """Yield the pages of a navigation, however deep."""
    if isinstance(entry, str):
        yield entry
    for inner in entry.values() if isinstance(entry, dict) else entry:
        if not isinstance(entry, str):
            yield from listed(inner)


def test_every_page_of_the_docs_is_in_the_navigation():
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    nav = yaml.safe_load(text[text.index("\nnav:") :])["nav"]
    pages = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").glob("*.md")}
    assert pages - set(listed(nav)) == set()


def test_what_the_pages_import_from_is_in_the_reference(reference):
    public = {"georet", *(module for group in reference.PUBLIC.values() for module in group)}
    named = set()
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        text = page.read_text(encoding="utf-8")
        named |= set(re.findall(r"^from (georet(?:\.\w+)*) import", text, re.MULTILINE))
    assert named - public == set()


def test_every_command_is_there_with_its_help(reference):
    page = reference.commands()
    for command in ("georet train", "georet gallery build", "georet export", "georet adapt"):
        assert f"# {command}\n" in page
        assert f"Usage: {command} " in page


def test_every_component_is_there_with_its_options(reference):
    pages = reference.components()
    losses = pages["reference/components/losses.md"]
    assert "## `sample4geo:info_nce`" in losses
    assert "| `label_smoothing` | number | `0.1` |" in losses
    assert "## `core:flip`" in pages["reference/components/transforms.md"]
