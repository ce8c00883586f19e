"""Where plugins come from: installed distributions, modules, and files; known before any import."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType

from georet.errors import PluginError
from georet.suggest import hint_for
from georet.version import __version__

GROUP = "georet"
CORE = "core"


@dataclass(frozen=True)
class Source:
    """One plugin: what it is called, who distributes it, what to import.

    ``wish`` is how to ask for it again. ``is_installed``: an entry point leads to it, so it was
    not named as a file or module. ``rivals`` are other distributions that claim the same name.
    """

    name: str
    target: str | Path
    distribution: str
    version: str
    wish: str
    is_installed: bool = True
    rivals: tuple[str, ...] = ()

    @property
    def owner(self) -> str:
        """The distribution with its version."""
        return f"{self.distribution} {self.version}".strip()

    def __str__(self) -> str:
        return f"plugin {self.name!r} ({self.owner})"


def installed() -> dict[str, Source]:
    """Return the plugins of installed distributions by name, from their metadata alone."""
    found = {CORE: core()}
    for entry in sorted(entry_points(group=GROUP), key=_rank):
        version = entry.dist.version if entry.dist is not None else ""
        source = Source(entry.name, entry.value, _distribution(entry), version, entry.name)
        first = found.get(entry.name)
        if first is not None:
            source = replace(first, rivals=(*first.rivals, source.owner))
        found[entry.name] = source
    return found


def core() -> Source:
    """Return the plugin that is always there."""
    return Source(CORE, "georet.plugins.builtin", "georet", __version__, CORE)


def find(wish: str, known: dict[str, Source], *, entry_points_only: bool = False) -> Source:
    """Return the plugin a wish means: a name, a path to a file, or a module.

    Files and modules are code of the user's choice: ``entry_points_only`` refuses them, for wishes
    that come from a recipe or a checkpoint rather than from the user.
    """
    if wish in known:
        return known[wish]
    if entry_points_only:
        raise PluginError(
            "is not installed, and files and modules are loaded only when you name them",
            where=f"plugin {wish!r}",
            hint=f"Name it yourself: --plugins {wish}\n  {hint_for(wish, known, 'installed')}",
        )
    if is_path(wish):
        return _from_path(wish)
    for source in known.values():
        if source.target == wish:
            return source
    if _is_module(wish):
        return _from_module(wish)
    raise PluginError(
        "is unknown",
        where=f"plugin {wish!r}",
        hint=f"{hint_for(wish, known, 'available')}\n  "
        "`georet plugins` lists them; a file is named by its path: ./mine.py",
    )


def load(source: Source) -> ModuleType:
    """Import the plugin's module; whatever it raises becomes a PluginError that names it."""
    if source.rivals:
        raise PluginError(
            f"is claimed by several distributions: {', '.join([source.owner, *source.rivals])}",
            where=f"plugin {source.name!r}",
            hint="Uninstall all but one of them.",
        )
    try:
        if isinstance(source.target, Path):
            return _import_file(source.target, source.version)
        return importlib.import_module(source.target)
    except KeyboardInterrupt as error:
        # The command line's library would forget for whom it was waited.
        raise PluginError(
            f"was stopped by Ctrl-C while it was imported{_origin(error)}",
            where=str(source),
            hint=f"--no-plugin {source.name} leaves it out.",
        ) from error
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"can't be imported: {type(error).__name__}: {error}{_origin(error)}",
            where=str(source),
            hint=f"Repair it, or leave it out: --no-plugin {source.name}",
        ) from error


def is_path(wish: str) -> bool:
    """Return whether a wish is the path of a file or folder, not a name or a module."""
    return "/" in wish or "\\" in wish or wish.endswith(".py")


def name_of(path: Path) -> str:
    """Return what a plugin in a file, or in a folder with ``__init__.py``, is called."""
    if path.name == "__init__.py":
        path = path.parent
    return path.stem if path.suffix == ".py" else path.name


def split(wishes: Iterable[str]) -> list[str]:
    """Return the single wishes of a list whose entries may hold several, separated by commas."""
    parts = (part.strip() for text in wishes for part in text.split(","))
    return list(dict.fromkeys(part for part in parts if part))


def _rank(entry: EntryPoint) -> tuple[str, bool, str]:
    # georet's own first, so that a second claim on its name does not replace it.
    distribution = _distribution(entry)
    return entry.name, distribution != "georet", distribution


def _distribution(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else ""


def _from_path(wish: str) -> Source:
    path = Path(wish).expanduser()
    path = path / "__init__.py" if path.is_dir() else path
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise PluginError(
            f"can't be read: {error.strerror}", where=f"plugin {wish!r}", hint="Check the path."
        ) from error
    return Source(
        name_of(path), path.resolve(), path.name, f"sha256:{digest[:12]}", wish, is_installed=False
    )


def _from_module(wish: str) -> Source:
    # Finding a submodule imports its package, which is what the user asked for by naming it.
    try:
        spec = importlib.util.find_spec(wish)
    except Exception as error:
        raise PluginError(
            f"can't be imported: {type(error).__name__}: {error}{_origin(error)}",
            where=f"plugin {wish!r}",
        ) from error
    if spec is None or not spec.has_location or spec.origin is None:
        raise PluginError("there is no such Python file", where=f"plugin {wish!r}")
    digest = hashlib.sha256(Path(spec.origin).read_bytes()).hexdigest()
    return Source(wish, wish, wish, f"sha256:{digest[:12]}", wish, is_installed=False)


def _is_module(wish: str) -> bool:
    if not all(part.isidentifier() for part in wish.split(".")):
        return False
    try:
        return importlib.util.find_spec(wish.partition(".")[0]) is not None
    except ValueError:  # a module that was made by hand, such as __main__
        return False


def _import_file(path: Path, version: str) -> ModuleType:
    """Import a file under a private name that changes with its contents."""
    key = hashlib.sha256(f"{path} {version}".encode()).hexdigest()[:12]
    name = f"_georet_plugin_{path.stem}_{key}"
    if name in sys.modules:
        return sys.modules[name]
    inner = [str(path.parent)] if path.name == "__init__.py" else None
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=inner)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _origin(error: BaseException) -> str:
    """Return where the exception arose, as ``(file:line)``."""
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if not frame.filename.startswith("<frozen")]
    return f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
