"""Writes the folder of a new plugin: packaging, hooks, components, tests, README."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from georet.commands.scaffold.checks import test_module, training_module
from georet.commands.scaffold.examples import Skeleton, skeleton
from georet.components import KINDS
from georet.errors import ComponentError, DataError, UsageError
from georet.files import replaced_folder
from georet.plugins.discovery import installed
from georet.suggest import hint_for

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,40}")
_PYPROJECT: Final = """[build-system]
requires = ["hatchling>=1.26"]
build-backend = "hatchling.build"

[project]
name = "{dist}"
version = "0.1.0"
description = "{kinds_in_words} for georet"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["georet>=0.1"]

[project.optional-dependencies]
test = ["mypy>=1.11", "pytest>=8", "ruff>=0.9"]

[project.entry-points.georet]
{name} = "{package}"

[tool.hatch.build.targets.wheel]
packages = ["{package}"]

[tool.pytest.ini_options]
addopts = ["--import-mode=importlib"]
testpaths = ["tests"]

[tool.ruff]
line-length = 100

[tool.ruff.lint]
select = ["B", "E", "F", "I", "UP"]

[tool.ruff.lint.isort]
known-first-party = ["georet", "{package}"]

[tool.mypy]
files = ["{package}"]
check_untyped_defs = true
ignore_missing_imports = true
"""
_HOOK: Final = '''

@hookimpl
def georet_{kind}() -> Iterable[Component]:
    """Declare {kind}, lazily."""
{declared}'''
_DECLARED: Final = """    yield Component(
        "{name}",
{given}    )
"""
_CONFTEST: Final = '''"""What tests share: how components are made, and georet's own fixtures."""

from collections.abc import Callable
from typing import Any

import pytest

from georet.config import ComponentSpec
from georet.plugins import load_plugins
from georet.testing import check_plugin

PLUGIN = "{package}"

pytest_plugins = ["georet.testing.fixtures"]


@pytest.fixture
def plugin() -> str:
    """Return what `--plugins` takes."""
    return PLUGIN


@pytest.fixture
def make() -> Callable[..., Any]:
    """Return what makes a component: make("losses", "my_loss", margin=0.1)."""

    def made(kind: str, name: str, **options: Any) -> Any:
        catalog = load_plugins([PLUGIN]).catalog
        own = [e for e in catalog.entries(kind) if e.owner.target == PLUGIN]
        (entry,) = [e for e in own if e.component.name == name]
        return catalog.create(kind, ComponentSpec(name=entry.id, **options))

    return made


check_plugin(PLUGIN)
'''
_README: Final = """# {dist}

A plugin for georet with {kinds_in_words}.

```sh
pip install -e '.[test]'
georet plugins --plugins {name}
pytest
```

| file | what |
|---|---|
| `pyproject.toml` | the entry point in group `georet`: the plugin's name = this import package |
| `{package}/__init__.py` | the hooks: lazy strings only, so that `georet plugins` stays fast |
{rows}| `tests/` | tests with `georet.testing`, the kit for plugin authors |

Every hook is described, with an example, in georet's `docs/plugins.md`. The components are small
and work: replace what is in them, and give them names of your own in `{package}/__init__.py`.
"""


def write_plugin(name: str, kinds: Sequence[str], out: Path | None = None) -> Path:
    """Write the distribution ``georet-NAME`` with components of the given kinds; return its folder.

    UsageError for a name that can't be one or is taken and for a folder that is there,
    ComponentError for an unknown kind.
    """
    _check_name(name)
    for kind in kinds:
        if kind not in KINDS:
            hint = hint_for(kind, KINDS, "kinds")
            raise ComponentError(f"there is no kind {kind!r}", where="--kinds", hint=hint)
    package, dist = f"georet_{name}", f"georet-{name.replace('_', '-')}"
    folder = out if out is not None else Path(dist)
    if folder.exists():
        raise UsageError("is there already", where=str(folder), hint="Choose another --out.")
    if not folder.absolute().parent.is_dir():
        raise DataError("there is no such folder", where=str(folder.absolute().parent))
    skeletons = [skeleton(kind) for kind in dict.fromkeys(kinds)]
    with replaced_folder(folder) as temporary:
        for path, text in _files(name, package, dist, skeletons).items():
            (temporary / path).parent.mkdir(parents=True, exist_ok=True)
            (temporary / path).write_text(text, encoding="utf-8")
    return folder


def _files(name: str, package: str, dist: str, skeletons: list[Skeleton]) -> dict[str, str]:
    """Return the texts of the new plugin's files by their paths in it."""
    kinds = [each.kind for each in skeletons]
    words = ", ".join(kinds[:-1]) + (" and " if kinds[1:] else "") + kinds[-1]
    rows = "".join(f"| `{package}/{each.kind}.py` | {each.signature} |\n" for each in skeletons)
    filled = {"name": name, "package": package, "dist": dist, "rows": rows}
    filled["kinds_in_words"] = words
    files = {
        "pyproject.toml": _PYPROJECT.format(**filled),
        "README.md": _README.format(**filled),
        f"{package}/__init__.py": _init(name, package, skeletons),
        f"{package}/py.typed": "",
        "tests/conftest.py": _CONFTEST.format(**filled),
    }
    for each in skeletons:
        about = f"\n\n{each.about}\n" if each.about else ""
        head = f'"""{each.kind.capitalize()}: {each.signature.partition(": ")[2]}{about}"""\n\n'
        gap = "" if each.code.startswith(("import", "from")) else "\n"
        files[f"{package}/{each.kind}.py"] = head.replace("``", "`") + gap + each.code
        files[f"tests/test_{each.kind}.py"] = test_module(each)
    training = training_module(skeletons)
    if training is not None:
        files["tests/test_training.py"] = training
    return files


def _init(name: str, package: str, skeletons: list[Skeleton]) -> str:
    text = (
        f'"""The hooks of the plugin `{name}`."""\n\n'
        "from collections.abc import Iterable\n\n"
        "from georet import Component, hookimpl\n"
    )
    for each in skeletons:
        module = f"{package}.{each.kind}"
        declared = "".join(
            _DECLARED.format(
                name=component,
                given="".join(f"        {one.replace('{module}', module)},\n" for one in given),
            )
            for component, given in each.components
        )
        text += _HOOK.format(kind=each.kind, declared=declared)
    return text


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is no name of a plugin",
            hint="Lower case, digits and underscores, a letter first: my_losses.",
        )
    if name in installed():
        raise UsageError(
            f"there is a plugin {name!r} already: {installed()[name]}", hint="Choose another name."
        )
