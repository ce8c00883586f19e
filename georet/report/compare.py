"""Runs side by side: those that differ in their seed alone are one row, with mean and spread."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev

from georet.page.readable import NOTHING, metric_order
from georet.page.rows import Table, written
from georet.report.results import ResultRecord, RunResults, read_results

Group = list[RunResults]
Parts = list[str]
PLAIN = "as it is"
"""The name of a row that has nothing beside what all rows have."""

SPREAD = "mean ± sample standard deviation over seeds; shares in percent"


def compare(run_dirs: Sequence[Path]) -> list[Table]:
    """Return a table for each data set, evaluation set and protocol that the runs were judged on.

    Runs whose configuration differs in nothing but seed, device and loader processes share a row.
    Results that count differently never stand in one table. DataError where a folder is no run or
    has no results.
    """
    runs = [read_results(path) for path in run_dirs]
    by_config: dict[str, Group] = {}
    for run in runs:
        by_config.setdefault(repr(sorted(run.flat.items())), []).append(run)
    names = [group[0].name for group in by_config.values()]
    groups = [
        (
            [*group[0].parts, *(_differences(group, by_config) if names.count(name) > 1 else ())],
            group,
        )
        for name, group in zip(names, by_config.values(), strict=True)
    ]
    keys = dict.fromkeys(key for run in runs for key in run.results)
    return [_table(key, groups) for key in keys]


def _differences(group: Group, every: Mapping[str, Group]) -> list[str]:
    """Return the ``key=value`` of all keys in which equally named groups differ."""
    rivals = [g[0].flat for g in every.values() if g[0].name == group[0].name]
    own, keys = group[0].flat, dict.fromkeys(key for flat in rivals for key in flat)
    changed = [key for key in keys if len({flat.get(key) for flat in rivals}) > 1]
    return [f"{key}={own.get(key, NOTHING)}" for key in changed]


def _table(key: tuple[str, ...], groups: Sequence[tuple[Parts, Group]]) -> Table:
    names, rows, values, notes = [], [], [], [SPREAD]
    for parts, group in groups:
        # The last run of each seed: a repetition adds nothing to a spread over seeds.
        runs = list({run.seed: run for run in group if key in run.results}.values())
        if not runs:
            continue
        records = [run.results[key] for run in runs]
        shared = set.intersection(*(set(record.known_metrics) for record in records))
        figures = {m: [record.known_metrics[m] for record in records] for m in metric_order(shared)}
        num = f"{len(runs)} seeds" if len(runs) > 1 else f"seed {runs[0].seed}"
        names.append([*parts, num])
        rows.append({m: _cell(m, numbers) for m, numbers in figures.items()})
        values.append(
            {
                "name": ", ".join(parts),
                "runs": [str(run.path) for run in runs],
                "seeds": [run.seed for run in runs],
                "metrics": {
                    metric: {
                        "mean": mean(numbers),
                        "sd": stdev(numbers) if len(numbers) > 1 else None,
                        "values": numbers,
                    }
                    for metric, numbers in figures.items()
                },
            }
        )
        notes += [f"warning: {run.path}: {w}" for run in runs for w in run.results[key].warnings]
        notes += [
            f"{run.path} is left out: a later run has the same configuration and seed {run.seed}"
            for run in group
            if all(run is not other for other in runs) and run.seed in {o.seed for o in runs}
        ]
    notes += _mixed_versions(
        [run.results[key] for _, g in groups for run in g if key in run.results]
    )
    facts = dict(
        zip(
            ("dataset", "set", "protocol", "counts", "field_of_view", "checkpoint"),
            key,
            strict=True,
        )
    )
    title = " · ".join(part for part in key if part)
    common, labels = split_shared(names)
    said = ", ".join(common)
    found = {**facts, "shared": said, "notes": notes, "rows": values}
    return Table(title, dict(zip(labels, rows, strict=True)), notes, found, said)


def split_shared(names: Sequence[Parts]) -> tuple[Parts, list[str]]:
    """Return the parts that all of several names have, and the names without them.

    The last part of a name says which seeds it has. A single name shares nothing.
    """
    shared = [part for part in names[0] if all(part in name for name in names)]
    labels = []
    for *parts, num in names:
        own = ", ".join(part for part in parts if part not in shared) or PLAIN
        labels.append(own if num in shared else f"{own} ({num})")
    if len(set(labels)) < len(labels) or len(names) == 1:
        return [], [f"{', '.join(parts)} ({num})" for *parts, num in names]
    return shared, labels


def _mixed_versions(records: Sequence[ResultRecord]) -> list[str]:
    found = sorted({record.versions.get("georet", "unknown") for record in records})
    if len(found) < 2:
        return []
    return [f"warning: the results were made with different versions of georet: {', '.join(found)}"]


def _cell(metric: str, numbers: Sequence[float]) -> str:
    if len(numbers) < 2:
        return written(metric, numbers[0])
    return f"{written(metric, mean(numbers))} ± {written(metric, stdev(numbers))}"
