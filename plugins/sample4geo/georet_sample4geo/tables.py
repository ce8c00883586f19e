"""Neighbour tables of the training pairs: by position, or by what the encoder sees."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal

import numpy as np

from georet.contracts.training import RowsToFirst
from georet.errors import DataError
from georet.sampling import geographic_neighbours, visual_neighbours
from georet.sampling.geographic import Distance
from georet.sampling.visual import Way
from georet.types import QUERY, Bools, Doubles, EmbeddingBank, ImageTable, Ints, PairTable

View = Literal["reference", "query"]

_PLANE_COLUMNS: Final = ("easting_m", "northing_m")


def in_one_piece(num: int, work: Callable[[slice], Ints]) -> Ints:
    """Return what ``work`` makes of all rows, for a process that has nobody to share them with."""
    return work(slice(0, num))


def gps_neighbours(pairs: PairTable, k: int, *, positions: View, distance: Distance) -> Ints:
    """Return the references int64[R, k] nearest to each reference, -1 pads.

    Only references that own a pair are listed, and only they have a list: others can't enter a
    batch. With ``positions="query"`` a reference stands where the query of its first pair does.
    """
    owners, first = np.unique(pairs.pairs[:, 1], return_index=True)
    if positions == QUERY:
        places = _coordinates(pairs.queries, distance)[pairs.pairs[first, 0]]
    else:
        places = _coordinates(pairs.references, distance)[owners]
    table = np.full((len(pairs.references), k), -1, dtype=np.int64)
    table[owners] = _rows_of(geographic_neighbours(places, k, distance=distance), owners)
    return table


def has_positions(pairs: PairTable, *, positions: View, distance: Distance) -> bool:
    """Return whether ``gps_neighbours`` can be found for these pairs."""
    return _find_coordinates(pairs.views[positions], distance) is not None


def similarity_neighbours(
    pairs: PairTable,
    bank: EmbeddingBank,
    k: int,
    rows_to_first: RowsToFirst = in_one_piece,
    *,
    by: Way = "exact",
) -> Ints | None:
    """Return the references int64[N, k] most similar to each pair's query, its own left out.

    A list for each pair, so that queries which share a reference each pull their own hard
    negatives. Pairs whose images the bank has not seen have an empty list: -1 throughout. Of
    several ranks each searches for a share, by ``rows_to_first``; None behind the first.
    """
    query, reference = pairs.pairs[:, 0], pairs.pairs[:, 1]
    known = np.flatnonzero(known_pairs(pairs, bank))
    candidates = np.unique(reference[known])
    table = np.full((len(pairs), k), -1, dtype=np.int64)
    num_listed = min(k, len(candidates) - 1)
    if num_listed < 1:
        return table
    places = np.searchsorted(candidates, reference[known])

    def search(rows: slice) -> Ints:
        queries = bank.query[query[known[rows]]]
        shown = bank.reference[candidates]
        return visual_neighbours(queries, shown, places[rows], num_listed, by=by)

    found = rows_to_first(len(known), search)
    if found is None:
        return None
    table[known, :num_listed] = _rows_of(found, candidates)
    return table


def known_pairs(pairs: PairTable, bank: EmbeddingBank) -> Bools:
    """Return bool[N]: both images of the pair have been embedded."""
    known = np.ones(len(pairs), dtype=np.bool_)
    for column, seen in enumerate((bank.query_seen, bank.reference_seen)):
        if seen is not None:
            known &= seen[pairs.pairs[:, column]]
    return known


def _rows_of(found: Ints, rows: Ints) -> Ints:
    """Return ``rows`` at the places ``found``, in place, -1 where nothing was found."""
    is_found = found >= 0
    found[is_found] = rows[found[is_found]]
    return found


def _coordinates(images: ImageTable, distance: Distance) -> Doubles:
    places = _find_coordinates(images, distance)
    if places is not None:
        return places
    wanted = " and ".join(_PLANE_COLUMNS) if distance == "euclidean" else "latitude and longitude"
    raise DataError(
        f"geographic neighbours need {wanted} of each image, there are none",
        where=images.name,
        hint="give the data set coordinates, or plan without them: "
        "--set sampler.name=random (or similarity); sampler.positions chooses the view",
    )


def _find_coordinates(images: ImageTable, distance: Distance) -> Doubles | None:
    """Return float64[M, 2] in what ``distance`` takes: degrees, or metres in a plane."""
    return images.plane_m if distance == "euclidean" else images.latlon
