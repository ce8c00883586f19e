"""A flight's report: one self-contained page with the track on the map, and its figures."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Final

import numpy as np

from georet.flights.located import Track
from georet.flights.profile import Truth, errors_of
from georet.ground.tangent import Tangent
from georet.locate.output.webmap import Frame, Painter, muted, path_of, webp
from georet.locate.output.webmap import frame_of as whole_of
from georet.page.markup import Html, document, figure, join, more, rows, tag
from georet.page.plot import Series, chart, linear_axis
from georet.page.readable import count, metres, percent, seconds
from georet.tracks.points import SOURCES, TrackPoint
from georet.types import Doubles

_WIDTH, _MOST = 900, 760
_RING: Final = np.linspace(0, 2 * np.pi, 48, endpoint=False)
_MOST_ELLIPSES: Final = 60
_CENTIMETRES_BELOW_M: Final = 10.0
_STYLE: Final = """
.geo .matched { stroke: #2bd47d; stroke-width: 3; } .geo .propagated { stroke: #ffd84d; }
.geo .propagated, .geo .dead-reckoned { stroke-width: 3; } .geo .dead-reckoned { stroke: #ff5a4d; }
.geo .truth { stroke: #fff; stroke-width: 1.4; stroke-dasharray: 5 4; }
.geo .ellipse { stroke: rgb(255 255 255 / .55); stroke-width: 1; }
.dots circle { stroke: rgb(0 0 0 / .6); stroke-width: .6; } .dots .matched { fill: #2bd47d; }
.dots .propagated { fill: #ffd84d; } .dots .dead-reckoned { fill: #ff5a4d; }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: 50%; margin: 0 .3em; }
"""
_COLOURS: Final = dict(zip(SOURCES, ("#2bd47d", "#ffd84d", "#ff5a4d"), strict=True))
_WORDS: Final = {
    "frames": "Frames",
    "matched": "Matched",
    "propagated": "Propagated",
    "dead-reckoned": "Dead-reckoned",
    "refined": "Refined",
    "known": "Frames whose place is known",
    "median_m": "Median error",
    "p90_m": "Error of nine in ten, at most",
    "within_20_m": "Within 20 m",
    "within_50_m": "Within 50 m",
    "gross": "Gross errors",
    "best_tile_median_m": "Median error of best tiles alone",
    "best_tile_gross": "Gross errors of best tiles alone",
    "outliers": "Outliers among single frames",
    "outliers_survived": "Outliers survived",
    "false_fixes": "False fixes among matched frames",
    "in_95_ellipse": "Truth within the 95 % ellipse",
    "longest_lost": "Longest run of gross errors, frames",
    "latency_95_s": "19 of 20 frames located within",
}


def page(track: Track, figures: Mapping[str, Any], truth: Truth | None) -> Html:
    """Return the whole page of a flight; with ``truth`` also the error over time."""
    name = str(track.provenance["gallery"]["name"])
    sheet = files("georet.locate").joinpath("page.css").read_text(encoding="utf-8")
    points = track.flight.points
    parts = [_map(track, truth), _figures(figures)]
    if truth is not None and len(points) > 1:
        parts.append(_errors(track, truth))
    parts.append(_unmatched(points))
    return document(
        f"Flight over {name}",
        tag("header", tag("p", "georet · a flight", class_="over"), tag("h1", f"Over {name}")),
        tag("main", *parts),
        _foot(track.provenance),
        style=sheet + _STYLE,
    )


def told(key: str, value: Any) -> str:
    """Return a figure of the profile in words."""
    if value is None:
        return "none"
    if key in ("within_20_m", "within_50_m"):
        return percent(100 * value)
    if key.endswith("_m"):
        return f"{value:.2f} m" if value < _CENTIMETRES_BELOW_M else metres(value)
    if key.endswith("_s"):
        return seconds(value)
    return count(value) if isinstance(value, int) else percent(100 * value)


def lines(figures: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the profile's figures as (name, value) in words, in the order of the report."""
    return [(words, told(key, figures[key])) for key, words in _WORDS.items() if key in figures]


def _map(track: Track, truth: Truth | None) -> Html:
    frame = whole_of(track.gallery.tiles, _WIDTH, _MOST)
    base = webp(muted(Painter(track.gallery).base(frame)))
    points = track.flight.points
    places = np.array([point.latlon for point in points]).reshape(-1, 2)
    layers = [tag("img", src=base, alt="", class_="base")]
    shapes = [tag("path", d=_way(frame, places), class_="case")]
    if truth is not None:
        known = truth.latlon[np.isfinite(truth.latlon).all(axis=1)]
        shapes.append(tag("path", d=_way(frame, known), class_="truth"))
    step = max(1, len(points) // _MOST_ELLIPSES)
    shapes += [
        tag("path", d=path_of(frame, _outline(point)), class_="ellipse") for point in points[::step]
    ]
    dots = [
        tag("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r="3.4", class_=point.source)
        for point, (x, y) in zip(points, frame.xy(places), strict=True)
    ]
    about = f"The track of {count(len(points))} frames on the map"
    picture = tag(
        "svg", tag("title", about), *shapes, tag("g", *dots, class_="dots"),
        viewBox=f"0 0 {frame.width} {frame.height}", role="img",
    )  # fmt: skip
    ratio = f"aspect-ratio:{frame.width}/{frame.height}"
    keys = [
        join(tag("span", class_="swatch", style=f"background:{_COLOURS[one]}"), one)
        for one in SOURCES
    ]
    caption = join("Each frame at its place: ", *keys, "; 95 % ellipses of some")
    if truth is not None:
        caption = join(caption, "; dashed: where it really was")
    return figure(tag("div", *layers, picture, class_="geo", style=ratio), join(caption, "."))


def _way(frame: Frame, places: Doubles) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in frame.xy(places)) if len(places) else ""


def _outline(point: TrackPoint) -> Doubles:
    ellipse, bearing = point.ellipse, np.radians(point.ellipse.bearing_deg)
    along, across = ellipse.major_m * np.cos(_RING), ellipse.minor_m * np.sin(_RING)
    east = along * np.sin(bearing) + across * np.cos(bearing)
    north = along * np.cos(bearing) - across * np.sin(bearing)
    return Tangent(*point.latlon).latlon(np.column_stack([east, north]))


def _figures(figures: Mapping[str, Any]) -> Html:
    cells = [list(pair) for pair in lines(figures)]
    title = tag("h2", "What it comes to")
    return tag("section", title, rows(cells, heads=("", ""), caption="Figures of the flight"))


def _errors(track: Track, truth: Truth) -> Html:
    off = errors_of(track.flight, truth)
    known = np.flatnonzero(np.isfinite(off))
    times = [point.time_s for point in track.flight.points]
    has_times = all(time is not None for time in times)
    x = np.array([float(times[at] or 0.0) if has_times else float(at) for at in known])
    title = "seconds" if has_times else "frame"
    reach = np.array([track.flight.points[at].ellipse.major_m for at in known.tolist()])
    top = float(np.percentile(np.concatenate([off[known], reach]), 98)) * 1.1 or 1.0
    series = [
        Series(x, np.minimum(reach, top), "third", "95 %"),
        Series(x, np.minimum(off[known], top), "first", "error"),
    ]
    axis = linear_axis(0.0, top, "metres", lambda value: f"{value:g}")
    along = linear_axis(float(x[0]), float(x[-1]), title, lambda value: f"{value:g}")
    drawn = chart(series, along, axis, "Error and the ellipse's longer half axis over time")
    caption = "How far each frame is from the truth, and the longer half axis of its ellipse."
    return tag("section", tag("h2", "Error over time"), figure(drawn, caption))


def _unmatched(points: Sequence[TrackPoint]) -> Html:
    reasons: dict[str, int] = {}
    for point in points:
        if point.reason:
            reasons[point.reason] = reasons.get(point.reason, 0) + 1
    if not reasons:
        return Html()
    cells = [[reason, count(num)] for reason, num in sorted(reasons.items(), key=lambda r: -r[1])]
    table = rows(cells, heads=("Why", "Frames"), caption="Frames that were not matched")
    return tag("section", tag("h2", "Not matched"), table)


def _foot(provenance: Mapping[str, Any]) -> Html:
    text = json.dumps(provenance, indent=2, ensure_ascii=False)
    block = tag("pre", tag("code", text), tabindex="0", aria_label="provenance")
    owners = provenance["gallery"].get("credits") or ()
    imagery = [tag("p", f"Imagery: {'; '.join(owners)}", class_="aside")] if owners else []
    return tag("section", tag("h2", "To check this"), *imagery, more("Provenance", block))
