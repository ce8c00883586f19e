"""Tables of results as Markdown, LaTeX or plain values: a row each for whatever was judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from georet.errors import UsageError
from georet.page.readable import NOTHING, metric_label, metric_order
from georet.suggest import hint_for

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
_LINES = 3
_LEAST_NAME = 24
"""Characters that the names of rows get in a terminal, however many columns there are."""


@dataclass(frozen=True)
class Table:
    """Rows {name: {metric: written value}} under a title, and what a reader must know of them."""

    title: str
    rows: Mapping[str, Mapping[str, str]]
    notes: Sequence[str] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    """The same as JSON values."""
    shared: str = ""
    """What all rows have in common, which their names then leave out."""
    columns: Sequence[str] | None = None
    """The metrics to show, in this order; None: all."""

    @property
    def metrics(self) -> list[str]:
        """The columns, main metrics first, or those that were chosen."""
        found = metric_order(metric for row in self.rows.values() for metric in row)
        return found if self.columns is None else [m for m in self.columns if m in found]

    @property
    def about(self) -> list[str]:
        """The lines above the table: its title, and what all rows share."""
        return [self.title, *([f"all rows: {self.shared}"] if self.shared else [])]

    def lines(self) -> list[list[str]]:
        """Return head and rows as written cells."""
        head = ["", *(metric_label(metric) for metric in self.metrics)]
        cells = [
            [name, *(row.get(metric, NOTHING) for metric in self.metrics)]
            for name, row in self.rows.items()
        ]
        return [head, *cells]


def written(metric: str, value: float | None) -> str:
    """Write a value for a table: percent with two decimals, ``_m`` in metres, ``_deg`` in
    degrees with one.
    """
    if value is None:
        return NOTHING
    if metric.endswith("_deg"):
        return f"{value:.1f} deg"
    return f"{value:.1f} m" if metric.endswith("_m") else f"{value:.2f}"


def markdown(tables: Sequence[Table]) -> str:
    """Return the tables as GitHub's Markdown."""
    return "\n".join(_markdown(table) for table in tables)


def latex(tables: Sequence[Table]) -> str:
    """Return the tables as LaTeX's ``tabular`` with the lines of the package ``booktabs``.

    Titles and notes are comments.
    """
    return "\n".join(_latex(table) for table in tables)


def choose_columns(tables: Sequence[Table], names: Sequence[str]) -> list[Table]:
    """Return the tables with these metrics alone, in this order; UsageError for unknown ones."""
    known = metric_order(metric for table in tables for metric in table.metrics)
    for name in names:
        if name not in known:
            hint = hint_for(name, known, "there are")
            raise UsageError(f"no metric {name!r} in the results", where="--columns", hint=hint)
    return [replace(table, columns=list(names)) for table in tables]


def terminal(table: Table, width: int) -> list[RichTable]:
    """Return a table for a terminal of so many characters, its columns in blocks that fit.

    Names of rows are wrapped between words; a name, not a number, gives way where both can't fit.
    """
    head, *rows = table.lines()
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    # A column is two blanks and a line wider than its text; the table has one line more.
    room = width - _LINES
    widths[0] = min(widths[0], max(_LEAST_NAME, room - sum(w + _LINES for w in widths[1:]) - 1))
    blocks: list[list[int]] = [[]]
    for number, needed in enumerate(widths[1:], 1):
        taken = widths[0] + sum(widths[n] + _LINES for n in blocks[-1]) + 1
        if blocks[-1] and taken + needed + _LINES > room:
            blocks.append([])
        blocks[-1].append(number)
    return [_block(head, rows, [0, *block], widths) for block in blocks]


def show(console: Console, table: Table) -> None:
    """Print a table with what is said above and below it."""
    for line in table.about:
        console.print(line, markup=False, style="italic")
    for block in terminal(table, console.width):
        console.print(block)
    for note in table.notes:
        console.print(note, markup=False)


def _block(
    head: Sequence[str], rows: Sequence[Sequence[str]], shown: Sequence[int], widths: Sequence[int]
) -> RichTable:
    found = RichTable()
    for number in shown:
        if number:
            found.add_column(head[number], justify="right", no_wrap=True)
        else:
            found.add_column(head[0], width=widths[0], overflow="fold")
    for row in rows:
        found.add_row(*(Text(row[number]) for number in shown))
    return found


def _markdown(table: Table) -> str:
    head, *rows = ([cell.translate(_MARKDOWN) for cell in line] for line in table.lines())
    ruler = ["---", *("---:" for _ in head[1:])]
    title, *shared = (line.translate(_MARKDOWN) for line in table.about)
    lines = [f"**{title}**", "", *(part for line in shared for part in (line, ""))]
    lines += [f"| {' | '.join(line)} |" for line in (head, ruler, *rows)]
    lines += ["", *(f"- {note.translate(_MARKDOWN)}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def _latex(table: Table) -> str:
    comments = [f"% {' '.join(text.split())}" for text in (*table.about, *table.notes)]
    head, *rows = ([cell.translate(_LATEX) for cell in line] for line in table.lines())
    lines = [f"{' & '.join(line)} \\\\" for line in (head, *rows)]
    return "\n".join(
        [
            *comments,
            "% needs \\usepackage{booktabs}",
            rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            "",
        ]
    )
