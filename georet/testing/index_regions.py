"""The check for indexes under regions: recall by their size, edges of the map, ties, kills."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from georet.contracts.searching import Index, Searchable
from georet.geodesy import distance_m
from georet.ground.region import Region
from georet.search.served import search_within
from georet.testing.expect import expect
from georet.testing.index_check import check_kills
from georet.types import Bools, Doubles, Floats, Ints

SHARES: Final = (0.5, 0.05, 0.005, 0.0005)
"""Of the rows, how many a region allows."""
_ROUNDING: Final = 1e-5
_COPIES: Final = 4
_LOOKS: Final = 64
_EDGES: Final = np.array([[90.0, 12.0], [-90.0, 12.0], [5.0, 180.0], [5.0, -180.0], [0.0, -170.0]])


@dataclass(frozen=True)
class World:
    """Rows float32[R, D] of some looks, their places in degrees, and queries of three looks."""

    rows: Floats
    latlon: Doubles
    queries: Floats
    look: Ints
    """Which of the anchors a query int64[Q] resembles."""
    anchors: Ints
    """Rows int64[3], one of each look that is asked for."""

    ids: Ints
    """Ids int64[R], which need not be the numbers of the rows."""


def check_index_regions(
    make: Callable[[], Index],
    *,
    num_rows: int = 20_000,
    embed_dim: int = 32,
    k: int = 10,
    least_recall: float = 0.98,
) -> None:
    """Raise AssertionError unless the indexes that ``make`` returns keep their recall in regions.

    Regions allow 50, 5, 0.5 and 0.05 % of ``num_rows`` rows, whose places have nothing to do with
    their embeddings, or follow them; then regions are asked for where the best rows lie, and
    elsewhere, where graphs and lists of an index lead astray. Each mean must reach
    ``least_recall``. Rows at the poles and at 180 degrees are found by the regions they lie in;
    copies of a row are all found, in the order of the rows; a region of fewer rows than k gives
    each once. A loaded index answers alike, and a save that is killed leaves nothing half written.
    """
    for does_follow in (False, True):
        world = world_of(num_rows, embed_dim, does_follow=does_follow)
        index = make()
        index.add(world.rows, world.ids)
        check_recall(index, world, k, least_recall, "follow" if does_follow else "ignore")
    check_edges(index, world, k)
    check_copies(index, world, k)
    _check_loaded(index, make, world, k)
    check_kills(make, world.rows[:2000], world.queries, k)


def check_recall(index: Searchable, world: World, k: int, least: float, how: str) -> None:
    """Ask in regions of all sizes where the best rows lie, and where they don't."""
    for share in SHARES:
        near, far = [], []
        for number, anchor in enumerate(world.anchors):
            away = distance_m(world.latlon, world.latlon[anchor])
            num = max(1, round(share * len(away)))
            radius = float(np.sort(away)[num - 1 : num + 1].mean())
            region = Region.radius((world.latlon[anchor, 0], world.latlon[anchor, 1]), radius)
            shares = searched_in(index, world, world.queries, k, region)[0]
            near.append(shares[world.look == number])
            far.append(shares[world.look != number])
        for where, found in (("around their best rows", near), ("far from them", far)):
            recall = float(np.concatenate(found).mean())
            expect(
                recall >= least,
                f"of {share:.2%} of the rows, {where}, only {recall:.3f} of the best were found "
                f"(places {how} the embeddings)",
                "Count the allowed rows first and score few of them one and all; of many, propose "
                "candidates from the allowed rows alone, and go on until there are enough",
            )


def check_edges(index: Searchable, world: World, k: int) -> None:
    """Ask in regions at the poles and at 180 degrees for the very rows that lie there."""
    own = world.rows[: len(_EDGES)]
    cap = 2_500_000.0
    regions = {
        "a circle around the north pole": (Region.radius((90.0, 0.0), cap), [0]),
        "a box up to the north pole": (Region.box(-180.0, 70.0, 180.0, 90.0), [0]),
        "a box down to the south pole": (Region.box(-180.0, -90.0, 180.0, -70.0), [1]),
        "a box across the antimeridian": (Region.box(170.0, -30.0, -170.0, 30.0), [2, 3, 4]),
        "a circle across the antimeridian": (Region.radius((5.0, 179.5), cap), [2, 3, 4]),
    }
    for name, (region, lying) in regions.items():
        shares, found = searched_in(index, world, own[lying], k, region)
        expect(
            bool((found[:, 0] == world.ids[lying]).all()) and float(shares.min()) >= 0.5,
            f"in {name}, rows at its edge or on the pole were not found",
            "A region includes its edge; at 180 degrees and at the poles places meet",
        )


