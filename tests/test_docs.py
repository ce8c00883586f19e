"""The docs name only what is there, in lines that fit on a screen."""

from __future__ import annotations

import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for pattern in ("*.md", "docs/*.md", "export/*.md", "plugins/*/*.md", "plugins/*/*/*.md")
    for path in sorted(ROOT.glob(pattern))
}
PRESENT = {name: page for name, page in PAGES.items() if name != "CHANGELOG.md"}
"""The changelog also names what was."""


def test_the_pages_were_found():
    assert {"README.md", "docs/architecture.md", "export/README.md"} <= PRESENT.keys()


@pytest.mark.parametrize("name", PRESENT)
def test_every_dotted_name_can_be_imported(name):
    for dotted in set(re.findall(r"\bgeoret(?:_\w+)?(?:\.\w+)+", PRESENT[name])):
        assert pkgutil.resolve_name(dotted) is not None


@pytest.mark.parametrize("name", PRESENT)
def test_every_path_of_the_repository_exists(name):
    folders = "georet|plugins|export|tests|docs|benchmarks"
    named = re.findall(rf"`((?:{folders})/[\w./-]+)`", PRESENT[name])
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_every_link_within_the_repository_leads_somewhere(name):
    linked = re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", PAGES[name])
    assert [path for path in linked if not (ROOT / name).parent.joinpath(path).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_lines_have_at_most_100_characters(name):
    long = [line for line in typed_lines(PAGES[name]) if len(line) > 100]
    # A hook's signature is one line, whatever its length.
    assert [line for line in long if not re.fullmatch(r"`georet_\w+\(.*`", line)] == []


def typed_lines(page: str) -> Iterator[str]:
    """Yield a page's lines without tables, links alone in a line, and what commands printed."""
    fence = None
    for line in page.splitlines():
        if line.lstrip().startswith("```"):
            fence = line.strip().removeprefix("```") if fence is None else None
        elif fence not in ("", "text") and not re.match(r"\s*\||!?\[[^\]]*\]\([^)]*\)$", line):
            yield line
