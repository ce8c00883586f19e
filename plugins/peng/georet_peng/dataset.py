"""What trains on city graphs, pairs of photos and nodes' tiles; and both data sets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from georet.cache import cache_dir as user_cache_dir
from georet.errors import ConfigError
from georet.types import QUERY, REFERENCE, EvaluationSet, ImageTable, Ints, PairTable
from georet_peng.city.canvas import cut
from georet_peng.city.graph import FOV, NODE, CityGraph
from georet_peng.judging import sets_of

FieldDeg = Annotated[float, Field(ge=20, le=360)]
FIELDS: tuple[FieldDeg, ...] = (360, 180, 90)
_MOST_OVERLAPS = 6


class Cities:
    """Some graphs that train and one that judges; what both data sets have in common."""

    def __init__(self, cache_dir: Path | None, fields: Sequence[float], seed: int) -> None:
        self.cache_dir = user_cache_dir() / "peng" if cache_dir is None else Path(cache_dir)
        self.fields, self.seed = tuple(fields), seed

    @property
    def training(self) -> Sequence[CityGraph]:
        """The cities that train."""
        raise NotImplementedError

    @property
    def city(self) -> CityGraph:
        """The city that judges, with street images of known place."""
        raise NotImplementedError

    def train(self) -> PairTable:
        """Return a pair for each street image and photo: its canvas and the tile of its node.

        Semi-positives are other nodes' tiles that hold the photo's place.
        """
        tiles = _joined([graph.nodes for graph in self.training])
        photos, rows, semi, start = [], [], [], 0
        for graph in self.training:
            for table in (graph.streets, graph.photos):
                if len(table):
                    photos.append(self._north_up(table))
                    nodes = table.column(NODE).astype(np.int64)
                    rows.append(nodes + start)
                    others = overlaps(graph, table, nodes)
                    semi.append(np.where(others < 0, -1, others + start))
            start += len(graph.nodes)
        if not photos:
            raise ConfigError("the training cities have no street images", where="dataset.train")
        queries, own = _joined(photos), np.concatenate(rows)
        return PairTable(
            {QUERY: queries, REFERENCE: tiles},
            np.stack([np.arange(len(own)), own], axis=1),
            np.concatenate(semi),
            {FOV: queries.columns[FOV]},
        )

    def evaluations(self) -> Mapping[str, EvaluationSet]:
        """Return ``edges`` (headings known) and ``unknown``, whole and for each field of view."""
        return sets_of(self.city, self.cache_dir, self.fields, self.seed)

    def _north_up(self, table: ImageTable) -> ImageTable:
        assert table.heading_deg is not None
        num = len(table)
        paths = cut(table, self.cache_dir, -table.heading_deg, np.zeros(num), [360.0] * num)
        columns = {k: table.columns[k] for k in (NODE, FOV)}
        return ImageTable(
            table.ids, paths, table.latlon, columns, table.name, heading_deg=np.zeros(num)
        )


class Graph(Cities):
    """City graphs in PEnG's layout, a folder for each city below ``root``.

    ``CITY/nodes.csv`` lists id, latitude, longitude, tile and side_m, ``edges.csv`` from and to,
    ``streets.csv`` images of known place (image, node, latitude, longitude, heading_deg) and
    ``photos.csv`` those to be located, with fov_deg. ``train`` are cities that train, ``test`` is
    the one that judges. Judged photos are cut to ``fields`` of view in degrees, around a direction
    drawn by ``seed``; what has to be cut is written below ``cache_dir`` (by default
    ``$GEORET_CACHE`` or the user's cache folder). Docs: the page of papers.
    """

    def __init__(
        self,
        *,
        root: Path,
        train: list[str],
        test: str,
        fields: tuple[FieldDeg, ...] = FIELDS,
        seed: Annotated[int, Field(ge=0)] = 0,
        cache_dir: Path | None = None,
    ) -> None:
        super().__init__(cache_dir, fields, seed)
        if test in train:
            raise ConfigError(f"{test!r} trains as well", where="graph.test")
        self.root, self.names, self.test = Path(root), train, test

    @cached_property
    def training(self) -> Sequence[CityGraph]:
        """The cities that train."""
        from georet_peng.city.layout import read_graph

        return [read_graph(self.root / name) for name in self.names]

    @cached_property
    def city(self) -> CityGraph:
        """The city that judges."""
        from georet_peng.city.layout import read_graph

        return read_graph(self.root / self.test)


class CityBlocksGraph(Cities):
    """CityBlocks as city graphs: nodes are its places, edges the pieces of street between them.

    ``size``, ``held_out``, ``px`` and ``seed`` are those of ``cityblocks``: its panoramas train, of
    ``px`` pixels' height. The held-out city's photos and street images are ``street_px`` high: they
    are the first and second panoramas of each place, taken at other points and in another light.
    """

    def __init__(
        self,
        *,
        size: Literal["full", "mini"] = "full",
        held_out: Annotated[int, Field(ge=0)] | None = None,
        px: Annotated[int, Field(ge=16, multiple_of=4)] = 96,
        street_px: Annotated[int, Field(ge=32, multiple_of=4)] = 192,
        fields: tuple[FieldDeg, ...] = FIELDS,
        seed: Annotated[int, Field(ge=0)] = 0,
        cache_dir: Path | None = None,
    ) -> None:
        super().__init__(cache_dir and Path(cache_dir) / "peng", fields, seed)
        from georet_peng.city.cities import BlockCities

        root = user_cache_dir() if cache_dir is None else Path(cache_dir)
        self._blocks = BlockCities(root / "cityblocks", size, px, street_px, seed, held_out)

    @cached_property
    def training(self) -> Sequence[CityGraph]:
        """All cities but the one that is held out."""
        return self._blocks.training()

    @cached_property
    def city(self) -> CityGraph:
        """The city that is held out."""
        return self._blocks.held_out_city()


def overlaps(graph: CityGraph, photos: ImageTable, nodes: Ints) -> Ints:
    """Return int64[M, 6]: other nodes whose tile holds a photo's place, nearest first, -1 pads."""
    assert photos.latlon is not None
    assert graph.nodes.side_m is not None
    found = np.full((len(photos), _MOST_OVERLAPS), -1, np.int64)
    for row, point in enumerate(graph.plane.metres(photos.latlon)):
        away = np.abs(graph.nodes_m - point).max(axis=1)
        away[nodes[row]] = np.inf
        inside = np.flatnonzero(away < graph.nodes.side_m / 2)
        near = inside[np.argsort(away[inside], kind="stable")][:_MOST_OVERLAPS]
        found[row, : len(near)] = near
    return found


def _joined(tables: Sequence[ImageTable]) -> ImageTable:
    first, kept = tables[0], [dict(table.columns) for table in tables]
    shared = [name for name in first.columns if all(name in columns for columns in kept)]
    return ImageTable(
        [name for table in tables for name in table.ids],
        [path for table in tables for path in table.paths],
        np.concatenate([table.latlon for table in tables if table.latlon is not None]),
        {name: np.concatenate([columns[name] for columns in kept]) for name in shared},
        first.name,
    )
