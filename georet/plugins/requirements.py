"""What is installed, found out without importing it."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import sys
from pathlib import Path


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
