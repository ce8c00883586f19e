"""Recall against latency of each index, as one SVG file."""

from __future__ import annotations

from typing import Final

import numpy as np

from georet.gallery.bench.measure import Bench, Measured
from georet.page.markup import Html, tag
from georet.page.plot import HEIGHT, WIDTH, Series, chart, linear_axis, log_axis

ROOM: Final = 120
_TOP, _LINE = 34, 18
_KINDS: Final = ("plain", "first", "second", "third", "fourth", "fifth")
_STYLE: Final = """
svg { font: 11.5px system-ui, sans-serif; --ink: #1c2126; --muted: #5c646c; --rule: #dfddd6;
  --first: #1d63ae; --second: #0d7a6b; --third: #6b5bb5; --fourth: #b3400c; --fifth: #8a6d00; }
@media (prefers-color-scheme: dark) { svg { --ink: #e7e5df; --muted: #9aa2aa; --rule: #2e343a;
  --first: #71b0ee; --second: #55c4b1; --third: #a99cf0; --fourth: #f0935f; --fifth: #d9b84a; } }
text { fill: var(--muted); } .axis { fill: var(--ink); }
path { fill: none; stroke-width: 1; } .grid { stroke: var(--rule); } .tick { stroke: var(--muted); }
.point { stroke-width: 9; stroke-linecap: round; } .plain { stroke: var(--ink); }
"""
_COLOURS: Final = "".join(f".{kind} {{ stroke: var(--{kind}); }}\n" for kind in _KINDS[1:])


def plot(bench: Bench, batch: int) -> Html:
    """Return an SVG document: a point for each index, left is fast, up is right."""
    points = [(m.latency[batch].p50_ms, 100 * m.recall) for m in bench.indexes]
    times, recalls = zip(*points, strict=True)
    x = log_axis(min(times), 1.15 * max(times), f"ms a query, {batch} at once", "{:g}".format)
    lowest = min(99.0, np.floor(min(recalls)))
    y = linear_axis(lowest, 100, f"% of the exact {bench.k} best", "{:g}".format)
    about = "; ".join(_in_words(m, batch) for m in bench.indexes)
    inner = chart([_point(i, m, batch) for i, m in enumerate(bench.indexes)], x, y, about)
    return tag(
        "svg",
        tag("style", Html(_STYLE + _COLOURS)),
        # Without a size of its own it would fill the legend's room too.
        Html(inner.replace("<svg", f'<svg width="{WIDTH}" height="{HEIGHT}"', 1)),
        *(_legend(place, one.name) for place, one in enumerate(bench.indexes)),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH + ROOM} {HEIGHT}",
    )


def _point(place: int, measured: Measured, batch: int) -> Series:
    x, y = np.array([measured.latency[batch].p50_ms]), np.array([100 * measured.recall])
    return Series(x, y, _KINDS[place % len(_KINDS)])


def _legend(place: int, name: str) -> Html:
    up = _TOP + _LINE * place
    dot = tag("path", d=f"M{WIDTH + 4} {up - 4}h0", class_=f"{_KINDS[place % len(_KINDS)]} point")
    return tag("g", dot, tag("text", name, x=WIDTH + 14, y=up))


def _in_words(measured: Measured, batch: int) -> str:
    time_ms = measured.latency[batch].p50_ms
    return f"{measured.name}: {time_ms:.3f} ms, recall {100 * measured.recall:.2f} %"
