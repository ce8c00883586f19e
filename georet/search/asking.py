"""Asking an index, whoever made it: what it raises or returns wrongly is told with its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from georet.blame import blaming, maker_of
from georet.contracts.searching import Searchable
from georet.types import Bools, Floats, Ints


def ask(
    index: Searchable,
    queries: Floats,
    k: int,
    allowed: Bools | None = None,
    within: Callable[[], tuple[Floats, Ints]] | None = None,
) -> tuple[Floats, Ints]:
    """Return what ``Searchable.search`` does; ComponentError that names an index for anything else.

    Shapes are [Q, k], ids integers of at least -1, and the scores of rows that were found real
    numbers. ``within`` asks in another way.
    """
    with blaming(index, "search()"):
        found: Any = index.search(queries, k, allowed) if within is None else within()
    maker, wanted = maker_of(index), (len(queries), k)
    if not isinstance(found, tuple) or len(found) != 2:
        raise maker.broke(
            f"search() returned a {type(found).__name__}",
            "Return scores float32[Q, k] and ids int64[Q, k].",
        )
    scores, ids = (np.asarray(each) for each in found)
    for name, array, kinds in (("scores", scores, "f"), ("ids", ids, "iu")):
        if array.shape != wanted or array.dtype.kind not in kinds:
            raise maker.broke(
                f"search() returned {name} {array.dtype}{list(array.shape)}, wanted "
                f"{'float32' if kinds == 'f' else 'int64'}{list(wanted)}"
            )
    if ids.min(initial=0) < -1 or not np.isfinite(scores[ids >= 0]).all():
        raise maker.broke(
            "search() returned an id below -1, or a score that is no finite number",
            "Pad with -1 where there are fewer rows than were asked for.",
        )
    return scores.astype(np.float32, copy=False), ids.astype(np.int64, copy=False)
