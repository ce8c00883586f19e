"""A benchmark as a picture: images a second over the batch, one line a contender."""

from __future__ import annotations

import math

import numpy as np

from georet.page.markup import Html, join, tag
from georet.page.plot import HEIGHT, WIDTH, Axis, Series, chart, linear_axis
from georet_export.benchmark.figures import Result

KINDS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_LIGHT = ("#1c2126", "#1d63ae", "#0d7a6b", "#6b5bb5", "#b3400c", "#8a6d0b", "#a8326e", "#5c646c")
_DARK = ("#e7e5df", "#71b0ee", "#55c4b1", "#a99cf0", "#f0935f", "#d9b84a", "#ef8fbd", "#9aa2aa")
_MARGIN, _NAMES = 12, 132
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


def plot(result: Result, title: str) -> Html:
    """Return a picture as SVG that stands alone, light or dark as its viewer prefers."""
    measured = result.measured[: len(KINDS)]
    batches = np.array(result.batches, np.float64)
    series = [
        Series(
            np.log2(batches),
            np.array([each.timings[batch].images_per_s() for batch in result.batches]),
            kind,
            each.contender.name,
        )
        for each, kind in zip(measured, KINDS, strict=False)
    ]
    most = max(float(line.y.max()) for line in series)
    speed = linear_axis(0, most, "images/s", "{:,.0f}".format)
    places = tuple(math.log2(batch) for batch in result.batches)
    high = max(places) if max(places) > min(places) else min(places) + 1
    inner = chart(
        series,
        Axis(min(places), high, places, tuple(map(str, result.batches)), "images at once"),
        speed,
        f"{title}: images a second over the batch",
    )
    width, height = WIDTH + _NAMES, HEIGHT + 3 * _MARGIN
    size = f'<svg width="{WIDTH}" height="{HEIGHT}" overflow="visible" '
    light = "".join(_colours(_LIGHT))
    dark = "".join(_colours(_DARK))
    return tag(
        "svg",
        tag(
            "style",
            (
                join(
                    Html(_STYLE),
                    Html(light),
                    Html(f"@media (prefers-color-scheme: dark) {{{_STYLE_DARK}{dark}}}"),
                )
            ),
        ),
        tag("rect", width=width, height=height, class_="paper"),
        tag("text", title, x=_MARGIN, y=_MARGIN + 6, class_="title"),
        tag(
            "g",
            Html(inner.replace("<svg ", size, 1)),
            transform=f"translate({_MARGIN},{2 * _MARGIN})",
        ),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width} {height}",
        width=width,
        height=height,
    )


def _colours(colours: tuple[str, ...]) -> list[str]:
    return [
        f".{kind} {{ stroke: {colour}; }} .name.{kind} {{ stroke: none; fill: {colour}; }}\n"
        for kind, colour in zip(KINDS, colours, strict=True)
    ]
