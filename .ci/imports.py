"""The graph of georet's imports, and what the house rules say about it.

Every import counts: at module level, inside functions, under ``TYPE_CHECKING``. Lazy strings of
components (``"module:attribute"``) don't: they are how the core stays unaware of its plugins.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

Graph = Mapping[str, frozenset[str]]
"""{node: the nodes that it imports}."""


@dataclass(frozen=True)
class Package:
    """One import package: its name and its folder, all of whose modules are read."""

    name: str
    folder: Path

    def modules(self) -> dict[str, Path]:
        """Return {dotted name: file}; a package is named like its folder."""
        found = {}
        for path in sorted(self.folder.rglob("*.py")):
            parts = [self.name, *path.relative_to(self.folder).with_suffix("").parts]
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
        return found


def file_graph(packages: Sequence[Package]) -> dict[str, frozenset[str]]:
    """Return which module imports which, over all packages together."""
    modules = {name: path for package in packages for name, path in package.modules().items()}
    return {name: frozenset(_imports(path, name, modules)) for name, path in modules.items()}


def _imports(path: Path, name: str, modules: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        wanted: list[str] = []
        if isinstance(node, ast.Import):
            wanted = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # A name may be a module of the package; then the package itself is not what is used.
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            wanted = [full if full in modules else node.module for full in inner]
        yield from (one for one in wanted if one in modules and one != name)


def folder_graph(files: Graph) -> dict[str, frozenset[str]]:
    """Return which folder imports which; a module stands for its folder, and so does a package.

    A folder may use its own subfolders and they may use it: such pairs are left to the files.
    """
    names = set(files)
    edges: dict[str, set[str]] = defaultdict(set)
    for name, imported in files.items():
        own = _folder(name, names)
        edges[own] |= {_folder(other, names) for other in imported}
    return {
        own: frozenset(o for o in others if not _is_within(o, own) and not _is_within(own, o))
        for own, others in edges.items()
    }


def _folder(name: str, names: set[str]) -> str:
    is_package = any(other.startswith(f"{name}.") for other in names)
    return name if is_package else name.rpartition(".")[0]


def _is_within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}.")


def loops(graph: Graph) -> list[list[str]]:
    """Return the groups of two or more nodes that reach each other (Tarjan, 1972)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in graph.get(node, ()):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            group = stack[stack.index(node) :]
            del stack[-len(group) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return found


def parts_of(package: str, files: Graph) -> dict[str, set[str]]:
    """Return {part: parts it imports}, a part being what stands directly in the package."""
    edges: dict[str, set[str]] = defaultdict(set)
    for name, imported in files.items():
        if _is_within(name, package):
            own = _part(name, package)
            inner = (other for other in imported if _is_within(other, package))
            edges[own] |= {_part(other, package) for other in inner}
    return {own: others - {own} for own, others in edges.items()}


def _part(name: str, package: str) -> str:
    rest = name.removeprefix(package).removeprefix(".")
    return rest.partition(".")[0] or "__init__"


def upward(package: str, files: Graph, floors: Sequence[Sequence[str]]) -> list[str]:
    """Say which parts have no floor, and which import from their own floor or from above it."""
    height = {part: number for number, floor in enumerate(floors) for part in floor}
    wrong = []
    for part, imported in sorted(parts_of(package, files).items()):
        if part not in height:
            wrong.append(f"{part} has no floor")
            continue
        wrong.extend(
            f"{part} imports {other}, which is not below it"
            for other in sorted(imported)
            if height.get(other, -1) >= height[part]
        )
    return wrong


def crowded(packages: Sequence[Package], most: int, exceptions: Mapping[str, int]) -> list[str]:
    """Say which folders hold more modules than ``most``, ``__init__`` not counted."""
    wrong = []
    for package in packages:
        numbers: dict[Path, int] = defaultdict(int)
        for path in package.modules().values():
            numbers[path.parent] += path.name != "__init__.py"
        for folder, number in sorted(numbers.items()):
            name = f"{package.name}/{folder.relative_to(package.folder).as_posix()}".rstrip("/.")
            if number > exceptions.get(name, most):
                wrong.append(f"{name} holds {number} files")
    return wrong


def strangers(core: str, files: Graph) -> list[str]:
    """Say which modules of the core import a plugin's package."""
    return [
        f"{name} imports the plugin {other}"
        for name, imported in sorted(files.items())
        if _is_within(name, core)
        for other in sorted(imported)
        if not _is_within(other, core)
    ]
