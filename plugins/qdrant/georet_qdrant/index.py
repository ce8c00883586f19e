"""The index ``qdrant``: candidates by the server, the exact order by the gallery's embeddings."""

from __future__ import annotations

from typing import Final

import numpy as np

from georet.errors import ConfigError, DataError, UsageError
from georet.ground.region import Region
from georet.progress import say
from georet.search.ordering import ordered
from georet.search.rows import Rows
from georet.search.served import PlacedRows, Within
from georet.sweep import Vectors, vectors
from georet.types import Bools, Floats, Ints
from georet_qdrant.address import open_engine
from georet_qdrant.engine import Engine
from georet_qdrant.filters import Filter, filter_of, of_gallery, of_rows
from georet_qdrant.push import check_own, collection_of

EXACT_BELOW: Final = 50_000
"""Rows that the server compares one and all in some 30 milliseconds (at 64 dimensions)."""
_MORE: Final = 32
"""Candidates beyond the k asked for: filters hold a few rows too many, and fp32 sums differ."""


class Qdrant:
    """Asks a collection to which ``georet gallery push`` brought the gallery.

    ``url`` is the server (or a folder, for the engine in this process), by default ``QDRANT_URL``;
    a key is ``QDRANT_API_KEY``. ``collection`` is by default the one that ``push`` makes for this
    state of the gallery. Where at most ``exact_below`` rows are allowed the server compares with
    each of them; of more it walks its graph, and an answer that is short is asked for again,
    exactly. Without the gallery's shards the server's scores stand, which is said.
    """

    kind = "qdrant"

    def __init__(
        self,
        *,
        url: str | None = None,
        collection: str | None = None,
        exact_below: int = EXACT_BELOW,
    ) -> None:
        if exact_below < 0:
            raise ConfigError(
                f"exact_below is {exact_below}", where=self.kind, hint="Give 0 or more."
            )
        self.url, self.collection, self.exact_below = url, collection, exact_below
        self._engine: Engine | None = None
        self._placed: PlacedRows | None = None
        self._rows: Rows | None = None
        self._name = ""

    @property
    def note(self) -> str:
        """Whose scores rank the candidates."""
        by = "the server's scores" if self._rows is None else "the gallery's own embeddings"
        return f"candidates by {self._asked[0].where}, ranked by {by}"

    def attach(self, rows: PlacedRows, /) -> None:
        """Be the index of these rows; DataError unless the server holds them, all and alone."""
        engine = open_engine(self.url, where="--index qdrant, option url")
        name = self.collection or collection_of(rows)
        where = f"{engine.where}, collection {name}"
        push = f"Bring it there: georet gallery push {rows.name} --to URL"
        held = engine.held(name)
        if held is None:
            raise DataError(f"is not there, and {rows.name} with it", where=where, hint=push)
        if held.num_points:
            check_own(held, rows, where)
        num = engine.count(name, of_gallery(rows.key)) if held.num_points else 0
        if num < len(rows):
            raise DataError(
                f"holds {num:,} of the {len(rows):,} tiles of {rows.name}", where=where, hint=push
            )
        if held.num_points != num:
            raise DataError(
                f"holds {held.num_points - num:,} points of something else than {rows.name}",
                where=where,
                hint="Push the gallery to a --collection of its own.",
            )
        self._engine, self._placed, self._name = engine, rows, name
        self._rows = None
        if rows.embeddings is not None:
            self._rows = Rows.of(rows.embeddings, np.arange(len(rows)))
        else:
            say(f"note: {rows.name} has no shards here: the server's scores rank its tiles")

    def search(self, queries: Floats, k: int, region: Bools | None = None) -> tuple[Floats, Ints]:
        """Return cosines float32[Q, k] and rows int64[Q, k], best first, -1 pads."""
        return self._searched(queries, k, region, None)

    def search_in(
        self, queries: Floats, k: int, allowed: Bools, region: Within, /
    ) -> tuple[Floats, Ints]:
        """Return what ``search`` does for the rows ``allowed`` bool[R], which lie in a region."""
        return self._searched(queries, k, allowed, region)

    @property
    def _asked(self) -> tuple[Engine, PlacedRows]:
        if self._engine is None or self._placed is None:
            raise UsageError("was attached to no gallery", where=self.kind, hint="Call attach().")
        return self._engine, self._placed

    def _searched(
        self, queries: Floats, k: int, allowed: Bools | None, region: Within | None
    ) -> tuple[Floats, Ints]:
        placed = self._asked[1]
        asked = self._checked(queries, k, allowed)
        num_allowed = len(placed) if allowed is None else int(allowed.sum())
        scores = np.full((len(queries), k), -np.inf, np.float32)
        rows = np.full((len(queries), k), -1, np.int64)
        wanted = min(k, num_allowed)
        if not wanted:
            return scores, rows
        if num_allowed == len(placed):
            allowed = None
        missing = np.arange(len(queries))
        for chosen, is_exact in self._plan(allowed, num_allowed, region):
            if len(missing):
                found = self._found(asked, missing, wanted, chosen, allowed, is_exact=is_exact)
                scores[missing, :wanted], rows[missing, :wanted] = found
                missing = missing[(found[1] < 0).any(axis=1)]
        if len(missing):
            raise DataError(
                f"gave fewer than {wanted} of {num_allowed:,} tiles",
                where=f"{self._asked[0].where}, collection {self._name}",
                hint=f"It has lost some: georet gallery push {placed.name} --to URL",
            )
        return scores, rows

    def _plan(
        self, allowed: Bools | None, num_allowed: int, region: Within | None
    ) -> list[tuple[Filter | None, bool]]:
        """Return filters, and whether to ask exactly; the next one serves where one falls short."""
        is_exact = num_allowed <= self.exact_below
        if allowed is None:
            return [(None, is_exact), (None, True)]
        by_number = (of_rows(np.flatnonzero(allowed)), True)
        if isinstance(region, Region):
            chosen = filter_of(region)
            return [(chosen, is_exact), *([] if is_exact else [(chosen, True)]), by_number]
        # Of most rows the best are the best of all, as far as they are allowed.
        return [by_number] if is_exact else [(None, False), by_number]

    def _found(
        self,
        asked: Vectors,
        some: Ints,
        wanted: int,
        chosen: Filter | None,
        allowed: Bools | None,
        *,
        is_exact: bool,
    ) -> tuple[Floats, Ints]:
        """Return scores and rows [M, wanted] for ``some`` of the queries, int64[M]; -1 pads."""
        unit = (asked.rows[some] / asked.length[some, None]).astype(np.float32)
        num = wanted + max(_MORE, wanted // 8)
        answers = self._asked[0].search(self._name, unit, num, chosen, exact=is_exact)
        rows = np.full((len(some), num), -1, np.int64)
        scores = np.full(rows.shape, -np.inf, np.float32)
        for at, (ids, own) in enumerate(answers):
            # Others may write to the collection meanwhile; what is none of these rows is passed by.
            is_own = (ids >= 0) & (ids < len(self._asked[1]))
            ids, own = ids[is_own], own[is_own]
            if allowed is not None:
                ids, own = ids[allowed[ids]], own[allowed[ids]]
            order = np.lexsort((ids, -own))
            rows[at, : len(ids)], scores[at, : len(ids)] = ids[order], own[order]
        if self._rows is None:
            return scores[:, :wanted], rows[:, :wanted]
        mine = Vectors(asked.rows[some], asked.length[some], asked.has_direction[some])
        top = ordered(mine, self._rows, rows, wanted)
        query, place = np.nonzero(top >= 0)
        cosines = np.full(top.shape, -np.inf, np.float32)
        cosines[query, place] = self._rows.cosines(mine, query, top[query, place])
        return cosines, top

    def _checked(self, queries: Floats, k: int, allowed: Bools | None) -> Vectors:
        """Return the queries float32[Q, D]; UsageError or DataError for what can't be asked."""
        placed = self._asked[1]
        if k < 1:
            raise UsageError(f"k is {k}", where=self.kind, hint="Ask for at least one reference.")
        found = vectors(queries, "queries")
        if found.rows.shape[1] != placed.embed_dim:
            raise DataError(
                f"queries have {found.rows.shape[1]} dimensions, tiles have {placed.embed_dim}",
                hint="Embed both with the same encoder.",
            )
        if allowed is not None and (allowed.dtype != np.bool_ or allowed.shape != (len(placed),)):
            raise UsageError(
                f"the region is {allowed.dtype}{list(allowed.shape)}, wanted bool[{len(placed)}]",
                hint="One value for each row, True where it may be found: region.mask(latlon).",
            )
        return found
