"""The top of the page: the headline number, what was run, what the numbers mean, all galleries."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from georet.page.markup import Html, join, rows, tag
from georet.page.readable import (
    NOTHING,
    count,
    metres,
    metric_label,
    metric_order,
    metric_value,
    percent,
    seconds,
)
from georet.report.judged import RunReport
from georet.report.records import SetRecord

_Z_95 = 1.96
_MEANING = {
    "R@k": "is the share of queries whose true reference is among the k that the encoder puts "
    "first; R@1% allows one percent of the gallery. Chance is what guessing would reach.",
    "A gallery decides how hard a number is.": "More references, and references closer to each "
    "other, make it harder. Compare numbers of the same gallery and protocol only.",
    "Errors": "are great-circle distances from a query to the centre of the reference that came "
    "first. A true reference has one too: nobody can do better than its distance.",
    "Scores are cosines,": "not probabilities: they order the references of one query and say "
    "little across queries. One run has one seed; another seed gives another number.",
}


def headline(report: RunReport) -> Html:
    """Return the main set's recall@1 beside chance, and its other numbers in small."""
    main = report.main
    value = main.known_metrics.get("recall@1")
    big = tag("p", NOTHING if value is None else f"{value:.1f}", tag("small", " %"), class_="big")
    others = [key for key in metric_order(main.known_metrics) if key != "recall@1"][:6]
    facts = (
        tag("div", tag("dt", metric_label(key)), tag("dd", _with_unit(key, main))) for key in others
    )
    return tag(
        "div", big, tag("p", _in_words(main), class_="lead"), tag("dl", *facts, class_="facts")
    )


def chance_percent(record: SetRecord) -> float:
    """Return the recall@1 of guessing, in percent: 100 / R."""
    return 100 / max(1, record.num_references)


def wilson_percent(share_percent: float, num: int) -> tuple[float, float]:
    """Return the 95 % interval of a share in percent of ``num`` independent trials.

    E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209.
    """
    p, n = share_percent / 100, max(1, num)
    shrink = 1 + _Z_95**2 / n
    middle = p + _Z_95**2 / (2 * n)
    half = _Z_95 * math.sqrt(max(0.0, p * (1 - p)) / n + (_Z_95 / (2 * n)) ** 2)
    return 100 * (middle - half) / shrink, 100 * (middle + half) / shrink


def what_was_run(report: RunReport) -> Html:
    """Return plugins, recipe, data, device and duration as a list of facts."""
    manifest = report.run.manifest
    data = manifest.dataset
    parts = (
        (data.num_pairs, "pairs"),
        (data.num_queries, "queries"),
        (data.num_references, "references"),
    )
    counts = ", ".join(f"{count(number)} {what}" for number, what in parts if number is not None)
    device = " · ".join(filter(None, (manifest.device, manifest.precision)))
    facts = {
        "Plugins": ", ".join(f"{n} ({v})" for n, v in manifest.plugins.items()),
        "Recipe": manifest.recipe,
        "Trained on": " · ".join(filter(None, (data.name, counts))),
        "Device": device + (f" · {manifest.threads} threads" if manifest.threads else ""),
        "Parameters": manifest.num_parameters and count(manifest.num_parameters),
        "Seed": None if manifest.seed is None else str(manifest.seed),
        "Took": manifest.duration_s and seconds(manifest.duration_s),
    }
    items = (tag("div", tag("dt", k), tag("dd", v)) for k, v in facts.items() if v)
    return tag("dl", *items, class_="run")


def galleries(report: RunReport) -> Html:
    """Return the table of all sets and what each is."""
    if not report.sets:
        return tag("p", "The run has no evaluation.", class_="absent")
    sets = report.sets.values()
    measured = [m for record in sets for m in (record, *record.stages)]
    keys = metric_order(key for one in measured for key in one.known_metrics)
    heads = ["Set", "Protocol", "Queries", "References", "Chance", *map(metric_label, keys)]
    table = [row for record in sets for row in _rows(record, keys)]
    caption = "Chance, recall, hit rates and shares within a distance are in percent."
    abouts = {
        name: report.evaluations[name].about for name in report.sets if name in report.evaluations
    }
    items = (tag("div", tag("dt", n), tag("dd", about)) for n, about in abouts.items() if about)
    return join(
        rows(table, heads=heads, caption=caption),
        tag("dl", *items, class_="abouts") if any(abouts.values()) else Html(),
        _stages(list(sets)),
    )


def _stages(sets: Sequence[SetRecord]) -> Html:
    """Return what the stages cost and whom they touched; nothing where there was none."""
    table: list[list[object]] = [
        [
            name,
            stage.top,
            percent(stage.share_touched),
            stage.num_failed,
            f"{1000 * stage.seconds_per_query:.1f} ms",
        ]
        for record in sets
        for name, stage in record.after_stages()
    ]
    if not table:
        return Html()
    heads = ["After", "Best references seen", "Queries touched", "Failed", "Time a query"]
    caption = (
        "Stages after the ranking; the table above has the figures with and without them. A query "
        "is touched where its order changed, or where it was given a place."
    )
    return rows(table, heads=heads, caption=caption)


def how_to_read() -> Html:
    """Return what the numbers mean and what they don't."""
    return tag("ul", *(tag("li", tag("b", k), " ", v) for k, v in _MEANING.items()), class_="notes")


def _rows(record: SetRecord, keys: list[str]) -> Iterator[list[object]]:
    """Yield the row of a set, and one for it after each of its stages."""
    counts = [count(record.num_queries), count(record.num_references)]
    chance = f"{chance_percent(record):.2g}"
    facts = [record.protocol or NOTHING, *counts, chance]
    for name, measured in ((record.set, record), *record.after_stages()):
        metrics = measured.known_metrics
        yield [name, *facts, *(metric_value(key, metrics.get(key)) for key in keys)]


def _with_unit(key: str, record: SetRecord) -> str:
    value = record.known_metrics[key]
    return metres(value) if key.endswith("_m") else percent(value)


def _in_words(record: SetRecord) -> Html:
    share = record.known_metrics.get("recall@1")
    queries, references = count(record.num_queries), count(record.num_references)
    name = tag("b", record.set)
    if share is None:
        return join("No recall@1 is reported for ", name, f", {queries} queries.")
    low, high = wilson_percent(share, record.num_queries)
    return join(
        f"of {queries} queries put their own reference first among {references} (set ",
        name,
        f"). Guessing would reach {percent(chance_percent(record))}. The 95 % interval, were the "
        f"queries independent, is {low:.1f} to {high:.1f} %.",
    )
