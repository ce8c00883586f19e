"""A gallery brought to a server, so that it can be killed at any instant and given again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from georet.errors import DataError
from georet.search.served import PlacedRows
from georet.types import Bools, Ints
from georet_qdrant.engine import INDEXED, SIDE, Engine, Held
from georet_qdrant.filters import GALLERY, PLACE, of_gallery, places

_REQUEST_BYTES: Final = 8_000_000
"""Of JSON in one request; servers take 32 MB."""
_NUMBER_BYTES: Final = 22
_MOST_AT_ONCE: Final = 1000


def collection_of(rows: PlacedRows) -> str:
    """Return the collection's name where none is chosen: it tells this state of the gallery."""
    return f"georet-{rows.key[:16]}"


def check_own(held: Held, rows: PlacedRows, where: str) -> None:
    """Raise DataError where a collection is none that georet made for such rows."""
    missing = ", ".join(sorted(set(INDEXED) - held.indexed))
    if missing:
        raise DataError(
            f"has points and no index of {missing}, so that filters would lose answers",
            where=where,
            hint="Name another --collection; georet makes one with its indexes first.",
        )
    if held.embed_dim != rows.embed_dim or not held.is_dot:
        raise DataError(
            f"is made for other vectors than {rows.name}: {held.embed_dim} dimensions, "
            f"wanted {rows.embed_dim} compared by their product",
            where=where,
            hint="Name another --collection.",
        )


def push(
    rows: PlacedRows,
    engine: Engine,
    collection: str,
    *,
    advance: Callable[[int], None] = lambda _: None,
    check: Callable[[], None] = lambda: None,
) -> int:
    """Bring rows to a collection, each under its number, and return how many were missing.

    Those that are there already are not sent again. ``check`` is called between requests and may
    raise. DataError where the collection holds anything else, or the embeddings are not at hand.
    """
    where = f"{engine.where}, collection {collection}"
    is_there = _begun(rows, engine, collection, where)
    advance(int(is_there.sum()))
    num_missing = int((~is_there).sum())
    if rows.embeddings is None:
        if num_missing:
            raise DataError("its shards are not there", where=rows.name)
        return 0
    most = max(1, min(_MOST_AT_ONCE, _REQUEST_BYTES // (_NUMBER_BYTES * rows.embed_dim)))
    for start, embeddings in rows.embeddings.blocks(~is_there):
        missing = np.flatnonzero(~is_there[start : start + len(embeddings)])
        for first in range(0, len(missing), most):
            check()
            some = missing[first : first + most]
            _send(rows, engine, collection, some + start, embeddings[some])
            advance(len(some))
    num = engine.count(collection, of_gallery(rows.key))
    if num != len(rows):
        raise DataError(
            f"holds {num:,} of {len(rows):,} rows after all were sent",
            where=where,
            hint="Give the same command again.",
        )
    return num_missing


def _begun(rows: PlacedRows, engine: Engine, collection: str, where: str) -> Bools:
    """Make the collection if there is none, and return which rows bool[R] it holds."""
    is_there = np.zeros(len(rows), np.bool_)
    held = engine.held(collection)
    if held is None:
        engine.create(collection, rows.embed_dim)
        return is_there
    if not held.num_points and set(INDEXED) - held.indexed:
        # Killed between the two; indexes made before the first point are as good.
        engine.index_fields(collection)
        return is_there
    check_own(held, rows, where)
    num_own = 0
    for ids in engine.ids(collection, of_gallery(rows.key)):
        is_there[ids[ids < len(rows)]] = True
        num_own += len(ids)
    if num_own != held.num_points:
        raise DataError(
            f"holds {held.num_points - num_own:,} points of something else than {rows.name}",
            where=where,
            hint="Name another --collection.",
        )
    return is_there


def _send(
    rows: PlacedRows, engine: Engine, collection: str, some: Ints, vectors: np.ndarray
) -> None:
    is_bad = ~np.isfinite(vectors).all(axis=1)
    if is_bad.any():
        # An engine takes them, and ranks what is infinite first.
        raise DataError(f"the embedding of row {some[is_bad][0]} is not finite", where=rows.name)
    sides, names = rows.side_m[some].tolist(), rows.ids_at(some)
    payloads = [
        {PLACE: place, SIDE: side_m, GALLERY: rows.key, "tile": name}
        for place, side_m, name in zip(places(rows.latlon[some]), sides, names, strict=True)
    ]
    engine.upsert(collection, some, np.ascontiguousarray(vectors, np.float32), payloads)
