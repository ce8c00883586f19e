"""What a city graph judges: photos among edges, an edge being known by the tiles at its ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal

import numpy as np

from georet.types import QUERY, REFERENCE, Doubles, EvaluationSet, ImageTable, Ints, ViewPair
from georet_peng.city.canvas import cut
from georet_peng.city.graph import FOV, CityGraph

PROTOCOL: Final = "peng:edges"
SEEN: Final = "seen_deg"
"""The column of photos: the bearing of what they show, whatever lies in the canvas's middle."""
NEAR_M: Final = 15.0
"""Edges so near to a photo are right as well, as semi-positives."""
_MOST_NEAR: Final = 8
Heading = Literal["known", "unknown"]


def edges_of(graph: CityGraph) -> tuple[ImageTable, ImageTable]:
    """Return the edges as two tables, with the tiles of their first ends and of their second.

    They lie in the middle between both ends, and are as long as a tile's side.
    """
    assert graph.nodes.side_m is not None
    middle = graph.plane.latlon(graph.nodes_m[graph.ends].mean(axis=1))
    both = []
    for side in (0, 1):
        nodes = graph.ends[:, side]
        both.append(
            ImageTable(
                graph.edge_ids,
                [graph.nodes.paths[node] for node in nodes],
                middle,
                {"first": graph.ends[:, 0], "second": graph.ends[:, 1]},
                name=f"edges of {graph.name}",
                side_m=graph.nodes.side_m[nodes],
                heading_deg=np.zeros(len(nodes)),
            )
        )
    return both[0], both[1]


def right_edges(graph: CityGraph, latlon: Doubles) -> Ints:
    """Return int64[Q, P]: the edge nearest to each place, then the others within NEAR_M, -1 pads.

    Two edges that meet at a node may be equally near: the first one counts as the nearest.
    """
    away = graph.from_edges_m(graph.plane.metres(latlon))
    order = np.argsort(away, axis=1, kind="stable")[:, :_MOST_NEAR]
    is_near = np.take_along_axis(away, order, axis=1) < NEAR_M
    is_near[:, 0] = True
    return np.where(is_near, order, -1)


def photos_seen(
    graph: CityGraph, cache_dir: Path, fov_deg: float, heading: Heading, seed: int
) -> ImageTable:
    """Return a city's photos as canvases that show ``fov_deg`` of any direction, drawn by ``seed``.

    With ``known`` headings north is in the middle, wherever the photo looks; with ``unknown`` ones
    the middle is what the photo looks at. A photo that shows less than a panorama shows what it
    does, and no more than ``fov_deg`` of it.
    """
    photos = graph.photos
    assert photos.heading_deg is not None
    own_deg = np.nan_to_num(photos.column(FOV).astype(float), nan=360.0)
    rng = np.random.default_rng([int(fov_deg), int(seed)])
    drawn = rng.uniform(0, 360, len(photos))
    looks = np.where(own_deg < 360, photos.heading_deg, drawn)
    shown = np.minimum(own_deg, fov_deg)
    to_north = -photos.heading_deg
    turn = to_north if heading == "known" else to_north + looks
    middle = looks if heading == "known" else np.zeros(len(photos))
    paths = cut(photos, cache_dir, turn, middle, shown.tolist())
    columns = {k: v for k, v in photos.columns.items() if k != "heading_deg"}
    return ImageTable(
        [f"{name}_{fov_deg:g}{'' if heading == 'known' else 'u'}" for name in photos.ids],
        paths,
        photos.latlon,
        columns | {FOV: shown, SEEN: looks % 360},
        name=f"photos of {graph.name}",
        heading_deg=np.zeros(len(photos)) if heading == "known" else looks % 360,
    )


def sets_of(
    graph: CityGraph, cache_dir: Path, fields: Sequence[float], seed: int
) -> dict[str, EvaluationSet]:
    """Return ``edges`` and ``unknown`` for each field of view, 360 degrees without a number."""
    assert graph.photos.latlon is not None
    gallery, other_ends = edges_of(graph)
    positives = right_edges(graph, graph.photos.latlon)
    ends = (ViewPair(QUERY, REFERENCE, None, other_ends),)
    found = {}
    headings: tuple[tuple[str, Heading], ...] = (("edges", "known"), ("unknown", "unknown"))
    for name, heading in headings:
        for fov_deg in fields:
            about = f"photos of {graph.name}, {fov_deg:g} degrees, heading {heading}, among edges"
            found[name if fov_deg >= 360 else f"{name}-{fov_deg:g}"] = EvaluationSet(
                photos_seen(graph, cache_dir, fov_deg, heading, seed),
                gallery,
                positives,
                PROTOCOL,
                about=about,
                summed=ends,
            )
    return found
