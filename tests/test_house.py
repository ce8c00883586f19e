"""The house rules that a machine can check: imports run one way, folders match the packaging."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SKIPPED = {".git", ".venv", "build", "dist", "node_modules"}
LAYERS = {
    "__main__": 4,
    "cli": 3,
    "testing": 3,
    "train": 2,
    "evaluate": 2,
    "gallery": 2,
    "locate": 2,
    "serve": 2,
    "sessions": 2,
    "report": 2,
    "encoder": 1,
    "sampling": 1,
    "data": 1,
    "search": 1,
    "protocols": 0,
    "types": 0,
    "errors": 0,
}
"""Parts of the core by height: a part may import its own layer and those below."""


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not SKIPPED & set(path.relative_to(ROOT).parts):
                yield path


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imported(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, inside functions too, type checking apart."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    guarded = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in guarded:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def plugin_packages() -> dict[str, str]:
    """Return the import packages in the container folders: name to folder."""
    folders = [*(ROOT / "plugins").iterdir(), ROOT / "export"]
    own = {f for f in folders if (f / "pyproject.toml").exists()}
    packages = [p.parent for f in folders if f not in own for p in f.glob("*/__init__.py")]
    return {package.name: relative(package) for package in packages}


@pytest.mark.parametrize("path", list(sources("georet")), ids=relative)
def test_the_core_imports_no_plugin(path):
    plugins = [name for name in imported(path) if name.startswith("georet_")]
    assert plugins == []


@pytest.mark.parametrize("path", list(sources("georet")), ids=relative)
def test_imports_of_the_core_run_one_way(path):
    part = path.relative_to(ROOT / "georet").parts[0].removesuffix(".py")
    # What is not listed (catalogue, configuration, ...) is used from everywhere: the ground floor.
    height = LAYERS.get(part, 0)
    for name in imported(path):
        head, *rest = name.split(".")
        if head == "georet" and rest:
            assert LAYERS.get(rest[0], 0) <= height, f"{relative(path)} imports {name}"


def test_the_wheel_holds_the_packages_of_the_container_folders():
    listed = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert sorted(listed) == sorted(["georet", *plugin_packages().values()])


def test_every_plugin_has_an_entry_point_of_its_name():
    entries = PROJECT["project"]["entry-points"]["georet"]
    assert {f"georet_{name}": name for name in entries} == {
        module: name for name, module in entries.items()
    }
    assert sorted(entries.values()) == sorted(plugin_packages())


def test_every_importable_name_starts_with_georet():
    assert all(name.startswith("georet_") for name in plugin_packages())


def test_container_folders_hold_no_module_of_their_own():
    containers = [ROOT / "plugins", *(ROOT / "plugins").iterdir(), ROOT / "export"]
    loose = [relative(path) for folder in containers for path in folder.glob("*.py")]
    assert loose == []


def test_the_type_checker_looks_into_every_container_folder():
    folders = {str(Path(path).parent) for path in plugin_packages().values()}
    assert folders <= set(PROJECT["tool"]["mypy"]["mypy_path"])


def test_no_source_file_is_longer_than_300_lines():
    long = {
        relative(path): num
        for path in sources("georet", "plugins", "export", "benchmarks", "docs")
        if (num := path.read_text(encoding="utf-8").count("\n")) > 300
    }
    assert long == {}


def test_no_function_is_longer_than_50_lines():
    long = [
        f"{relative(path)}:{node.lineno} {node.name}"
        for path in sources("georet", "plugins", "export")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and "hookspecs" not in path.parts
        and (node.end_lineno or 0) - node.lineno + 1 > 50
    ]
    assert long == []


def test_there_is_no_utils_module():
    assert [relative(p) for p in sources("georet", "plugins", "export") if "util" in p.name] == []


def test_the_example_is_a_distribution_of_its_own():
    example = tomllib.loads((ROOT / "plugins/example_triplet/pyproject.toml").read_text())
    assert example["project"]["entry-points"]["georet"] == {
        "example_triplet": "georet_example_triplet"
    }
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert not any("example_triplet" in package for package in packages)
