"""The table of metrics that a run prints at its end."""

from __future__ import annotations

from collections.abc import Mapping

from rich.table import Table
from rich.text import Text

from georet.report.readable import metric_label, metric_order, metric_value


def metrics_table(results: Mapping[str, Mapping[str, float]], title: str = "Evaluation") -> Table:
    """Return a table of {set: {metric: value}}: a row for each set, a column for each metric.

    Shares are in percent, errors in metres or kilometres; a set without a metric shows a dash.
    """
    keys = metric_order(key for metrics in results.values() for key in metrics)
    table = Table(title=Text(title), title_justify="left", caption="shares in percent")
    table.add_column("set", no_wrap=True)
    for key in keys:
        table.add_column(metric_label(key), justify="right")
    for name, metrics in results.items():
        table.add_row(Text(name), *(metric_value(key, metrics.get(key)) for key in keys))
    return table
