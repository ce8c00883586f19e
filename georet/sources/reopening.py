"""Opening again, from its description in a gallery, the source that the gallery was built from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from georet.errors import DataError
from georet.plugins import UNSAID, Selection, load_plugins
from georet.sources.opening import open_source
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling

_NAMES: Final = {
    "geotiff": "raster",
    "sheets": "sheets",
    "mbtiles": "mbtiles",
    "pmtiles": "pmtiles",
    "xyz": "xyz",
    "tiles.csv": "tiles_csv",
    "named images": "named_images",
}
"""The components of georet's own sources, by the kind in their descriptions."""


def reopen_source(described: Mapping[str, Any], *, selection: Selection = UNSAID) -> TileSource:
    """Return the source of a description; DataError unless it is still the one described.

    Its files are compared by what ``georet.tiles.fingerprints`` keeps of them. A source of a plugin
    needs that plugin in ``selection``: a gallery can't make georet load one.
    """
    _check_loaded(described, selection)
    text, name, tiling = _asked(described)
    if "within" in described:
        tiling = replace(tiling, area=str(described["within"]["asked"]))
    try:
        source = open_source(text, tiling, selection=selection, name=name, offline=True)
        now = json.loads(json.dumps(source.describe()))
    except DataError as error:
        raise DataError(f"the imagery can't be opened again: {error.what}", where=text) from error
    changed = sorted(key for key in {*now, *described} if now.get(key) != described.get(key))
    if changed:
        raise DataError(
            f"the imagery is not what the gallery was built from: {', '.join(changed)} changed",
            where=text,
        )
    return source


def _check_loaded(described: Mapping[str, Any], selection: Selection) -> None:
    """Raise DataError where the plugin that a description names isn't one that the user chose."""
    named = described.get("opened_by") or described.get("dataset", {}).get("name", "")
    owner, colon, _ = str(named).partition(":")
    if colon and owner not in load_plugins(selection).versions:
        raise DataError(
            f"the imagery needs the plugin {owner!r}", where=named, hint=f"--plugins {owner}"
        )


def _asked(described: Mapping[str, Any]) -> tuple[str, str, Tiling]:
    """Return what to open, by which component, and cut how."""
    kind, tiling = described.get("kind"), described.get("tiling")
    if "opened_by" in described:
        return described["text"], described["opened_by"], _tiling(described["cut"])
    if kind == "dataset":
        spec = dict(described["dataset"])
        named = f"{spec.pop('name')}:{described['set']}"
        options = "&".join(f"{key}={json.dumps(value)}" for key, value in spec.items())
        return f"{named}?{options}" if options else named, "dataset", _tiling(tiling)
    if kind not in _NAMES:
        raise DataError(f"a source of the kind {kind!r} can't be opened again")
    if kind == "sheets":
        tiling = next(iter(described["sheets"].values()))["tiling"]
    text, scheme = described["path"], described.get("scheme")
    return f"{text}?scheme={scheme}" if scheme else text, _NAMES[str(kind)], _tiling(tiling)


def _tiling(values: Mapping[str, Any] | None) -> Tiling:
    """Return the tiling of its JSON values."""
    given: dict[str, Any] = {}
    for field, value in (values or {}).items():
        given[field] = tuple(value) if isinstance(value, list) else value
    return Tiling(**given)
