"""``georet report``: compare runs in a table, or write their pages anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from georet.cli.options import AsJson, AsLatex, AsMarkdown, NoPlugin, PluginNames, one_format
from georet.plugins import Selection
from georet.progress import console, echo

if TYPE_CHECKING:
    from georet.page.rows import Table

EPILOG = """Examples:

georet report runs/a runs/b runs/c

georet report runs/* --columns recall@1,ap --latex --out table.tex

georet report runs/a --html
"""


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of runs.")],
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_latex: AsLatex = False,
    html: Annotated[
        bool, typer.Option("--html", help="Write each run's report.html anew instead.")
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option(metavar="METRIC,METRIC", help="Show these metrics only, in this order."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the table to a file.")
    ] = None,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
) -> None:
    """Compare the results of runs; those that differ in their seed alone share a row.

    Without a format: a table for the terminal, or Markdown into --out. With --html the data sets
    are read, with the runs' plugins; the table needs neither.
    """
    from georet.errors import UsageError

    form = one_format(as_json=as_json, as_markdown=as_markdown, as_latex=as_latex)
    if html and (form or out or columns):
        hint = "Leave out format, --columns and --out."
        raise UsageError("--html writes into the runs' folders", hint=hint)
    if html:
        from georet.commands.training import rewrite_report

        selection = Selection.of(plugins, no_plugin)
        for run_dir in runs:
            echo(str(rewrite_report(run_dir, selection=selection)))
        return
    from georet.report.compare import compare

    tables = compare(runs)
    if columns is not None:
        from georet.page.rows import choose_columns

        names = [name for name in columns.replace(" ", "").split(",") if name]
        tables = choose_columns(tables, names)
    _print(tables, form, out)


def _print(tables: list[Table], form: str | None, out: Path | None) -> None:
    if form is None and out is None:
        _show(tables)
        return
    from georet.files import write_atomic
    from georet.page import rows

    if form == "json":
        text = json.dumps([table.values for table in tables], indent=2) + "\n"
    else:
        text = rows.latex(tables) if form == "latex" else rows.markdown(tables)
    if out is None:
        echo(text, end="")
    else:
        write_atomic(out, text)


def _show(tables: list[Table]) -> None:

    from georet.page import rows

    screen = console(highlight=False, soft_wrap=True)
    for table in tables:
        rows.show(screen, table)
