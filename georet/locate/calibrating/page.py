"""The report of a calibration: does it hold what it promises on queries it had not seen?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from georet.locate.calibrating.calibrate import DECILES, LEVELS, Trial
from georet.locate.calibration import Calibration
from georet.page.markup import Html, document, figure, rows, tag
from georet.page.plot import Series, chart, linear_axis, log_axis
from georet.page.readable import count, metres, percent, round_metres
from georet.types import Doubles

_BINS = 8
_POINTS = 200


def calibration_page(calibration: Calibration, trials: Sequence[Trial], gallery: str) -> Html:
    """Return the page: the promise, and curves over all trials' held-out halves."""
    title = f"Calibration of {gallery}"
    header = tag(
        "header",
        tag("p", "georet · report of a calibration", class_="over"),
        tag("h1", title),
        _lead(calibration, trials),
    )
    charts = tag("div", _coverage(trials), _reliability(trials), class_="split")
    more = tag("div", _abstaining(calibration, trials), _radii(trials), class_="split")
    return document(
        title,
        header,
        tag("section", tag("h2", "Radii and confidence"), charts),
        tag("section", tag("h2", "Abstaining, and how large the circles are"), more),
        tag("section", tag("h2", "Each trial"), _table(trials), _facts(calibration)),
    )


def _lead(calibration: Calibration, trials: Sequence[Trial]) -> Html:
    if not trials:
        return tag("p", "No trial was asked for: nothing is known of queries not fitted on.")
    within = 100 * float(np.mean([trial.covered_at(0.9) for trial in trials]))
    error = float(np.mean([np.median(t.judged.error_m) for t in trials]))
    best = float(np.mean([np.median(t.judged.top_error_m) for t in trials]))
    held = count(len(trials[0].confidence))
    sentence = (
        f"The 90 % radius held {percent(within)} of the queries that the fit had not seen "
        f"({held} in each of {len(trials)} random halves). Their median error is "
        f"{metres(error)}; by the best tile's centre alone it is {metres(best)}. The stored "
        f"calibration is fitted on all {count(calibration.num_queries)} queries: "
        f"{calibration.queries}."
    )
    return tag("p", sentence, class_="lead")


def _coverage(trials: Sequence[Trial]) -> Html:
    """Return the share of truths within the radius of each mass, wanted against found."""
    x = linear_axis(0, 100, "promised, percent", "{:g}".format)
    y = linear_axis(0, 100, "held, percent", "{:g}".format)
    levels = 100 * np.array(LEVELS)
    lines = [_diagonal(), *(Series(levels, 100 * trial.covered, "raw") for trial in trials)]
    if trials:
        mean = 100 * np.mean([trial.covered for trial in trials], axis=0)
        lines.append(Series(levels, mean, "first"))
    caption = (
        "A radius for so many percent of the queries held so many of those that the fit had not "
        "seen. Faint: each trial; line: their mean; dashed: the promise."
    )
    return figure(chart(lines, x, y, "Share of truths within radii, promised and held"), caption)


def _reliability(trials: Sequence[Trial]) -> Html:
    x = linear_axis(0, 100, "confidence, percent", "{:g}".format)
    y = linear_axis(0, 100, "right, percent", "{:g}".format)
    confidence, hits = _pooled(trials)
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, _BINS) if len(part)]
    found = Series(
        np.array([100 * confidence[part].mean() for part in parts]),
        np.array([100 * hits[part].mean() for part in parts]),
        "first",
    )
    caption = (
        "Queries in eight parts by confidence: the truth lay within reach (half a tile's diagonal) "
        "as often as was said if the line keeps to the diagonal."
    )
    picture = chart([_diagonal(), found], x, y, "Confidence against the share that was right")
    return figure(picture, caption)


def _abstaining(calibration: Calibration, trials: Sequence[Trial]) -> Html:
    curves = 100 * np.array([trial.precision_curve() for trial in trials]).reshape(-1, len(DECILES))
    shares = 100 * np.array(DECILES)
    low = float(curves.min()) if len(curves) else 0.0
    x = linear_axis(0, 100, "answered, percent of queries", "{:g}".format)
    y = linear_axis(max(0.0, low - 2), 100, "best tile right, percent of answers", "{:g}".format)
    lines = [Series(shares, curve, "raw") for curve in curves]
    if len(curves):
        lines.append(Series(shares, curves.mean(axis=0), "first"))
    caption = (
        "The fewer of the least sure queries are answered, the more answers are right. Faint: each "
        f"trial. Below a confidence of {percent(100 * calibration.threshold)} `georet locate` "
        f"abstains, so that {percent(100 * calibration.precision)} of its answers are right."
    )
    return figure(
        chart(lines, x, y, "Precision at the first place against the share answered"), caption
    )


