"""The refiner ``streets``: photos placed by the street images of the edges that were retrieved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.contracts.refining import Camera, Refinement, Tile
from georet.errors import ConfigError
from georet.types import Doubles, Pixels
from georet_peng.city.canvas import canvas_of, is_canvas
from georet_peng.city.graph import CityGraph
from georet_peng.posing.placing import Gates, Placed, place
from georet_peng.posing.streets import StreetMap

_MOST_SHOWN = 40


class Streets:
    """Places a photo among the street images of its best edges, or refuses.

    ``graph`` is a city's folder (nodes.csv, edges.csv, streets.csv), or else ``dataset`` is a data
    set of this plugin, whose judging city is meant. The edges of the ``candidates`` best tiles are
    looked at, ids being FROM--TO. Photos are canvases (twice as wide as high, black where unseen),
    or level photos whose field of view the camera tells. ``features`` bounds those of an image.
    ``agree``, ``margin``, ``sigma_m`` and ``near_m`` are the gates: features that agree, how many
    times as like as any elsewhere a street image must be, metres of uncertainty, metres off the
    nearest edge.
    """

    def __init__(
        self,
        *,
        graph: Path | None = None,
        dataset: ComponentSpec | None = None,
        candidates: Annotated[int, Field(ge=1)] = 400,
        features: Annotated[int, Field(ge=50)] = 800,
        agree: Annotated[int, Field(ge=3)] = Gates.agree,
        margin: Annotated[float, Field(ge=1)] = Gates.margin,
        sigma_m: Annotated[float, Field(gt=0)] = Gates.sigma_m,
        near_m: Annotated[float, Field(gt=0)] = Gates.near_m,
        context: BuildContext | None = None,
    ) -> None:
        self.max_candidates = candidates
        self.gates = Gates(agree=agree, margin=margin, sigma_m=sigma_m, near_m=near_m)
        self.streets = StreetMap(graph_of(graph, dataset, context), features)
        self._edge_of = {name: row for row, name in enumerate(self.streets.graph.edge_ids)}

    def __call__(
        self, photo: Pixels, tiles: Sequence[Tile], camera: Camera | None = None
    ) -> Refinement:
        """Return where the photo was taken; its heading is that of the canvas's middle."""
        edges = [self._edge_of.get(tile.id, -1) for tile in tiles]
        known = [edge for edge in edges if edge >= 0]
        if not known:
            return Refinement.refused("none of the tiles is an edge of the graph")
        canvas = _canvas(photo, camera)
        if canvas is None:
            return Refinement.refused("is no panorama, and its field of view isn't known")
        heading = None if camera is None else camera.heading_deg
        found = place(
            self.streets,
            canvas,
            np.array(known, np.int64),
            self.gates,
            heading_rad=None if heading is None else float(np.radians(heading)),
        )
        if found.reason:
            return Refinement.refused(found.reason, inliers=found.inliers)
        return self._answer(found, canvas, edges)

    def _answer(self, found: Placed, canvas: Pixels, edges: Sequence[int]) -> Refinement:
        graph = self.streets.graph
        assert found.xy_m is not None
        latlon = graph.plane.latlon(found.xy_m)
        at = (float(latlon[0]), float(latlon[1]))
        away = graph.from_edges_m(found.xy_m[None], np.array([max(e, 0) for e in edges]))[0]
        away[np.array(edges) < 0] = np.inf
        return Refinement(
            latlon=at,
            covariance_m2=found.covariance_m2,
            heading_deg=float(np.degrees(found.heading_rad) % 360),
            camera_latlon=at,
            inliers=found.inliers,
            tile=int(away.argmin()),
            by=found.by,
            clearness=float(found.inliers),
            matches=_matches(found, graph, canvas),
        )


def graph_of(
    folder: Path | None, dataset: ComponentSpec | None, context: BuildContext | None
) -> CityGraph:
    """Return the graph in a folder, or the judging city of a data set; ConfigError for neither."""
    if (folder is None) == (dataset is None):
        raise ConfigError(
            "wants either graph or dataset",
            where="streets",
            hint="graph=FOLDER with nodes.csv, edges.csv and streets.csv",
        )
    if folder is not None:
        from georet_peng.city.layout import read_graph

        return read_graph(folder)
    assert dataset is not None
    if context is None:
        raise ConfigError("needs the catalogue", where="streets.dataset")
    made: Any = context.create("datasets", dataset, "dataset")
    if not isinstance(getattr(made, "city", None), CityGraph):
        raise ConfigError(
            f"{dataset.name} is no data set of city graphs",
            where="streets.dataset",
            hint="peng:graph or peng:cityblocks_graph",
        )
    city: CityGraph = made.city
    return city


def _canvas(photo: Pixels, camera: Camera | None) -> Pixels | None:
    if is_canvas(photo):
        return photo
    if camera is None or camera.fov_deg is None or not 1 < camera.fov_deg < 170:
        return None
    return canvas_of(photo, camera.fov_deg, _height(photo, camera.fov_deg))


def _height(photo: Pixels, fov_deg: float) -> int:
    """Return the height of a canvas whose pixels are as fine as a photo's, within reason."""
    return int(np.clip(photo.shape[1] / fov_deg * 180, 64, 512)) // 4 * 4


def _matches(found: Placed, graph: CityGraph, canvas: Pixels) -> Doubles | None:
    """Return columns, rows and places float64[M, 4] of some landmarks that agree."""
    if found.landmarks is None or not len(found.landmarks):
        return None
    shown = found.landmarks[:_MOST_SHOWN]
    height, width = canvas.shape[:2]
    column = width / 2 + shown[:, 0] * width / (2 * np.pi)
    row = (np.pi / 2 - shown[:, 1]) * height / np.pi
    return np.column_stack([column, row, graph.plane.latlon(shown[:, 2:4])])
