"""One component in the catalogue."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from georet.blame import Maker, root_of
from georet.components import Component
from georet.errors import MissingExtraError, PluginError
from georet.plugins.discovery import Source


@dataclass(frozen=True)
class Entry:
    """One component in the catalogue."""

    kind: str
    component: Component
    owner: Source

    @property
    def id(self) -> str:
        """The canonical id, ``plugin:name``."""
        return f"{self.owner.name}:{self.component.name}"

    @property
    def missing(self) -> tuple[str, ...]:
        """The required import names that are not installed; nothing is imported to find out."""
        return tuple(name for name in self.component.requires if not is_installed(name))

    @property
    def maker(self) -> Maker:
        """Who is to blame for what the component does."""
        return Maker(self.kind, self.id, str(self.owner), root_of(self.owner.target))

    def factory(self) -> Any:
        """Import and return what makes the component."""
        return self._resolve(self.component.factory)

    def config(self) -> Any:
        """Import and return the class of the component's options, or None if it has none."""
        return self._resolve(self.component.config)

    def check_requirements(self, where: str = "") -> None:
        """Raise MissingExtraError unless everything that the component requires is installed."""
        missing = self.missing
        if missing:
            packages = " ".join(missing)
            if self.component.extra is not None:
                packages = f"'{self.owner.distribution}[{self.component.extra}]'"
            raise MissingExtraError(
                f"{self.id!r} needs {', '.join(missing)}, which is not installed",
                where=where or None,
                hint=f"pip install {packages}",
            )

    def _resolve(self, target: Any) -> Any:
        """Import a lazy ``"module:attribute"``; everything else is returned as it is."""
        if not isinstance(target, str):
            return target
        module, _, attributes = target.partition(":")
        try:
            found: Any = importlib.import_module(module)
            for attribute in attributes.split("."):
                found = getattr(found, attribute)
        except Exception as error:
            raise PluginError(
                f"{self.kind} {self.id!r}: {target!r} can't be imported: "
                f"{type(error).__name__}: {error}",
                where=str(self.owner),
                hint="GEORET_DEBUG=1 shows the traceback.",
            ) from error
        return found


def is_installed(name: str) -> bool:
    """Return whether a module of that dotted name can be found, without importing its parents."""
    if name in sys.modules:
        return True
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    folders = [Path(folder) for folder in spec.submodule_search_locations or ()]
    for part in rest:
        if not any(_holds(folder, part) for folder in folders):
            return False
        folders = [folder / part for folder in folders]
    return True


def _holds(folder: Path, module: str) -> bool:
    suffixes = importlib.machinery.all_suffixes()
    return (folder / module).is_dir() or any((folder / (module + s)).is_file() for s in suffixes)
