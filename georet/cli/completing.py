"""What the shell completes: runs, galleries, recipes, plugins, components.

Each function gets what was typed so far and returns what it could become; it never raises, for a
shell has no place for an error. Where it returns nothing, the shell completes names of files.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from georet.errors import GeoretError
from georet.run_layout import ARTEFACT, CONFIG

DEEP = 2
"""How many folders below what was typed are looked into: ``ru`` finds ``runs/first``."""
MOST_FOLDERS = 2000
"""So many folders are looked at, so that the key answers at once in a folder of a million."""
GALLERY = "gallery.json"
LIST = ","


def runs(incomplete: str) -> list[str]:
    """Folders of runs, and of exported artefacts."""
    return list(_folders(incomplete, (CONFIG, ARTEFACT)))


def galleries(incomplete: str) -> list[str]:
    """Folders of galleries."""
    return list(_folders(incomplete, (GALLERY,)))


def recipes(incomplete: str) -> list[str]:
    """The recipes of all installed plugins that load, and ``none``."""
    from georet.plugins import Selection, list_plugins, load_plugins

    try:
        # What is broken or blocked has nothing to offer, and must not spoil the others.
        fit = [p.name for p in list_plugins(Selection.of(None)) if p.status in _USABLE]
        found = ["none", *load_plugins(also=fit).recipes]
    except (GeoretError, ImportError):
        return []
    return [name for name in found if name.startswith(incomplete)]


def plugins(incomplete: str) -> list[str]:
    """Names of installed plugins, also as the last of a list with commas."""
    from georet.plugins import Selection, list_plugins

    before, comma, last = incomplete.rpartition(LIST)
    try:
        names = [info.name for info in list_plugins(Selection.of(None))]
    except (GeoretError, ImportError):
        return []
    taken = before.split(LIST)
    return [before + comma + name for name in names if name.startswith(last) and name not in taken]


def components(incomplete: str) -> list[tuple[str, str]]:
    """Components of the selected plugins with their summaries, by name or as ``plugin:name``."""
    from georet.plugins import Selection, list_plugins

    try:
        listed = list_plugins(Selection.of(None))
    except (GeoretError, ImportError):
        return []
    found = [component for info in listed for component in info.components]
    if ":" not in incomplete:
        # Names alone until a colon is typed: bash takes a colon for the end of a word.
        named = {c.id.partition(":")[2]: c.summary for c in found}
    else:
        named = {c.id: c.summary for c in found}
    return [(name, summary) for name, summary in named.items() if name.startswith(incomplete)]


_USABLE = ("active", "available")


def _folders(incomplete: str, marks: tuple[str, ...]) -> Iterable[str]:
    head, slash, _ = incomplete.rpartition("/")
    start = Path(head + slash) if head or slash else Path()
    seen = 0
    level = [start]
    for depth in range(DEEP):
        deeper: list[Path] = []
        for folder in level:
            try:
                inner = sorted(p for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")
            except OSError:
                continue
            for path in inner:
                if depth == 0 and not str(path).startswith(incomplete.removeprefix("./")):
                    continue
                seen += 1
                if seen > MOST_FOLDERS:
                    return
                if any((path / mark).is_file() for mark in marks):
                    yield ("./" if incomplete.startswith("./") else "") + str(path)
                else:
                    deeper.append(path)
        level = deeper
