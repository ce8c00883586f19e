"""Recall against latency of each index, as one SVG file."""

from __future__ import annotations

from typing import Final

import numpy as np

from georet.gallery.bench.measure import Bench, Measured
from georet.page.markup import Html, tag
from georet.page.plot import KINDS, WIDTH, Series, chart, linear_axis, log_axis, standalone

ROOM: Final = 120
_TOP, _LINE = 34, 18


def plot(bench: Bench, batch: int) -> Html:
    """Return an SVG document: a point for each index, left is fast, up is right."""
    points = [(m.latency[batch].p50_ms, 100 * m.recall) for m in bench.indexes]
    times, recalls = zip(*points, strict=True)
    x = log_axis(min(times), 1.15 * max(times), f"ms a query, {batch} at once", "{:g}".format)
    lowest = min(99.0, np.floor(min(recalls)))
    y = linear_axis(lowest, 100, f"% of the exact {bench.k} best", "{:g}".format)
    about = "; ".join(_in_words(m, batch) for m in bench.indexes)
    kinds = [KINDS[place % len(KINDS)] for place in range(len(points))]
    series = [
        Series(np.array([time_ms]), np.array([recall]), kind)
        for (time_ms, recall), kind in zip(points, kinds, strict=True)
    ]
    legend = []
    for place, (one, kind) in enumerate(zip(bench.indexes, kinds, strict=True)):
        up = _TOP + _LINE * place
        dot = tag("path", d=f"M{WIDTH + 4} {up - 4}h0", class_=f"{kind} point")
        legend.append(tag("g", dot, tag("text", one.name, x=WIDTH + 14, y=up)))
    title = f"Recall and latency of {len(points)} indexes"
    return standalone(chart(series, x, y, about), *legend, title=title, room=ROOM)


def _in_words(measured: Measured, batch: int) -> str:
    time_ms = measured.latency[batch].p50_ms
    return f"{measured.name}: {time_ms:.3f} ms, recall {100 * measured.recall:.2f} %"
