"""The table of metrics that a run prints at its end."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from georet.page.readable import metric_label, metric_order, metric_value

MOST_COLUMNS = 8
"""More metrics than these stand in rows."""
MOST_WIDTH = 80
"""Wider tables do as well."""


def metrics_table(results: Mapping[str, Mapping[str, float]], title: str = "Evaluation") -> Table:
    """Return a table of {set: {metric: value}}: a row for each set, a column for each metric.

    With many metrics the table is turned, so that it fits a terminal. Shares are in percent, errors
    in metres or kilometres; a set without a metric shows a dash.
    """
    keys = metric_order(key for metrics in results.values() for key in metrics)
    table = Table(title=Text(title), title_justify="left", caption="shares in percent")
    needed = sum(max(len(metric_label(key)), 6) + 3 for key in keys)
    if len(keys) > MOST_COLUMNS or needed + max(map(len, results), default=0) + 4 > MOST_WIDTH:
        table.add_column("metric", no_wrap=True)
        for name in results:
            # Where there are more sets than fit, names and figures go on in the next line, uncut.
            table.add_column(Text(name, overflow="fold"), justify="right", overflow="fold")
        for key in keys:
            values = (metric_value(key, metrics.get(key)) for metrics in results.values())
            table.add_row(metric_label(key), *values)
        return table
    table.add_column("set", no_wrap=True)
    for key in keys:
        table.add_column(metric_label(key), justify="right")
    for name, metrics in results.items():
        table.add_row(Text(name), *(metric_value(key, metrics.get(key)) for key in keys))
    return table
