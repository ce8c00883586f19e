"""A picture of an answer: what the photo shows and shares, and where on the graph it was taken."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import cv2
import numpy as np

from georet.files import write_atomic
from georet.types import Doubles, Pixels
from georet_peng.city.graph import CityGraph
from georet_peng.city.plane import towards
from georet_peng.locating import Answer

_SIDE: Final = 480
_REACH_M: Final = 60.0
_PAPER, _STREET, _NODE = (248, 248, 246), (170, 170, 170), (120, 120, 120)
_FOUND, _TRUE, _LANDMARK = (200, 60, 20), (20, 130, 60), (240, 170, 40)


def draw(answer: Answer, graph: CityGraph) -> Pixels:
    """Return uint8[480, W, 3]: the photo with landmarks, and a map of 120 m around its place.

    Grey are edges and street images, orange landmarks, red the place and heading found (of a photo
    that was not placed, the middle of the best edge), green the true ones.
    """
    return np.concatenate([_photo(answer), _map(answer, graph)], axis=1)


def save(picture: Pixels, path: Path) -> None:
    """Write a picture as PNG, whole or not at all."""
    done, content = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    assert done
    write_atomic(path, content.tobytes())


def _photo(answer: Answer) -> Pixels:
    shown = cv2.resize(answer.canvas, (2 * _SIDE, _SIDE), interpolation=cv2.INTER_CUBIC)
    landmarks = answer.placed.landmarks
    for azimuth, elevation in [] if landmarks is None else landmarks[:, :2]:
        at = (_SIDE * (1 + azimuth / np.pi), _SIDE * (0.5 - elevation / np.pi))
        cv2.circle(shown, _pixel(at), 5, _LANDMARK, 2, cv2.LINE_AA)
    return np.asarray(shown, np.uint8)


def _map(answer: Answer, graph: CityGraph) -> Pixels:
    paper = np.full((_SIDE, _SIDE, 3), _PAPER, np.uint8)
    placed = answer.placed
    is_placed = placed.xy_m is not None and not placed.reason
    middle = graph.nodes_m[graph.ends[answer.ranked[0]]].mean(axis=0)
    centre = placed.xy_m if is_placed and placed.xy_m is not None else middle

    def at(xy_m: Doubles) -> tuple[int, int]:
        off = (xy_m - centre) * (_SIDE / 2 / _REACH_M)
        return _pixel((_SIDE / 2 + off[0], _SIDE / 2 - off[1]))

    for one, other in graph.ends:
        cv2.line(paper, at(graph.nodes_m[one]), at(graph.nodes_m[other]), _STREET, 3, cv2.LINE_AA)
    for point in graph.streets_m:
        cv2.circle(paper, at(point), 4, _NODE, -1, cv2.LINE_AA)
    if placed.landmarks is not None:
        for point in placed.landmarks[:, 2:4]:
            cv2.circle(paper, at(point), 3, _LANDMARK, -1, cv2.LINE_AA)
    if answer.truth is not None:
        true = graph.plane.metres(answer.truth.latlon)
        ahead = true + 12 * towards(np.radians(answer.truth.heading_deg))
        cv2.circle(paper, at(true), 7, _TRUE, 2, cv2.LINE_AA)
        cv2.line(paper, at(true), at(ahead), _TRUE, 2, cv2.LINE_AA)
    cv2.circle(paper, at(centre), 4, _FOUND, -1, cv2.LINE_AA)
    if is_placed:
        ahead = centre + 12 * towards(placed.heading_rad)
        cv2.arrowedLine(paper, at(centre), at(ahead), _FOUND, 2, cv2.LINE_AA)
    return paper


def _pixel(at: tuple[float, float]) -> tuple[int, int]:
    # OpenCV draws what lies far outside, but not beyond 16 bits.
    column, row = np.clip(np.round(at), -30000, 30000).astype(int).tolist()
    return column, row
