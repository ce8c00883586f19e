"""The tutorials as pages: notebooks that are kept as Python files, without what they print."""

from __future__ import annotations

import re
from pathlib import Path

import jupytext

FOLDER = Path(__file__).parents[1] / "tutorials"
ORDER = (
    "train-and-judge",
    "swap-a-loss",
    "map-to-flight",
    "encoder-without-georet",
    "read-a-gallery",
)
"""As people need them; one that is not named here comes last."""


def pages() -> dict[str, str]:
    """Return each tutorial as Markdown, by the name of its page."""
    return {f"tutorials/{path.stem}.md": page(path) for path in _paths()}


def listed() -> list[str]:
    """Return what the navigation lists below "Tutorials"."""
    return [f"tutorials/{path.stem}.md" for path in _paths()]


def page(path: Path) -> str:
    """Return a notebook's text and code, and where the file is that can be executed."""
    cells = [_cell(cell.cell_type, cell.source, path) for cell in jupytext.read(path).cells]
    end = f"This is `docs/tutorials/{path.name}`; `jupytext --to ipynb` makes a notebook of it."
    return "\n\n".join([*cells, "---", end])


def _paths() -> list[Path]:
    places = {name: place for place, name in enumerate(ORDER)}
    return sorted(FOLDER.glob("*.py"), key=lambda p: (places.get(p.stem, len(ORDER)), p.stem))


def _cell(kind: str, source: str, path: Path) -> str:
    if kind == "markdown":
        return source
    if source.startswith("%%bash"):
        return f"```sh\n{source.partition(chr(10))[2]}\n```"
    if (named := re.match(r"%%writefile (\S+)\n", source)) is not None:
        return f"`{named[1]}`:\n\n```python\n{source[named.end() :]}\n```"
    if source.startswith("%"):
        raise ValueError(f"{path}: the site does not know {source.splitlines()[0]}")
    return f"```python\n{source}\n```"