def check_copies(index: Searchable, world: World, k: int) -> None:
    """Ask for a row of which there are copies, and for more rows than a region has."""
    first = len(_EDGES) + _COPIES * np.arange(3)
    copies = first[:, None] + np.arange(_COPIES)
    everywhere = Region.box(-180.0, -90.0, 180.0, 90.0)
    for region in (None, everywhere):
        found = searched_in(index, world, world.rows[first], max(k, _COPIES), region)[1]
        expect(
            np.array_equal(found[:, :_COPIES], world.ids[copies]),
            f"of {_COPIES} equal rows, the ids {found[0, :_COPIES].tolist()} were found, in this "
            f"order, wanted {world.ids[copies][0].tolist()}",
            "Find all that are equal, and order them by row",
        )
    few = np.zeros(len(world.rows), np.bool_)
    few[:: len(few) // 5] = True
    num = int(few.sum())
    found = index.search(world.queries, num + k, few)[1]
    wanted = sorted(world.ids[few].tolist())
    expect(
        all(sorted(line[:num].tolist()) == wanted and (line[num:] == -1).all() for line in found),
        f"{num + k} were asked for in a region of {num} rows, which gave {found[0].tolist()}",
        "Return each allowed row once, and -1 after the last of them",
    )


def _check_loaded(index: Index, make: Callable[[], Index], world: World, k: int) -> None:
    anchor = world.latlon[world.anchors[0]]
    mask = Region.radius((float(anchor[0]), float(anchor[1])), 4_000_000.0).mask(world.latlon)
    with tempfile.TemporaryDirectory(prefix="georet-index-") as name:
        path = Path(name) / "saved"
        index.save(path)
        again = make()
        again.load(path)
        own, loaded = (one.search(world.queries, k, mask) for one in (index, again))
        expect(
            np.array_equal(own[0], loaded[0]) and np.array_equal(own[1], loaded[1]),
            "a loaded index answers differently in a region",
            "Save everything that search needs",
        )


def searched_in(
    index: Searchable, world: World, queries: Floats, k: int, region: Region | None
) -> tuple[Doubles, Ints]:
    """Return which share float64[Q] of the best was found, and the ids int64[Q, k].

    A row counts as one of the best where none that is better was left out: of rows that tie,
    any will do.
    """
    mask: Bools = np.ones(len(world.rows), np.bool_)
    if region is not None:
        mask = region.mask(world.latlon)
    scores, found = search_within(index, queries, k, None if region is None else mask, region)
    cosines = np.where(mask, queries @ world.rows.T, -np.inf)
    row_of = {int(own): row for row, own in enumerate(world.ids)}
    where = np.array([[row_of.get(int(one), -1) for one in line] for line in found])
    is_found = where >= 0
    expect(
        np.array_equal(is_found, found != -1)
        and all(len(set(line)) == len(line) for line in (one[one >= 0].tolist() for one in where)),
        "ids were returned that were never added, or one twice",
        "Return each id once, -1 where there are too few",
    )
    num = min(k, int(mask.sum()))
    expect(
        bool((is_found.sum(axis=1) == num).all()),
        f"a region of {int(mask.sum())} rows gave {int(is_found.sum(axis=1).min())} of {num}",
        "Where an answer is short, score all allowed rows",
    )
    own = np.take_along_axis(cosines, np.maximum(where, 0), axis=1)[:, :num]
    expect(bool(np.isfinite(own).all()), "rows outside the region were found", "Leave out ~region")
    expect(
        bool(np.abs(scores[:, :num] - own).max(initial=0) < _ROUNDING),
        "the scores are not the cosines of the ids",
        "Score the candidates by queries @ embeddings.T",
    )
    last = -np.partition(-cosines, num - 1, axis=1)[:, num - 1 : num] if num else own
    shares: Doubles = (own >= last - _ROUNDING).mean(axis=1) if num else np.ones(len(queries))
    return shares, found


def world_of(num: int, embed_dim: int, *, does_follow: bool) -> World:
    """Return clusters in a narrow cone, as encoders embed, on a globe; some rows are copies."""
    rng = np.random.default_rng(5)
    centres = 2 * rng.normal(size=embed_dim) + rng.normal(size=(_LOOKS, embed_dim))
    look = rng.integers(0, _LOOKS, num)
    homes = np.stack(
        [np.degrees(np.arcsin(rng.uniform(-0.9, 0.9, _LOOKS))), rng.uniform(-180, 180, _LOOKS)], 1
    )
    place = look if does_follow else rng.permutation(look)
    latlon = homes[place] + rng.normal(0, 4, (num, 2))
    latlon[:, 0] = np.clip(latlon[:, 0], -89.9, 89.9)
    latlon[:, 1] = (latlon[:, 1] + 180) % 360 - 180
    latlon[: len(_EDGES)] = _EDGES
    raw = centres[look] + 0.6 * rng.normal(size=(num, embed_dim))
    for first in len(_EDGES) + _COPIES * np.arange(3):
        raw[first : first + _COPIES] = raw[first]
    rows = _unit(raw)
    anchors = np.array([np.flatnonzero(look == one)[-1] for one in range(3)])
    asked = np.repeat(np.arange(3), 8)
    noise = 0.6 * rng.normal(size=(len(asked), embed_dim))
    ids = np.arange(num, dtype=np.int64)[::-1] + 11
    return World(rows, latlon, _unit(centres[asked] + noise), asked, anchors, ids)


def _unit(raw: Doubles) -> Floats:
    unit: Floats = (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)
    return unit
