"""Small tables with a map, by which objects show themselves in a notebook."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from georet.geodesy import destination
from georet.page.markup import Html, join, tag
from georet.page.projection import MapFrame, dots, frame_of
from georet.types import Doubles

_WIDTH = 300
_TEXT = "font:13px system-ui,sans-serif"
_MOST_DOTS = 20_000


def card(title: str, facts: Mapping[str, object], *pictures: Html) -> Html:
    """Return a title, facts as rows, and pictures beside them; everything is escaped."""
    rows = [
        tag("tr", tag("th", name, style="text-align:left;padding-right:1em"), tag("td", fact))
        for name, fact in facts.items()
    ]
    table = tag("table", tag("tbody", *rows))
    parts = [tag("div", tag("b", title), table), *pictures]
    return tag("div", *parts, style=f"display:flex;gap:1.5em;align-items:flex-start;{_TEXT}")


def tiles_map(latlon: Doubles) -> Html:
    """Return centres float64[R, 2] as dots on a small map."""
    some = latlon[:: max(1, len(latlon) // _MOST_DOTS)]
    frame = frame_of(some, width=_WIDTH, aspect=(0.8, 2.0))
    return _picture(frame, _path(dots(frame, some), "#1d63ae", 2.5), about="the tiles' centres")


def track_map(latlon: Doubles) -> Html:
    """Return a track float64[T, 2] as a line on a small map."""
    frame = frame_of(latlon, width=_WIDTH, aspect=(0.8, 2.0))
    line = _closed(frame, latlon).removesuffix("Z")
    first = _path(dots(frame, latlon[:1]), "#b3400c", 7)
    return _picture(frame, _path(line, "#1d63ae", 1.5), first, about="the track and where it began")


def place_map(
    latlon: tuple[float, float], radii_m: Iterable[float], corners: Iterable[Doubles]
) -> Html:
    """Return a place, circles in metres round it and outlines float64[4, 2] on a small map."""
    bearings = np.linspace(0, 2 * np.pi, 90)
    centre = np.array(latlon)
    rings = [destination(centre, bearings, radius_m) for radius_m in radii_m]
    outlines = list(corners)
    frame = frame_of(np.vstack([centre[None], *rings, *outlines]), width=_WIDTH, aspect=(0.8, 2.0))
    drawn = [
        *(_path(_closed(frame, outline), "#8a8f94", 1) for outline in outlines),
        *(_path(_closed(frame, ring), "#1d63ae", 1.5) for ring in rings),
        _path(dots(frame, centre[None]), "#b3400c", 7),
    ]
    return _picture(frame, *drawn, about="the place, its radii and the best tiles")


def _closed(frame: MapFrame, latlon: Doubles) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in frame.xy(latlon)) + "Z"


def _path(shape: str, colour: str, width: float) -> Html:
    return tag(
        "path", d=shape, fill="none", stroke=colour, stroke_width=width, stroke_linecap="round"
    )


def _picture(frame: MapFrame, *drawn: Html, about: str) -> Html:
    return tag(
        "svg",
        tag("title", about),
        join(*drawn),
        viewBox=f"0 0 {frame.width:g} {frame.height:g}",
        width=f"{frame.width:g}",
        height=f"{frame.height:g}",
        role="img",
    )
