"""``georet score``: judge anybody's embeddings under a named protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from georet.cli.options import AsJson, AsLatex, AsMarkdown, NoPlugin, PluginNames, one_format
from georet.plugins import Selection
from georet.progress import console, echo, echo_json

if TYPE_CHECKING:
    from georet.page.rows import Table

EPILOG = """Examples:

georet score query.npy tiles.npy positives.npy --protocol cvusa/sample4geo

georet score query.npy tiles.npy rows.json --protocol university-1652/d2s --junk junk.txt --json

georet score all.npz:query all.npz:gallery --query-ids q.txt --reference-ids all.npz:id
--protocol university-1652/d2s
"""
_Query = Annotated[str, typer.Argument(metavar="QUERY.npy", help="Or FILE.npz:NAME; float[Q, D].")]
_Reference = Annotated[str, typer.Argument(metavar="REFERENCE.npy", help="The same; float[R, D].")]
_Positives = Annotated[
    str | None,
    typer.Argument(
        metavar="POSITIVES",
        help="Rows of the references, counted from 0. Array or text: the positive first, then "
        "semi-positives, -1 pads. JSON: a list of rows for each query, all of them right.",
    ),
]
_Protocol = Annotated[str, typer.Option(metavar="ID", help="What is counted, and how.")]
_File = Annotated[str | None, typer.Option(metavar="FILE")]
_Junk = Annotated[str | None, typer.Option(metavar="FILE", help="References to leave out: rows.")]
_Ids = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="In place of POSITIVES: what has the same id is right, -1 is junk."
    ),
]
_Latlon = Annotated[
    str | None, typer.Option(metavar="FILE", help="Latitude, longitude in degrees, a row each.")
]
_Name = Annotated[str | None, typer.Option(help="What the row is called.")]


def score(
    query: _Query,
    reference: _Reference,
    positives: _Positives = None,
    *,
    protocol: _Protocol,
    junk: _Junk = None,
    query_ids: _Ids = None,
    reference_ids: _File = None,
    query_latlon: _Latlon = None,
    reference_latlon: _File = None,
    name: _Name = None,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
    as_latex: AsLatex = False,
) -> None:
    """Rank references for queries by cosine, exactly, and print a protocol's metrics.

    Files: .npy, .npz with :NAME, and for all but embeddings .csv or .txt without a header.
    Nothing is unpickled.
    """
    from georet.commands.scoring import score_under
    from georet.evaluate.score_files import Files

    form = one_format(as_json=as_json, as_markdown=as_markdown, as_latex=as_latex)
    files = Files(
        query=query,
        reference=reference,
        positives=positives,
        junk=junk,
        query_ids=query_ids,
        reference_ids=reference_ids,
        query_latlon=query_latlon,
        reference_latlon=reference_latlon,
    )
    selection = Selection.of(plugins, no_plugin)
    result = score_under(protocol, files, name=name, selection=selection)
    for warning in result["warnings"]:
        echo(f"warning: {warning}", err=True)
    if form == "json":
        echo_json(result)
    else:
        _print(_table(result), form)


def _table(result: dict[str, Any]) -> Table:
    from georet.page.rows import Table, written

    row = {metric: written(metric, value) for metric, value in result["metrics"].items()}
    rules = [result["text"], result["tie_rule"]]
    if result["percent_rule"] is not None:
        rules.append(f"R@1% counts the best {result['percent_rule']} of R references")
    counts = (
        f"{result['num_queries']} queries ({result['num_without_match']} without a match), "
        f"{result['num_references']} references; shares in percent"
    )
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    notes = [*rules, counts, versions, *(f"warning: {w}" for w in result["warnings"])]
    return Table(f"protocol {result['protocol']}", {result["name"]: row}, notes)


def _print(table: Table, form: str | None) -> None:
    from georet.page import rows

    if form is not None:
        write = rows.markdown if form == "markdown" else rows.latex
        echo(write([table]), end="")
        return

    screen = console(highlight=False, soft_wrap=True)
    rows.show(screen, table)
