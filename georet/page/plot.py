"""Line charts as inline SVG; the page's style sheet gives the colours, light and dark."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from georet.page.markup import Html, tag
from georet.types import Doubles

WIDTH, HEIGHT = 380, 250
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 30, 34
_LABEL_ROOM, _LABEL_STEP = 48, 13
_MOST_POINTS = 700

KINDS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
"""Kinds of series that ``standalone`` colours, in this order."""
_LIGHT = ("#1c2126", "#1d63ae", "#0d7a6b", "#6b5bb5", "#b3400c", "#8a6d0b", "#a8326e", "#5c646c")
_DARK = ("#e7e5df", "#71b0ee", "#55c4b1", "#a99cf0", "#f0935f", "#d9b84a", "#ef8fbd", "#9aa2aa")
# The style sheets of the report and of the served page have these colours too, as files that no
# Python makes: georet/report/style.css, georet/serve/static/page.css, map.css and icon.svg.
_STYLE = """
text { font: 11.5px system-ui, sans-serif; fill: #5c646c; }
.axis, .title { fill: #1c2126; } .title { font-weight: 600; }
path { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
.point { stroke-width: 8; stroke-linecap: round; }
.grid { stroke: #dfddd6; stroke-width: 1; } .tick { stroke: #5c646c; stroke-width: 1; }
.name { stroke: none; font-weight: 600; }
.paper { fill: #fbfbf9; }
"""
_STYLE_DARK = """
text { fill: #9aa2aa; } .axis, .title { fill: #e7e5df; }
.grid { stroke: #2e343a; } .tick { stroke: #9aa2aa; } .paper { fill: #131619; }
"""


@dataclass(frozen=True)
class Series:
    """Points x, y float64[M] drawn as ``kind``, a class of the style sheet; label at its end."""

    x: Doubles
    y: Doubles
    kind: str
    label: str = ""


@dataclass(frozen=True)
class Axis:
    """A range, where its ticks stand and what they say."""

    low: float
    high: float
    ticks: tuple[float, ...]
    labels: tuple[str, ...]
    title: str
    is_log: bool = False

    def share(self, values: Doubles) -> Doubles:
        """Return where values lie between low (0) and high (1)."""
        if self.is_log:
            low, high = math.log10(self.low), math.log10(self.high)
            return (np.log10(np.maximum(values, self.low)) - low) / (high - low)
        return (values - self.low) / (self.high - self.low)


def linear_axis(low: float, high: float, title: str, form: Callable[[float], str]) -> Axis:
    """Return an axis that begins and ends with about five round ticks."""
    step = _round_step((high - low or abs(high) or 1) / 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(k * step for k in range(first, max(last, first + 1) + 1))
    return Axis(ticks[0], ticks[-1], ticks, tuple(map(form, ticks)), title)


def count_axis(high: float, title: str) -> Axis:
    """Return an axis of whole numbers from 0 to exactly ``high``."""
    step = max(1.0, _round_step(max(high, 1) / 5, halves=high > 50))
    ticks = tuple(k * step for k in range(int(high / step) + 1))
    return Axis(0, max(high, 1), ticks, tuple(f"{t:,.0f}" for t in ticks), title)


def log_axis(low: float, high: float, title: str, form: Callable[[float], str]) -> Axis:
    """Return a logarithmic axis from the power of ten below ``low`` to exactly ``high``."""
    first, last = math.floor(math.log10(low)), math.floor(math.log10(high))
    ticks = tuple(10.0**k for k in range(first, last + 1))
    return Axis(ticks[0], high, ticks, tuple(map(form, ticks)), title, is_log=True)


def chart(series: Sequence[Series], x: Axis, y: Axis, about: str) -> Html:
    """Return a chart of all series; ``about`` says in words what it shows."""
    right = WIDTH - _RIGHT - (_LABEL_ROOM if any(s.label for s in series) else 0)
    frame = _Frame(x, y, right)
    return tag(
        "svg",
        tag("title", about),
        *frame.grid(),
        *(frame.drawn(s) for s in series),
        *frame.end_labels([s for s in series if s.label]),
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        class_="chart",
    )


def standalone(drawn: Html, *more: Html, title: str, room: int, margin: int = 12) -> Html:
    """Return a chart as an SVG document of its own, light or dark as its viewer prefers.

    Pixels: ``room`` for names to the right of the chart, ``margin`` around it; ``more`` is drawn
    over the chart, in its coordinates.
    """
    light, dark = (
        "".join(
            f".{kind} {{ stroke: {colour}; }} .name.{kind} {{ stroke: none; fill: {colour}; }}\n"
            for kind, colour in zip(KINDS, colours, strict=True)
        )
        for colours in (_LIGHT, _DARK)
    )
    style = f"{_STYLE}{light}@media (prefers-color-scheme: dark) {{{_STYLE_DARK}{dark}}}"
    # The chart's size is the style sheet's on a page; here it would fill the names' room too.
    size = f'<svg width="{WIDTH}" height="{HEIGHT}" overflow="visible" '
    sized = Html(drawn.replace("<svg ", size, 1))
    width, height = WIDTH + room, HEIGHT + 3 * margin
    return tag(
        "svg",
        tag("style", Html(style)),
        tag("rect", width=width, height=height, class_="paper"),
        tag("text", title, x=margin, y=margin + 6, class_="title"),
        tag("g", sized, *more, transform=f"translate({margin},{2 * margin})"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
    )


def path_of(points: Doubles) -> str:
    """Return a path through points float64[M, 2], broken where one is not finite."""
    parts, command = [], "M"
    for a, b in points:
        if not (math.isfinite(a) and math.isfinite(b)):
            command = "M"
            continue
        parts.append(f"{command}{a:.1f} {b:.1f}")
        command = "L"
    return "".join(parts)


def thinned(x: Doubles, y: Doubles) -> tuple[Doubles, Doubles]:
    """Return lowest and highest of each stretch, so that a long noisy line keeps its outline."""
    if len(x) <= _MOST_POINTS:
        return x, y
    edges = np.linspace(0, len(x), _MOST_POINTS // 2 + 1).astype(np.int64)
    stretches = pairwise(edges.tolist())
    keep = [a + int(f(y[a:b])) for a, b in stretches for f in (np.argmin, np.argmax)]
    rows = np.unique(np.array(keep, np.int64))
    return x[rows], y[rows]


def _round_step(step: float, *, halves: bool = True) -> float:
    """Return the next of 1, 2, 2.5, 5, 10 times a power of ten; 2.5 only with ``halves``."""
    power: float = 10.0 ** math.floor(math.log10(step))
    rounds = (1, 2, 2.5, 5, 10) if halves else (1, 2, 5, 10)
    return next(power * m for m in rounds if step <= power * m * (1 + 1e-9))


@dataclass(frozen=True)
class _Frame:
    x: Axis
    y: Axis
    right: float

    def points(self, x: Doubles, y: Doubles) -> Doubles:
        """Return float64[M, 2] in the picture's units."""
        across = _LEFT + self.x.share(x) * (self.right - _LEFT)
        up = HEIGHT - _BOTTOM - self.y.share(y) * (HEIGHT - _BOTTOM - _TOP)
        return np.stack([across, up], axis=1)

    def grid(self) -> list[Html]:
        """Return lines, ticks and titles of both axes."""
        floor, parts = HEIGHT - _BOTTOM, []
        ups = self.points(np.full(len(self.y.ticks), self.x.low), np.array(self.y.ticks))[:, 1]
        for up, text in zip(ups, self.y.labels, strict=True):
            parts.append(tag("path", d=f"M{_LEFT} {up:.1f}H{self.right}", class_="grid"))
            parts.append(_text(text, _LEFT - 7, up + 4, "end"))
        marks = self.points(np.array(self.x.ticks), np.full(len(self.x.ticks), self.y.low))[:, 0]
        for across, text in zip(marks, self.x.labels, strict=True):
            parts.append(tag("path", d=f"M{across:.1f} {floor}v4", class_="tick"))
            parts.append(_text(text, across, floor + 16, "middle"))
        parts.append(_text(self.y.title, 2, 12, "start", "axis"))
        parts.append(_text(self.x.title, self.right, HEIGHT - 3, "end", "axis"))
        return parts

    def drawn(self, series: Series) -> Html:
        """Return a series as a line, or as crosses where its kind is ``cross``."""
        points = self.points(series.x, series.y)
        if series.kind == "cross":
            d = "".join(f"M{a - 3:.1f} {b - 3:.1f}l6 6m0-6l-6 6" for a, b in points)
            return tag("path", d=d, class_="cross")
        if len(points) == 1:
            a, b = points[0]
            return tag("path", d=f"M{a:.1f} {b:.1f}h0", class_=f"{series.kind} point")
        return tag("path", d=path_of(points), class_=series.kind)

    def end_labels(self, series: Sequence[Series]) -> list[Html]:
        """Return the labels at the lines' ends, pushed apart where they would touch."""
        ends = [(float(self.points(s.x[-1:], s.y[-1:])[0, 1]), s) for s in series]
        parts, lowest = [], math.inf
        for up, s in sorted(ends, key=lambda end: -end[0]):
            lowest = min(up, lowest - _LABEL_STEP)
            parts.append(_text(s.label, self.right + 6, lowest + 4, "start", f"name {s.kind}"))
        return parts


def _text(text: str, x: float, y: float, align: str, kind: str = "") -> Html:
    return tag("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=align, class_=kind or None)
