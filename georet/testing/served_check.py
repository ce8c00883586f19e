"""The check for indexes that a server keeps: what was pushed is found, in regions as without."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np

from georet.errors import GeoretError
from georet.gallery.mapped import InMemory
from georet.ground.region import Region
from georet.search.served import PlacedRows, Served
from georet.testing.expect import expect
from georet.testing.index_regions import (
    World,
    check_copies,
    check_edges,
    check_recall,
    searched_in,
    world_of,
)

_ROUNDING: Final = 1e-5


def check_served_index(
    push: Callable[[PlacedRows], object],
    make: Callable[[], Served],
    *,
    num_rows: int = 20_000,
    embed_dim: int = 32,
    k: int = 10,
    least_recall: float = 0.99,
) -> None:
    """Raise AssertionError unless ``make()`` finds on a server what ``push`` brought there.

    Recall is asked for as by ``check_index_regions``: in regions of 50, 5, 0.5 and 0.05 % of
    ``num_rows`` rows, whose places ignore their embeddings or follow them, around the best rows
    and far from them, at the poles, across 180 degrees. Copies of a row are all found, in order;
    fewer rows than k are each given once. An index refuses a gallery that was not pushed, or only
    in another state. What is pushed twice answers alike, and so does a gallery whose embeddings
    are not at hand, whose scores are then the server's.
    """
    for does_follow in (False, True):
        world = world_of(num_rows, embed_dim, does_follow=does_follow)
        world = replace(world, ids=np.arange(num_rows, dtype=np.int64))
        rows = rows_of(world)
        _check_refused(make, rows, "a gallery that was never pushed")
        push(rows)
        index = make()
        index.attach(rows)
        everywhere = searched_in(index, world, world.queries, k, None)[0]
        expect(
            float(everywhere.mean()) >= least_recall,
            f"without a region only {everywhere.mean():.3f} of the best were found",
            "Walk the graph with more candidates",
        )
        check_recall(index, world, k, least_recall, "follow" if does_follow else "ignore")
    check_edges(index, world, k)
    check_copies(index, world, k)
    _check_refused(make, replace(rows, key=rows.key[::-1]), "another state of the gallery")
    _check_alike(index, make, push, rows, world, k)


def rows_of(world: World) -> PlacedRows:
    """Return made-up rows as those of a gallery."""
    num, embed_dim = world.rows.shape
    return PlacedRows(
        name="made-up rows",
        key=hashlib.sha256(world.rows.tobytes() + world.latlon.tobytes()).hexdigest(),
        embed_dim=embed_dim,
        latlon=world.latlon,
        side_m=np.full(num, 250.0),
        embeddings=InMemory(world.rows),
        ids_at=lambda some: [f"tile {row}" for row in some.tolist()],
    )


def _check_refused(make: Callable[[], Served], rows: PlacedRows, what: str) -> None:
    try:
        make().attach(rows)
    except GeoretError:
        return
    expect(
        is_so=False,
        what=f"an index was attached to {what}",
        advice="Count what the server holds of this very key, and of anything else: DataError",
    )


def _check_alike(
    index: Served,
    make: Callable[[], Served],
    push: Callable[[PlacedRows], object],
    rows: PlacedRows,
    world: World,
    k: int,
) -> None:
    anchor = world.latlon[world.anchors[0]]
    region = Region.radius((float(anchor[0]), float(anchor[1])), 4_000_000.0)
    mask = region.mask(world.latlon)
    wanted = index.search_in(world.queries, k, mask, region)
    push(rows)
    again, bare = make(), make()
    again.attach(rows)
    bare.attach(replace(rows, embeddings=None))
    for name, (scores, found) in {
        "after a second push, the same region": again.search_in(world.queries, k, mask, region),
        "without the region itself, the same rows": again.search(world.queries, k, mask),
        "without embeddings at hand, the same region": bare.search_in(
            world.queries, k, mask, region
        ),
    }.items():
        # Scores of two libraries may put near ties the other way round.
        expect(
            float((found == wanted[1]).mean()) > 0.95
            and bool(np.abs(scores - wanted[0]).max() < _ROUNDING),
            f"{name} gave other answers",
            "Put rows under their numbers, and compare vectors of unit length",
        )
