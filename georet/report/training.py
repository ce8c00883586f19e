"""How training went: loss, learning rate and recall as curves, and where the time was spent."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from georet.errors import DataError
from georet.page.markup import Html, figure, join, more, rows, tag
from georet.page.plot import Series, chart, count_axis, linear_axis, thinned
from georet.page.readable import NOTHING, metric_label, metric_order, metric_value, percent, seconds
from georet.report.judged import RunReport
from georet.report.records import BadStepEvent, EvalEvent, StageTime, StepEvent
from georet.types import Doubles

_SMOOTHED_SHARE = 50
"""The smoothed loss looks back over about a fiftieth of the run."""
_KINDS = ("first", "second", "third", "fourth")


def curves(report: RunReport) -> Html:
    """Return loss, recall and learning rate side by side."""
    steps = report.run.of(StepEvent)
    pictures = [*_of_steps(steps, report), *_recall(report)]
    if not pictures:
        raise DataError("The run has no events of training or evaluation.")
    return join(tag("div", *pictures, class_="charts"), _history(report), _times(report))


def smoothed(values: Doubles, half_life: float) -> Doubles:
    """Return running means float64[M] in which a value weighs half after ``half_life`` steps."""
    keep = 0.5 ** (1 / half_life)
    means, total, weight = np.empty(len(values)), 0.0, 0.0
    for row, value in enumerate(values.tolist()):
        total, weight = keep * total + value, keep * weight + 1
        means[row] = total / weight
    return means


def _of_steps(steps: list[StepEvent], report: RunReport) -> Iterable[Html]:
    step, loss = _finite((s.step, s.loss) for s in steps)
    if len(step):
        bad = report.run.of(BadStepEvent)
        reasons = ", ".join(sorted({event.reason for event in bad if event.reason}))
        many = f"{len(bad)} steps were" if len(bad) > 1 else "One step was"
        skipped = f" {many} skipped (✕): {reasons}." if bad else ""
        yield figure(
            _loss_chart(step, loss, report),
            f"Loss of each of {len(loss):,} steps (light) and smoothed.{skipped}",
        )
    step, rate = _finite((s.step, s.lr) for s in steps)
    if len(step):
        y = linear_axis(0, float(rate.max()), "learning rate", "{:.3g}".format)
        x = count_axis(float(step.max()), "step")
        about = f"Learning rate over {len(step)} steps, at most {rate.max():.3g}"
        line = Series(*thinned(step, rate), "plain")
        yield figure(chart([line], x, y, about), f"Learning rate, at most {rate.max():.3g}.")


def _loss_chart(step: Doubles, loss: Doubles, report: RunReport) -> Html:
    mean = smoothed(loss, max(3, len(loss) / _SMOOTHED_SHARE))
    low, high = min(0.0, float(loss.min())), max(0.0, float(np.quantile(loss, 0.999)) * 1.02)
    y = linear_axis(low, high, "loss", "{:g}".format)
    shown = [Series(*thinned(step, np.minimum(loss, y.high)), "raw")]
    shown.append(Series(*thinned(step, mean), "first"))
    bad = np.array([float(e.step) for e in report.run.of(BadStepEvent)])
    if len(bad):
        shown.append(Series(np.clip(bad, 0, step.max()), np.full(len(bad), y.low), "cross"))
    about = f"Loss over {len(step)} steps, smoothed from {mean[0]:.3g} to {mean[-1]:.3g}"
    return chart(shown, count_axis(float(step.max()), "step"), y, about)


def _recall(report: RunReport) -> Iterable[Html]:
    events = _evaluations(report)
    names = list(dict.fromkeys(e.set for e in events))
    known = [name for name in report.sets if name in names]
    for name in (known + [name for name in names if name not in known])[:2]:
        here = [e for e in events if e.set == name]
        keys = [k for k in ("recall@1", "recall@5", "recall@10") if k in here[-1].metrics]
        lines = [_line(here, key, kind) for key, kind in zip(keys, _KINDS, strict=False)]
        lines = [line for line in lines if len(line.x)]
        if lines:
            x = count_axis(max(float(line.x.max()) for line in lines), "epochs done")
            y = linear_axis(0, 100, "percent", "{:g}".format)
            last = ", ".join(f"{s.label} {s.y[-1]:.1f} %" for s in lines)
            about = f"Recall of {name} over the epochs; at the end {last}"
            yield figure(chart(lines, x, y, about), join("Recall on ", tag("b", name), "."))


def _line(events: list[EvalEvent], key: str, kind: str) -> Series:
    x, y = _finite((e.epoch + 1, e.metrics.get(key)) for e in events)
    return Series(x, y, kind, metric_label(key))


def _evaluations(report: RunReport) -> list[EvalEvent]:
    """Return the evaluations, the final one too, of the sets that were judged while training."""
    events = report.run.of(EvalEvent)
    during = {e.set for e in events if not e.final} or {e.set for e in events}
    return list({(e.set, e.epoch): e for e in events if e.set in during}.values())


def _history(report: RunReport) -> Html:
    events = report.run.of(EvalEvent)
    if not events:
        return tag("p", "The run was not evaluated while training.", class_="absent")
    keys = metric_order(key for e in events for key in e.metrics)
    table = [
        [f"{e.epoch + 1}{' (final)' if e.final else ''}", e.set]
        + [metric_value(key, e.metrics.get(key)) for key in keys]
        for e in events
    ]
    heads = ["Epochs done", "Set", *map(metric_label, keys)]
    return more("All evaluations as a table", rows(table, heads=heads, caption="Evaluations."))


def _times(report: RunReport) -> Html:
    if not report.run.timing:
        return tag("p", "The run left no timing.", class_="absent")
    stages: dict[str, list[StageTime]] = {}
    for entry in report.run.timing:
        stages.setdefault(entry.stage, []).append(entry)
    sums = {stage: sum(e.seconds for e in entries) for stage, entries in stages.items()}
    total = sum(sums.values()) or 1.0
    table = [
        [stage, seconds(sums[stage]), percent(100 * sums[stage] / total), _speed(entries)]
        for stage, entries in stages.items()
    ]
    heads = ["Stage", "Time", "Share", "Batches a second"]
    return more("Where the time went", rows(table, heads=heads, caption="Time by stage."))


def _speed(entries: list[StageTime]) -> str:
    num_batches = sum(entry.num_batches or 0 for entry in entries)
    spent_s = sum(entry.seconds for entry in entries)
    return f"{num_batches / spent_s:.1f}" if num_batches and spent_s else NOTHING


def _finite(points: Iterable[tuple[float, float | None]]) -> tuple[Doubles, Doubles]:
    kept = np.array([(x, y) for x, y in points if y is not None], np.float64).reshape(-1, 2)
    kept = kept[np.isfinite(kept).all(axis=1)]
    return kept[:, 0], kept[:, 1]
