"""What mkdocs calls: pages from the root of the repository, from the catalogue and from docstrings.

``mkdocs build --strict`` reads ``mkdocs.yml``, which names this file. Nothing is written beside the
pages: what is generated exists in the build alone.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

import reference
import tutorials
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from georet.version import __version__

ROOT = Path(__file__).parents[2]
BROUGHT = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "plugins/orbitview/georet_orbitview/CARD.md": "orbitview-card.md",
    "plugins/cityblocks/georet_cityblocks/CARD.md": "cityblocks-card.md",
    "plugins/example_triplet/README.md": "example-plugin.md",
    "contrib/qgis/README.md": "qgis.md",
}
"""Pages outside of ``docs``, and what they are called on the site."""
REFERENCE, TUTORIALS = "Reference", "Tutorials"
"""The navigation's sections that are generated."""
LINK = re.compile(r"(\]\()([^)#:\s]+)((?:#[^)\s]*)?\))")


def on_config(config: Any) -> Any:
    """Show the version beside the site's name, and list the reference's pages."""
    config.site_name = f"georet {__version__}"
    for title, pages in {REFERENCE: reference.listed(), TUTORIALS: tutorials.listed()}.items():
        section = next(entry for entry in config.nav if title in entry)
        section[title] = pages
    return config


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are not files of ``docs``."""
    for source, name in BROUGHT.items():
        text = (ROOT / source).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=relinked(text, source)))
    for name, text in {**reference.pages(), **tutorials.pages()}.items():
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: Any, files: Files) -> str:  # noqa: ARG001
    """Lead links from ``docs`` to other parts of the repository to their pages here."""
    is_own = page.file.generated_by is None
    return relinked(markdown, f"docs/{page.file.src_uri}") if is_own else markdown


def relinked(markdown: str, source: str) -> str:
    """Return ``markdown`` of the file ``source`` with its links as the site has those pages."""
    here = BROUGHT.get(source, source.removeprefix("docs/"))

    def lead(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), found[2]))
        if (ROOT / path / "README.md").is_file():
            path += "/README.md"
        name = BROUGHT.get(path, path.removeprefix("docs/"))
        if path.startswith("docs/tutorials/"):
            name = name.removesuffix(".py") + ".md"
        if name == path:
            return found[0]
        return found[1] + posixpath.relpath(name, posixpath.dirname(here) or ".") + found[3]

    return LINK.sub(lead, markdown)
