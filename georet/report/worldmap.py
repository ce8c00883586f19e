"""The map of hits and misses: the gallery in grey, queries by how they fared."""

from __future__ import annotations

import numpy as np

from georet.errors import DataError
from georet.page.markup import Html, figure, join, tag
from georet.page.projection import MapFrame, crosses, dots, frame_of
from georet.page.readable import count, metres
from georet.report.judged import JudgedSet, RunReport
from georet.types import Doubles

_WIDTH, _ASPECT = 1000.0, (1.7, 2.6)
_FEW = 400
"""A gallery with fewer references is drawn with bigger marks."""
_MANY = (5000, 20_000)
_MOST_QUERIES = 6000
_NUM_LINES = 12


def world_map(report: RunReport) -> Html:
    """Return the map of the main set; galleries of the other sets give the backdrop."""
    judged = report.judged
    queries, gallery = judged.data.queries.latlon, judged.data.gallery.latlon
    if queries is None or gallery is None:
        raise DataError(f"Queries and gallery of {judged.name!r} don't both have coordinates.")
    frame = frame_of(np.concatenate([gallery, queries]), width=_WIDTH, aspect=_ASPECT)
    # The missed queries that were placed farthest off, one for each reference.
    misses = np.flatnonzero(judged.ranked.rank > 0)
    order = misses[np.argsort(-judged.error_m[misses], kind="stable")]
    _, first = np.unique(judged.ranked.positive[order], return_index=True)
    far = order[np.sort(first)][: min(_NUM_LINES, len(misses) // 10 + 1)]
    shown = np.arange(len(queries))
    if len(shown) > _MOST_QUERIES:
        rng = np.random.default_rng(0)
        shown = np.sort(rng.choice(len(queries), _MOST_QUERIES, replace=False))
    is_sparse = len(gallery) < _FEW
    places, hits, size = queries[shown], judged.hits[shown], 10.0 if is_sparse else 4.0
    tables = [data.gallery.latlon for data in report.evaluations.values()]
    everywhere = np.concatenate([gallery, *(table for table in tables if table is not None)])
    parts = (
        _land(frame, everywhere, "backdrop"),
        _land(frame, gallery, "land"),
        *(_line(frame, judged, row, queries[row], gallery) for row in far),
        tag("path", d=crosses(frame, places[~hits], size=size), class_="miss"),
        tag("path", d=dots(frame, places[hits], cell=0.5), class_="hit"),
    )
    picture = tag(
        "svg",
        tag("title", f"Map of {count(len(shown))} queries, found or missed"),
        *parts,
        viewBox=f"0 0 {frame.width:g} {frame.height:g}",
        role="img",
        class_="map wide sparse" if is_sparse else "map wide",
    )
    return figure(picture, _caption(judged, len(shown), len(far)))


def _land(frame: MapFrame, latlon: Doubles, kind: str) -> Html:
    """Return dots where references are; the more there are, the coarser."""
    cell = 1 + np.searchsorted(_MANY, len(latlon))
    return tag("path", d=dots(frame, latlon, cell=float(cell)), class_=kind)


def _line(frame: MapFrame, judged: JudgedSet, query: int, here: Doubles, gallery: Doubles) -> Html:
    """Return a line from a query at ``here`` to the reference that came first."""
    row = int(judged.ranked.top[query, 0])
    (x0, y0), (x1, y1) = frame.xy(np.stack([here, gallery[row]]))
    names = judged.data.queries.ids[query], judged.data.gallery.ids[row]
    far = metres(float(judged.error_m[query]))
    title = tag("title", f"{names[0]}, placed at {names[1]}, {far} off")
    line = tag("path", d=f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}")
    ring = tag("circle", cx=f"{x1:.1f}", cy=f"{y1:.1f}", r="4")
    return tag("g", title, line, ring, class_="wrong")


def _caption(judged: JudgedSet, num_shown: int, num_lines: int) -> Html:
    hits, num = int(judged.hits.sum()), len(judged.hits)
    some = f" {count(num_shown)} of the queries, drawn at random, are shown."
    part = some if num_shown < num else ""
    keys = [
        tag("span", "● ", class_="hit"),
        f"found at first place ({count(hits)})",
        tag("span", " ✕ ", class_="miss"),
        f"missed ({count(num - hits)})",
        tag("span", " ● ", class_="land"),
        f"references of {judged.name}.{part}",
    ]
    if num_lines:
        worst = f"the {num_lines} worst misses" if num_lines > 1 else "the worst miss"
        keys.append(f" Lines lead from {worst} to where the encoder placed them (○).")
    return join(*keys)
