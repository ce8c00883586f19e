"""Finds the component that opens a source, by the name that the user gave or by what matches."""

from __future__ import annotations

import inspect
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from georet.addresses import shown_url
from georet.blame import Maker, blaming
from georet.config import ComponentSpec
from georet.errors import ComponentError, DataError, UsageError
from georet.plugins import UNSAID, Selection, load_plugins
from georet.plugins.catalog import Catalog
from georet.plugins.discovery import CORE, installed
from georet.plugins.entry import Entry
from georet.sources.asked import check_options, split_options
from georet.sources.foreign import ForeignSource
from georet.sources.untrusted import check_regular, shown
from georet.sources.within import Within
from georet.suggest import did_you_mean
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling

KIND: Final = "sources"
_ADDRESS: Final = ("http://", "https://", "s3://", "gs://", "/vsi")
"""How names of what is elsewhere begin; their own ``?`` is not ours."""
KINDS: Final = (
    "a GeoTIFF (.tif), a picture with a place (.png, .jpg, .webp), an archive (.mbtiles, "
    ".pmtiles), a folder of GeoTIFFs, with {zoom}/{x}/{y}.png, with tiles.csv or with images "
    "called ..._{lat}_{lon}.png, dataset:NAME[:SET], or run:RUN_DIR[:SET]"
)


def open_source(
    source: str | Path,
    tiling: Tiling,
    *,
    selection: Selection = UNSAID,
    name: str | None = None,
    offline: bool = False,
) -> TileSource:
    """Open what holds the tiles, by the component of that name, or by the one that it matches.

    ``area.tif`` (GeoTIFF, COG), ``area.png`` (a picture whose place is told), ``area.mbtiles``,
    ``area.pmtiles``; a folder with ``tiles.csv``, with ``{zoom}/{x}/{y}.png``, with GeoTIFFs, or
    with images called ``..._{lat}_{lon}.png`` as VIGOR's; each with options:
    ``area.mbtiles?scheme=xyz``. ``NAME:TEXT`` names a component of the kind ``sources`` as well:
    ``dataset:NAME[:SET][?key=value&...]`` and ``run:RUN_DIR[:SET]``, the gallery of an evaluation
    set (by default the first). ``selection`` says which plugins may be used. With ``offline``
    nothing is fetched that a plugin hasn't on disk. What lies outside of ``tiling.area`` is left
    out.

    Raises DataError or UsageError that says what is wrong with the source or can't be done to it.
    """
    source = str(source)
    catalog = load_plugins(selection, also=_owners(name or source)).catalog
    if name is not None:
        entry: Entry | None = catalog.find(KIND, name, where="--source")
        rest = source
    else:
        entry, rest = _named(source, catalog)
    mark = "#" if rest.startswith(_ADDRESS) else "?"
    if entry is not None:
        mark = getattr(entry.factory(), "options_mark", mark)
    text, options = split_options(rest, mark)
    if entry is None:
        entry = _matching(text, catalog)
    show = getattr(entry.factory(), "shown", str)
    opener = _opener(entry, catalog, options, show(source))
    told = {"selection": selection, "offline": offline}
    asks = {k: v for k, v in told.items() if k in inspect.signature(opener.open).parameters}
    wants_area = getattr(entry.factory(), "takes_area", False)
    cut = tiling if wants_area else replace(tiling, area=None)
    with _blaming(entry, "open()"):
        opened: Any = opener.open(text, cut, **asks)
    if not isinstance(opened, TileSource):
        _not_a_source(entry.maker, opened)
    if entry.owner.name != CORE:
        asked = {"text": show(rest), "cut": tiling.as_json()}
        opened = ForeignSource(opened, entry.maker, entry.owner, asked)
    return opened if tiling.area is None else Within(opened, tiling.area)


def named_source(source: str, name: str | None, *, selection: Selection = UNSAID) -> str:
    """Return a source as ``NAME:TEXT`` where the user names its kind; ComponentError if unknown."""
    if name is None:
        return source
    catalog = load_plugins(selection, also=_owners(name)).catalog
    return f"{catalog.find(KIND, name, where='--source').id}:{source}"


def _owners(text: str) -> list[str]:
    """Return the plugin to load for ``plugin:name``, where that is installed."""
    owner, colon, _ = text.partition(":")
    return [owner] if colon and owner in installed() and not Path(text).exists() else []