def _radii(trials: Sequence[Trial]) -> Html:
    if not trials:
        return Html()
    radii = np.concatenate([trial.radii_m for trial in trials])
    errors = np.concatenate([trial.judged.error_m for trial in trials])
    low = max(1.0, float(np.quantile(errors, 0.01)))
    high = max(float(errors.max()), float(radii.max()), 10 * low)
    x = log_axis(low, high, "distance", round_metres)
    y = linear_axis(0, 100, "percent of queries", "{:g}".format)
    at = np.geomspace(x.low, x.high, _POINTS)
    named = (
        (errors, "first", "error"),
        (radii[:, 0], "second", "50 %"),
        (radii[:, 1], "third", "90 %"),
    )
    lines = [Series(at, _below(values, at), kind, label) for values, kind, label in named]
    caption = (
        f"Errors (median {metres(float(np.median(errors)))}), 50 % radii (median "
        f"{metres(float(np.median(radii[:, 0])))}) and, dashed, 90 % radii (median "
        f"{metres(float(np.median(radii[:, 1])))}): a radius is as large as the photo is unclear."
    )
    return figure(chart(lines, x, y, "Errors and radii, share of queries below"), caption)


def _table(trials: Sequence[Trial]) -> Html:
    heads = [
        "Seed", "Queries", "In 50 % radius", "In 90 % radius", "Median error", "Best tile's",
        "Right, all", "Answered", "Right, answered",
    ]  # fmt: skip
    table = [
        [
            trial.seed,
            count(len(trial.confidence)),
            percent(100 * trial.covered_at(0.5)),
            percent(100 * trial.covered_at(0.9)),
            metres(float(np.median(trial.judged.error_m))),
            metres(float(np.median(trial.judged.top_error_m))),
            percent(100 * float(trial.judged.is_top_hit.mean())),
            percent(100 * float(trial.answered.mean())),
            percent(_mean_percent(trial)),
        ]
        for trial in trials
    ]
    caption = (
        "Each trial fitted one half of the queries, drawn by its seed, and judged the other half. "
        "Right: the truth is within reach of the best tile's centre."
    )
    return rows(table, heads=heads, caption=caption)


def _facts(calibration: Calibration) -> Html:
    tuning = calibration.tuning
    facts = {
        "Encoder": tag("code", calibration.weights_sha256),
        "Gallery": tag("code", calibration.gallery_sha256),
        "Queries": calibration.queries,
        "Belief": f"exp({tuning.sharpness:.1f} x cosine), {tuning.stray:.0%} spread evenly",
        "Position": f"kernel {tuning.bandwidth:g} x spacing, softness {tuning.softness:g}",
        "Scatter": f"{tuning.spread:.3f} x side about the true tile's centre",
        "Mass in radii": f"{calibration.mass_50:.4f} (50 %), {calibration.mass_90:.4f} (90 %)",
    }
    items = (tag("div", tag("dt", name), tag("dd", value)) for name, value in facts.items())
    return tag("dl", *items, class_="run")


def _diagonal() -> Series:
    return Series(np.array([0.0, 100.0]), np.array([0.0, 100.0]), "dashed")


def _below(values: Doubles, at: Doubles) -> Doubles:
    shares: Doubles = 100 * np.searchsorted(np.sort(values), at, side="right") / len(values)
    return shares


def _pooled(trials: Sequence[Trial]) -> tuple[Doubles, Doubles]:
    confidence = [trial.confidence for trial in trials] or [np.empty(0)]
    hits = [trial.judged.is_hit.astype(np.float64) for trial in trials] or [np.empty(0)]
    return np.concatenate(confidence), np.concatenate(hits)


def _mean_percent(trial: Trial) -> float | None:
    right = trial.judged.is_top_hit[trial.answered]
    return 100 * float(right.mean()) if len(right) else None
