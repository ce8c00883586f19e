"""The check for sources of tiles."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from georet.contracts.sourcing import SourceOpener
from georet.testing.expect import expect
from georet.tiles.table import TileSource, TileTable
from georet.tiles.tiling import Tiling

_MOST_READ = 50


def check_source(
    make: Callable[[], SourceOpener], text: str, tiling: Tiling | None = None
) -> TileSource:
    """Raise AssertionError unless ``make`` returns an opener that keeps the contract on ``text``.

    It must match ``text`` and not another that can't be its own. What it opens is a ``TileSource``:
    a table of at least one tile; of up to 50 tiles the pixels, uint8[h, w, 3]; JSON values that
    describe it. Opened again, and carried to another process, it has the same tiles with the same
    pixels. Returns what was opened.
    """
    opener, tiling = make(), tiling or Tiling()
    matches: Any = type(opener).__dict__.get("matches")
    expect(
        isinstance(matches, staticmethod | classmethod) or matches is None,
        "matches is a method of an instance, and is asked before there is any",
        "Put @staticmethod above it: def matches(text)",
    )
    for asked, wanted in {text: True, "no:such/thing.nowhere": False}.items():
        said = opener.matches(asked)
        expect(said is wanted, f"matches({asked!r}) is {said!r}", f"Return {wanted} for it")
    source = opener.open(text, tiling)
    expect(
        isinstance(source, TileSource),
        f"open returned a {type(source).__name__}",
        "Return an object with tiles(), read(row) and describe()",
    )
    found: Any = source.tiles()
    described = source.describe()
    expect(
        isinstance(found, TileTable) and len(found) > 0,
        f"tiles() returned a {type(found).__name__} of {len(found)} tiles",
        "Return a georet.tiles.table.TileTable, or raise DataError where there are none",
    )
    table: TileTable = found
    expect(
        json.loads(json.dumps(described)) == described,
        "describe() returned what JSON can't keep",
        "Return a dict of text, numbers, lists and dicts with text as keys",
    )
    sent: TileSource = pickle.loads(pickle.dumps(source))  # noqa: S301 - pickled on this very line
    again = make().open(text, tiling)
    rows = np.unique(np.linspace(0, len(table) - 1, _MOST_READ).astype(int)).tolist()
    for row in rows:
        pixels: Any = source.read(row)
        _check_pixels(pixels, table.ids[row])
        for what, other in {"opened again": again, "in another process": sent}.items():
            expect(
                list(other.tiles().ids) == list(table.ids)
                and np.array_equal(other.read(row), pixels),
                f"{what}, the source has other tiles or pixels",
                "Let order and pixels depend on the files alone; open files where they are read",
            )
    return source


def _check_pixels(pixels: Any, name: str) -> None:
    expect(
        isinstance(pixels, np.ndarray)
        and pixels.dtype == np.uint8
        and pixels.ndim == 3
        and pixels.shape[2] == 3
        and pixels.size > 0,
        f"tile {name} came as {getattr(pixels, 'dtype', type(pixels).__name__)}"
        f"{list(getattr(pixels, 'shape', ()))}",
        "Return uint8[h, w, 3] in RGB",
    )
