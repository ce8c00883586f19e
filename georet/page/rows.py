"""Tables of results as Markdown, LaTeX or plain values: a row each for whatever was judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.table import Table as RichTable
from rich.text import Text

from georet.page.readable import NOTHING, metric_label, metric_order

_MARKDOWN = str.maketrans({"|": r"\|", "\n": " ", "<": "&lt;", "`": "'"})
_LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        NOTHING: "--",
        "±": r"$\pm$",
        "\N{DEGREE SIGN}": r"$^\circ$",
        "\n": " ",
    }
    | {character: f"\\{character}" for character in "&%$#_{}"}
)


@dataclass(frozen=True)
class Table:
    """Rows {name: {metric: written value}} under a title, and what a reader must know of them."""

    title: str
    rows: Mapping[str, Mapping[str, str]]
    notes: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    """The same as JSON values."""

    @property
    def metrics(self) -> list[str]:
        """The columns, main metrics first."""
        return metric_order(metric for row in self.rows.values() for metric in row)

    def lines(self) -> list[list[str]]:
        """Return head and rows as written cells."""
        head = ["", *(metric_label(metric) for metric in self.metrics)]
        cells = [
            [name, *(row.get(metric, NOTHING) for metric in self.metrics)]
            for name, row in self.rows.items()
        ]
        return [head, *cells]


def written(metric: str, value: float | None) -> str:
    """Write a value for a table: percent with two decimals, ``_m`` in metres with one."""
    if value is None:
        return NOTHING
    return f"{value:.1f} m" if metric.endswith("_m") else f"{value:.2f}"


def markdown(tables: Sequence[Table]) -> str:
    """Return the tables as GitHub's Markdown."""
    return "\n".join(_markdown(table) for table in tables)


def latex(tables: Sequence[Table]) -> str:
    """Return the tables as rows for LaTeX's ``tabular``; titles and notes are comments."""
    return "\n".join(_latex(table) for table in tables)


def terminal(table: Table) -> RichTable:
    """Return a table for the terminal."""
    found = RichTable(title=Text(table.title), title_justify="left")
    head, *rows = table.lines()
    for number, label in enumerate(head):
        found.add_column(label, justify="right" if number else "left", overflow="fold")
    for row in rows:
        found.add_row(*(Text(cell) for cell in row))
    return found


def _markdown(table: Table) -> str:
    head, *rows = ([cell.translate(_MARKDOWN) for cell in line] for line in table.lines())
    ruler = ["---", *("---:" for _ in head[1:])]
    lines = [f"**{table.title.translate(_MARKDOWN)}**", ""]
    lines += [f"| {' | '.join(line)} |" for line in (head, ruler, *rows)]
    lines += ["", *(f"- {note.translate(_MARKDOWN)}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def _latex(table: Table) -> str:
    comments = [f"% {' '.join(text.split())}" for text in (table.title, *table.notes)]
    head, *rows = ([cell.translate(_LATEX) for cell in line] for line in table.lines())
    lines = [f"{' & '.join(line)} \\\\" for line in (head, *rows)]
    return "\n".join([*comments, lines[0], r"\midrule", *lines[1:]]) + "\n"
