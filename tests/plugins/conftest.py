"""Third parties for the tests: real entry points, from ``.dist-info`` folders made by hand."""

from __future__ import annotations

import importlib
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest


class Site:
    """A folder on ``sys.path`` into which a test installs distributions and modules."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, version: str = "1.0", **plugins: str) -> None:
        """Install a distribution whose entry points lead from plugin names to modules."""
        info = self.folder / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        lines = [f"{plugin} = {module}" for plugin, module in plugins.items()]
        (info / "entry_points.txt").write_text("\n".join(["[georet]", *lines, ""]))
        importlib.invalidate_caches()

    def module(self, name: str, source: str) -> None:
        """Write a module."""
        (self.folder / f"{name}.py").write_text(textwrap.dedent(source))
        importlib.invalidate_caches()

    def plugin(self, plugin: str, source: str) -> None:
        """Install a plugin of its own distribution, ``dist-<plugin> 1.0``."""
        self.module(f"module_{plugin}", source)
        self.install(f"dist-{plugin}", **{plugin: f"module_{plugin}"})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Return an empty site; what was imported meanwhile is forgotten again."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delenv("GEORET_PLUGINS", raising=False)
    before = set(sys.modules)
    yield Site(folder)
    for name in set(sys.modules) - before:
        if name.startswith(("module_", "_georet_plugin_")):
            del sys.modules[name]


@pytest.fixture
def loss_source() -> Mapping[str, str]:
    """Return sources of small plugins by what they do."""
    head = "from georet import Component, hookimpl\ndef make(): return dict\n"
    body = "@hookimpl\ndef georet_losses():\n"
    return {
        "one": f"{head}{body}    yield Component('same', make)\n",
        "twice": f"{head}{body}    return [Component('same', make), Component('same', make)]\n",
        "raises": "raise RuntimeError('no licence for Tuesdays')\n",
        "generator": f"{head}{body}    yield Component('same', make)\n    1 / 0\n",
        "not_iterable": f"{head}{body}    return None\n",
        "wrong_item": f"{head}{body}    yield 'same'\n",
    }
