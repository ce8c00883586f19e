"""What directions of streets are learnt from: the panoramas of the cities that train."""

from __future__ import annotations

import numpy as np

from georet.data.images import read_image
from georet.errors import DataError
from georet.types import Pixels
from georet_peng.bearings.bits import streets_at
from georet_peng.bearings.predicting import Directions, learn
from georet_peng.city.canvas import check_canvas, turned
from georet_peng.city.graph import FOV, NODE
from georet_peng.dataset import Cities


def taught(cities: Cities, *, seed: int = 0, epochs: int = 30) -> tuple[Directions, int]:
    """Return the network and from how many whole panoramas it learnt.

    A panorama's streets lead where the edges at its node do.
    """
    canvases: list[Pixels] = []
    streets = []
    for graph in cities.training:
        for table in (graph.streets, graph.photos):
            for row in range(len(table)):
                if table.column(FOV)[row] < 360:
                    continue
                path = table.paths[row]
                canvas = check_canvas(read_image(path), path)
                assert table.heading_deg is not None
                canvases.append(turned(canvas, -float(table.heading_deg[row])))
                streets.append(streets_at(graph.bearings_rad(int(table.column(NODE)[row]))))
    if not canvases:
        raise DataError("the training cities have no whole panoramas", where="dataset.train")
    return learn(canvases, np.array(streets), seed=seed, epochs=epochs), len(canvases)
