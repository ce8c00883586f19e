"""``georet matchers``: licences of learned matchers, and fetching their weights when asked."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from georet.cli.options import AsJson
from georet.errors import UsageError
from georet.progress import echo, echo_json
from georet.suggest import hint_for
from georet_matchers.known import KNOWN

app = typer.Typer(
    help="Licences of learned matchers, and their weights.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command("list", epilog="Example:\n\ngeoret matchers list")
def list_known(as_json: AsJson = False) -> None:
    """Name the weights that are known, with their licences and where their owners have them."""
    if as_json:
        echo_json(json.dumps([asdict(one) for one in KNOWN], indent=2))
        return
    for one in KNOWN:
        echo(f"{one.name}: for --refine {one.refiner}; licence: {one.licence}")
        echo(f"  {one.address or f'an .onnx from {one.page}'}")
    echo("georet brings none of them and fetches none by itself.")


@app.command(
    epilog="""Examples:

georet matchers fetch xfeat weights/xfeat.pt

georet matchers fetch aliked-lightglue weights/aliked.onnx --from https://...
"""
)
def fetch(
    name: Annotated[str, typer.Argument(help="One that `georet matchers list` names.")],
    file: Annotated[Path, typer.Argument(help="The new file.")],
    address: Annotated[
        str | None, typer.Option("--from", metavar="ADDRESS", help="Another address, https.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option(metavar="HEX", help="Refuse the file if its hash is another.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch weights into a file; by this their licence is yours to keep."""
    from georet_matchers.fetching import fetch as fetched

    found = next((one for one in KNOWN if one.name == name), None)
    if found is None:
        names = [one.name for one in KNOWN]
        raise UsageError(f"there are no weights {name!r}", hint=hint_for(name, names, "weights"))
    where = address or found.address
    if not where:
        raise UsageError(
            "is not known by its address",
            where=name,
            hint=f"Its owners' page is {found.page}; give the file's address with --from.",
        )
    echo(f"{name}: licence: {found.licence}", err=True)
    digest = fetched(where, file, sha256)
    if as_json:
        echo_json(json.dumps({"file": str(file), "sha256": digest, "licence": found.licence}))
        return
    echo(f"wrote {file}, SHA-256 {digest}")
    key = "model" if found.refiner == "lightglue" else "weights"
    echo(f"georet locate ... --refine {found.refiner}:{key}={file}")
