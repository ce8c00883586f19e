"""The house rules that a machine can check: imports run one way, folders match the packaging."""

from __future__ import annotations

import ast
import importlib.util
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from georet import run_layout

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SKIPPED = {".git", ".venv", "build", "dist", "node_modules"}
FLOORS = (
    (
        "addresses",
        "cache",
        "components",
        "config",
        "errors",
        "moved",
        "patience",
        "platforms",
        "places",
        "progress",
        "run_layout",
        "suggest",
        "version",
    ),
    (
        "blame",
        "csvfile",
        "extras",
        "files",
        "identity",
        "interrupt",
        "processes",
        "tables",
        "tailing",
        "validation",
    ),
    ("types",),
    ("tiles",),
    ("contracts", "geodesy", "locks", "ranks", "sweep", "vouching"),
    ("embeddings", "feeding"),
    ("cameras", "data", "encoder", "ground", "hookspecs", "search"),
    (
        "encoder_facts",
        "evaluate",
        "export_spec",
        "fits",
        "page",
        "plugins",
        "refiners",
        "sampling",
        "tracks",
    ),
    ("configure",),
    ("report", "train"),
    ("sessions", "sources"),
    ("pretrained",),
    ("photos",),
    ("gallery",),
    ("locate",),
    ("flights",),
    ("facade", "serve"),
    ("__init__", "commands"),
    ("doctor",),
    ("cli",),
    ("__main__", "testing"),
)
"""Parts of the core from the ground up: a part imports only from floors below its own."""
MOST_FILES, MORE_FILES = (
    15,
    {
        "georet": 30,
        "georet/cli": 26,
        "georet/commands": 26,
        "georet/testing": 36,
        "georet/data": 18,
        "georet/train": 20,
    },
)
"""Modules in one folder, and where more are allowed."""


def sources(*folders: str) -> Iterator[Path]:
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if not SKIPPED & set(path.relative_to(ROOT).parts):
                yield path


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def checker() -> ModuleType:
    """Return ``.ci/imports.py``, which a checkout has and an installed georet has not."""
    spec = importlib.util.spec_from_file_location("imports", ROOT / ".ci" / "imports.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["imports"] = module
    spec.loader.exec_module(module)
    return module


imports = checker()


def plugin_packages() -> dict[str, str]:
    """Return the import packages in the container folders: name to folder."""
    folders = [*(ROOT / "plugins").iterdir(), ROOT / "export"]
    own = {f for f in folders if (f / "pyproject.toml").exists()}
    packages = [p.parent for f in folders if f not in own for p in f.glob("*/__init__.py")]
    return {package.name: relative(package) for package in packages}


def packages(root: Path = ROOT) -> list[Any]:
    found = [("georet", "georet"), *plugin_packages().items()]
    found.append(("georet_example_triplet", "plugins/example_triplet/georet_example_triplet"))
    return [imports.Package(name, root / folder) for name, folder in found]


def violations(root: Path = ROOT) -> list[str]:
    """Say everything that is wrong with the imports of the tree at ``root``."""
    every = packages(root)
    files = imports.file_graph(every)
    return [
        *(f"loop of files: {', '.join(loop)}" for loop in imports.loops(files)),
        *(
            f"loop of folders: {', '.join(loop)}"
            for loop in imports.loops(imports.folder_graph(files))
        ),
        *imports.upward("georet", files, FLOORS),
        *imports.crowded(every, MOST_FILES, MORE_FILES),
        *imports.strangers("georet", files),
    ]


def test_imports_run_one_way_without_any_loop():
    assert violations() == []


PLANTED = {
    "a loop of files by a lazy import": (
        "georet/ground/lengths.py",
        "def later():\n    from georet.ground.region import Region\n    return Region\n",
        "loop of files: georet.ground.lengths, georet.ground.region",
    ),
    "a loop of files by typing alone": (
        "georet/sweep/vectors.py",
        "if TYPE_CHECKING:\n    from georet.sweep.exact import Sides\n",
        "loop of files: georet.sweep.exact, georet.sweep.vectors",
    ),
    "a loop of folders": (
        "georet/gallery/pictures/projective.py",
        "from georet.gallery.making import pace\n",
        "loop of folders: georet.gallery.making, georet.gallery.pictures",
    ),
    "an import upward": (
        "georet/geodesy.py",
        "from georet.evaluate import metrics\n",
        "geodesy imports evaluate, which is not below it",
    ),
    "one file too many": ("georet/page/one_more.py", "", "georet/page holds 16 files"),
    "the core importing a plugin": (
        "georet/sessions.py",
        "import georet_faiss\n",
        "georet.sessions imports the plugin georet_faiss",
    ),
}


@pytest.mark.parametrize("case", PLANTED)
def test_a_planted_violation_is_found(case, tmp_path):
    for package in packages():
        target = tmp_path / package.folder.relative_to(ROOT)
        shutil.copytree(package.folder, target, ignore=shutil.ignore_patterns("__pycache__"))
    file, text, expected = PLANTED[case]
    path = tmp_path / file
    if case == "one file too many":
        for number in range(MOST_FILES + 1 - len(list(path.parent.glob("[!_]*.py"))) - 1):
            (path.parent / f"filler_{number}.py").write_text("")
    if case == "a loop of folders":
        other = tmp_path / "georet/gallery/making/pace.py"
        other.write_text(other.read_text() + "from georet.gallery.pictures import atlas\n")
    before = path.read_text() if path.exists() else ""
    path.write_text(before + text)
    assert expected in violations(tmp_path)


def test_every_floor_names_parts_that_there_are():
    files = imports.file_graph(packages())
    named = [part for floor in FLOORS for part in floor]
    assert sorted(named) == sorted(imports.parts_of("georet", files))


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


def test_no_function_is_longer_than_60_lines():
    # Commands apart: half of theirs are options, one or several lines each.
    long = [
        f"{relative(path)}:{node.lineno} {node.name}"
        for path in sources("georet", "plugins", "export")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and "hookspecs" not in path.parts
        and (node.end_lineno or 0) - node.lineno + 1 > (80 if "cli" in path.parts else 60)
    ]
    assert long == []


def test_names_of_a_runs_files_stand_in_one_module():
    files = {value for name, value in vars(run_layout).items() if name.isupper()}
    # Folders that are sealed have a manifest.json too, which is none of a run.
    files = {name for name in files if "." in name} - {run_layout.MANIFEST}
    assert len(files) >= 7
    again = [
        f"{relative(path)}:{node.lineno} {node.value}"
        for path in sources("georet", "plugins", "export", "benchmarks")
        if relative(path) != "georet/run_layout.py" and "tests" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in files
    ]
    assert again == []


def test_there_is_no_utils_module():
    assert [relative(p) for p in sources("georet", "plugins", "export") if "util" in p.name] == []


def test_the_example_is_a_distribution_of_its_own():
    example = tomllib.loads((ROOT / "plugins/example_triplet/pyproject.toml").read_text())
    assert example["project"]["entry-points"]["georet"] == {
        "example_triplet": "georet_example_triplet"
    }
    packages = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert not any("example_triplet" in package for package in packages)
