"""A benchmark as a picture: images a second over the batch, one line a contender."""

from __future__ import annotations

import math

import numpy as np

from georet.page.markup import Html
from georet.page.plot import KINDS, Axis, Series, chart, linear_axis, standalone
from georet_export.benchmark.figures import Result

_NAMES = 132


def plot(result: Result, title: str) -> Html:
    """Return a picture as SVG that stands alone, light or dark as its viewer prefers."""
    measured = result.measured[: len(KINDS)]
    series = [
        Series(
            np.log2(np.array(result.batches, np.float64)),
            np.array([each.timings[batch].images_per_s() for batch in result.batches]),
            kind,
            each.contender.name,
        )
        for each, kind in zip(measured, KINDS, strict=False)
    ]
    most = max(float(line.y.max()) for line in series)
    speed = linear_axis(0, most, "images/s", "{:,.0f}".format)
    # Doubling the batch is a step.
    places = tuple(math.log2(batch) for batch in result.batches)
    high = max(places) if max(places) > min(places) else min(places) + 1
    labels = tuple(map(str, result.batches))
    batches = Axis(min(places), high, places, labels, "images at once")
    drawn = chart(series, batches, speed, f"{title}: images a second over the batch")
    return standalone(drawn, title=title, room=_NAMES)
