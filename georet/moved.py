"""Modules that had another name before 0.2: importing them still works, with a warning."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Final

MOVED: Final = {
    "georet.gallery.build": ("georet.gallery.making.build",),
    "georet.gallery.gallery": ("georet.facade",),
    "georet.gallery.region": ("georet.ground.region",),
    "georet.gallery.sources": ("georet.sources.opening", "georet.tiles.tiling"),
    "georet.gallery.tiles": ("georet.tiles.table",),
    "georet.protocols": (
        "georet.contracts.training",
        "georet.contracts.searching",
        "georet.contracts.running",
        "georet.export_spec",
    ),
    "georet.train.session": ("georet.commands.training", "georet.commands.judging"),
    "georet_export.session": ("georet_export.artefact.session",),
}
"""{name before: the modules that have its content now}; the names that 0.1's pages showed."""


class _Former(Loader):
    """Makes a module that looks its names up where they are now."""

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return ModuleType(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        now = MOVED[module.__name__]
        warnings.warn(
            f"{module.__name__} is now {' and '.join(now)}; the old name goes with 0.3",
            DeprecationWarning,
            stacklevel=2,
        )

        def found(name: str) -> Any:
            for place in now:
                if hasattr(inner := importlib.import_module(place), name):
                    return getattr(inner, name)
            raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}")

        module.__getattr__ = found  # type: ignore[method-assign]


class _Finder(MetaPathFinder):
    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the signature is Python's
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        return ModuleSpec(name, _Former()) if name in MOVED else None


def install() -> None:
    """Let the former names be imported; asked first, since an empty folder may be left."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