def _named(source: str, catalog: Catalog) -> tuple[Entry | None, str]:
    """Return the component that ``NAME:TEXT`` or ``plugin:NAME:TEXT`` names, and the text."""
    if Path(source).exists():
        return None, source
    first, colon, rest = source.partition(":")
    second, more, left = rest.partition(":")
    ids = {entry.id: entry for entry in catalog.entries(KIND)}
    if more and f"{first}:{second}" in ids:
        return ids[f"{first}:{second}"], left
    if (
        colon
        and rest.startswith(_ADDRESS)
        and any(
            entry.component.name == first and entry.owner.name == CORE for entry in ids.values()
        )
    ):
        # georet's own are on this machine: what is elsewhere is the plugin's that matches it.
        return None, rest
    if colon and any(entry.component.name == first for entry in ids.values()):
        return catalog.find(KIND, first, where=source), rest
    if colon and (close := did_you_mean(first, catalog.names(KIND))) is not None:
        raise DataError("there is no such file, and no such source", where=source, hint=close)
    return None, source


def _matching(text: str, catalog: Catalog) -> Entry:
    """Return the first component of a plugin that matches; UsageError where two plugins' do."""
    found: dict[str, Entry] = {}
    for entry in catalog.entries(KIND):
        if entry.owner.name in found or entry.missing:
            continue
        if entry.owner.name == CORE and text.startswith(_ADDRESS):
            continue  # it may be called like a file
        with _blaming(entry, "matches()"):
            if entry.factory().matches(text):
                found[entry.owner.name] = entry
    if len(found) > 1:
        names = [entry.id for entry in found.values()]
        raise UsageError(
            f"is a source for {' and for '.join(str(entry.maker) for entry in found.values())}",
            where=text,
            hint=f"Name the one you mean: --source {' or --source '.join(names)}",
        )
    if not found:
        raise _unknown(text, catalog)
    return next(iter(found.values()))


def _opener(entry: Entry, catalog: Catalog, options: dict[str, Any], source: str) -> Any:
    schema = catalog.options_schema(KIND, entry.id)
    if schema.get("additionalProperties") is False:
        check_options(options, list(schema.get("properties", {})), source)
    spec = ComponentSpec.model_construct(name=entry.id, **options)
    return catalog.create(KIND, spec, where=source)


def _unknown(text: str, catalog: Catalog) -> Exception:
    """Return what to say of a text that no source matches."""
    path, hint = Path(text), f"A source is {KINDS}."
    if text.startswith(_ADDRESS):
        lacking = [e for e in catalog.entries(KIND) if e.missing]
        for entry in lacking:
            entry.check_requirements(shown_url(text))
        named = ", ".join(e.id for e in catalog.entries(KIND) if e.owner.name != CORE)
        what = "is an address that no source is made for"
        return DataError(what, where=shown_url(text), hint=f"Name one: {named}")
    if not path.exists():
        return DataError("there is no such file or folder", where=text)
    others = [e.id for e in catalog.entries(KIND) if e.owner.name != CORE]
    if others:
        hint += f" Of plugins: {', '.join(others)}."
    for entry in catalog.entries(KIND):
        if entry.missing:
            hint += f"\n  {entry.id} needs {', '.join(entry.missing)}, which is not installed."
    if path.is_dir():
        what = "holds no tiles whose place is told" if any(path.iterdir()) else "is empty"
        return DataError(f"the folder {what}", where=text, hint=hint)
    check_regular(path)
    suffix = path.suffix.lower()
    return UsageError(
        f"{shown(suffix, 20) if suffix else 'a file without suffix'} is no source of tiles",
        where=text,
        hint=f"{hint} gdal_translate {text} area.tif converts other rasters.",
    )


def _blaming(entry: Entry, doing: str) -> AbstractContextManager[None]:
    """Tell what a plugin's source raises as its own; georet's own say all that is to be said."""
    return nullcontext() if entry.owner.name == CORE else blaming(entry.maker, doing)


def _not_a_source(maker: Maker, opened: object) -> Any:
    raise ComponentError(
        f"open() returned a {type(opened).__name__}, which has not all of tiles, read, describe",
        where=str(maker),
        hint="georet.tiles.table.TileSource says what a source must do.",
    )
