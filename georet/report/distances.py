"""How far off the answers are: the share of queries within a distance, against chance and best."""

from __future__ import annotations

import numpy as np

from georet.page.markup import Html, figure, join, rows, tag
from georet.page.plot import Series, chart, linear_axis, log_axis
from georet.page.readable import metres, round_metres
from georet.report.judged import RunReport
from georet.types import Doubles

_QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.95)
_CURVE_POINTS = 300
_CHANCE_DRAWS = 20_000


def errors(report: RunReport) -> Html:
    """Return the error's distribution on the main set as a curve and as quantiles."""
    judged = report.judged
    rng, num = np.random.default_rng(0), len(judged.data.gallery)
    queries = np.resize(np.arange(len(judged.data.queries)), _CHANCE_DRAWS)
    curves = {
        "run": np.sort(judged.error_m),
        "best": np.sort(judged.least_error_m[np.isfinite(judged.least_error_m)]),
        "chance": np.sort(judged.distance_m(queries, rng.integers(0, num, len(queries)))),
    }
    curves = {name: error_m for name, error_m in curves.items() if len(error_m)}
    names = {"run": "This run", "best": "True reference", "chance": "Random reference"}
    heads = ["Queries within", *(names[key] for key in curves)]
    table = [
        [f"{q:.0%}".replace("%", " %")]
        + [metres(float(np.quantile(error_m, q))) for error_m in curves.values()]
        for q in _QUANTILES
    ]
    caption = "Distance within which so many queries were placed."
    return tag(
        "div",
        _curve(curves, judged.name),
        rows(table, heads=heads, caption=caption),
        class_="split",
    )


def _curve(curves: dict[str, Doubles], name: str) -> Html:
    everything = np.concatenate(list(curves.values()))
    low = max(float(np.quantile(everything, 0.005)), 1.0)
    x = log_axis(low, max(float(everything.max()), 10 * low), "error", round_metres)
    y = linear_axis(0, 100, "percent of queries", "{:g}".format)
    kinds = {"run": "first", "best": "dashed", "chance": "dotted"}
    lines = [_cumulative(error_m, x.low, x.high, kinds[key]) for key, error_m in curves.items()]
    median = metres(float(np.median(curves["run"])))
    about = f"Share of the queries of {name} within a distance; the median error is {median}"
    caption = join(
        tag("b", "— this run", class_="run-key"),
        ", - - the true reference of each query (nothing can do better), ",
        "··· a reference drawn at random.",
    )
    return figure(chart(lines, x, y, about), caption)


def _cumulative(error_m: Doubles, low: float, high: float, kind: str) -> Series:
    x = np.geomspace(low, high, _CURVE_POINTS)
    share = np.searchsorted(error_m, x, side="right") / len(error_m)
    return Series(x, 100 * share, kind)
