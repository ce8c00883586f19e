"""Skeletons of components: the examples in the hooks' docstrings, which run as georet's tests."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from dataclasses import dataclass
from typing import Final

from georet import hookspecs

_MARKS: Final = {"Component", "hookimpl"}
_PROSE: Final = re.compile(r"\s*Added in [0-9.]+\.\s*$")


@dataclass(frozen=True)
class Skeleton:
    """A module of components of one kind, and what its hook declares.

    ``components`` are names with the other arguments of ``Component``: as text of Python, in which
    ``{module}`` stands for the module's name. ``about`` is what the hook says of the kind,
    ``signature`` its first line.
    """

    kind: str
    code: str
    components: tuple[tuple[str, tuple[str, ...]], ...]
    signature: str
    about: str


def skeleton(kind: str) -> Skeleton:
    """Return the skeleton of a kind, out of the example of its hook."""
    name = f"georet_{kind}"
    text, _, example = (inspect.getdoc(hookspecs.HOOKS[name]) or "").partition("Example::")
    signature, _, about = text.strip().partition("\n")
    source = textwrap.dedent(OWN.get(kind, example)).strip() + "\n"
    tree, lines = ast.parse(source), source.splitlines()
    left, declared = set(range(1, len(lines) + 1)), []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            first = min([node.lineno, *(mark.lineno for mark in node.decorator_list)])
            left -= set(range(first, (node.end_lineno or first) + 1))
            declared = [_declared(call) for call in ast.walk(node) if _is_component(call)]
        if isinstance(node, ast.ImportFrom) and node.module == "georet":
            more = sorted({alias.name for alias in node.names} - _MARKS)
            left -= set(range(node.lineno + bool(more), (node.end_lineno or node.lineno) + 1))
            lines[node.lineno - 1] = f"from georet import {', '.join(more)}"
    body = "\n".join(lines[number - 1] for number in sorted(left)).strip()
    # Where lines were taken out, what stood around them has moved together.
    code = re.sub(r"\n{4,}", "\n\n\n", body) + "\n"
    code = re.sub(r"\n{3,}(?=from |import )", "\n\n", code)
    plain = signature.replace("Declare ", "", 1)
    return Skeleton(kind, code, tuple(declared), plain, _PROSE.sub("", about.strip()))


def _is_component(node: ast.AST) -> bool:
    is_call = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    return is_call and node.func.id == "Component"  # type: ignore[attr-defined]


def _declared(node: ast.AST) -> tuple[str, tuple[str, ...]]:
    """Return the name in ``Component("name", Attribute, summary="...")``, and the rest, lazily."""
    assert isinstance(node, ast.Call)
    name, *others = node.args
    assert isinstance(name, ast.Constant)
    given = [_lazy(each) for each in others]
    given += [f"{word.arg}={_lazy(word.value)}" for word in node.keywords]
    return str(name.value).replace("-", "_"), tuple(given)


def _lazy(value: ast.expr) -> str:
    """Return text of Python: a name as the lazy string that leads to it."""
    if isinstance(value, ast.Name):
        return f'"{{module}}:{value.id}"'
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return f'"{value.value}"'
    return ast.unparse(value)


OWN: Final = {
    "datasets": '''
from pathlib import Path

import numpy as np

from georet import Component, hookimpl
from georet.types import EvaluationSet, ImageTable, PairTable


class Folder:
    """Places 0, 1, 2 ... with images `query/0000.jpg` and `reference/0000.jpg` below `root`.

    The last `num_held_out` places are kept for judging.
    """

    def __init__(self, root: Path, num_places: int = 100, num_held_out: int = 20) -> None:
        self.root = root
        self.num_trained = num_places - num_held_out
        self.num_held_out = num_held_out

    def table(self, view: str, first: int, num: int) -> ImageTable:
        ids = [f"{place:04d}" for place in range(first, first + num)]
        return ImageTable(ids, [self.root / view / f"{i}.jpg" for i in ids], name=view)

    def train(self) -> PairTable:
        rows = np.arange(self.num_trained)
        views = {view: self.table(view, 0, self.num_trained) for view in ("query", "reference")}
        return PairTable(views, np.stack([rows, rows], axis=1))

    def evaluations(self) -> dict[str, EvaluationSet]:
        positives = np.arange(self.num_held_out)[:, None]
        rows = (self.num_trained, self.num_held_out)
        query, gallery = (self.table(view, *rows) for view in ("query", "reference"))
        return {"held-out": EvaluationSet(query, gallery, positives, protocol="recall")}


@hookimpl
def georet_datasets():
    yield Component("folder", Folder, summary="Two folders of numbered images")
''',
}
"""Where a hook's example is shorter than what to begin with: its queries are trained on."""
