"""Options that several commands share, so that they read and work the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli import completing

PluginNames = Annotated[
    list[str] | None,
    typer.Option(
        "--plugins",
        metavar="A,B",
        help="Plugins to use: names, modules, files (./mine.py), or `none` for the bare core. "
        "By default $GEORET_PLUGINS, else sample4geo.",
        autocompletion=completing.plugins,
    ),
]
NoPlugin = Annotated[
    list[str] | None,
    typer.Option(
        "--no-plugin",
        metavar="NAME",
        help="A plugin to leave out, never imported.",
        autocompletion=completing.plugins,
    ),
]
RunFolder = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="The run's folder, or timm:MODEL[?...].",
        autocompletion=completing.runs,
    ),
]
GalleryFolder = Annotated[
    Path,
    typer.Argument(
        metavar="GALLERY", help="The gallery's folder.", autocompletion=completing.galleries
    ),
]
Checkpoint = Annotated[
    str,
    typer.Option(
        "--checkpoint",
        metavar="NAME",
        help="Of a run: last, best, last-average, ...",
    ),
]
BackendName = Annotated[
    str, typer.Option("--backend", metavar="NAME", help="What executes the encoder.")
]
GalleryEncoder = Annotated[
    Path | None,
    typer.Option(
        "--encoder",
        metavar="RUN|ARTEFACT|NAME",
        help="By default the one that the gallery was built with.",
        autocompletion=completing.runs,
    ),
]
Height = Annotated[
    str | None, typer.Option(metavar="LENGTH", help="The camera's height above the ground: 120m.")
]
Tilt = Annotated[
    float | None, typer.Option(metavar="DEG", help="0 straight down, 90 at the horizon.")
]
KnownCamera = Annotated[
    str | None, typer.Option(metavar="NAME", help="A camera whose lens is known: dji-mavic-3.")
]
Rotations = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="So many headings are tried where it is unknown; by default as the gallery wants: "
        "12 in one that georet adapt made, else 1.",
    ),
]
KnownQueries = "FILE.csv|dataset:NAME[:SET]|run:RUN[:SET]"
"""How photos whose places are known are named."""
BadImageQuota = Annotated[float, typer.Option(help="Share of the photos that may be unreadable.")]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        min=1,
        metavar="NUM",
        help="Photos with more pixels are refused; by default 400 million.",
    ),
]
Rerank = Annotated[
    str | None,
    typer.Option(
        "--rerank",
        metavar="NAME[:KEY=VALUE,...]",
        help="A plugin's re-ranker of the best tiles, with its options; `top` is how many it sees.",
    ),
]
MaxImages = Annotated[
    int, typer.Option(min=0, help="Compare with torch on at most so many images; 0: don't.")
]
Nproc = Annotated[
    int,
    typer.Option(metavar="N", min=1, help="Work as N processes here, one for each GPU."),
]
Recipe = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Recipe to start from: plugin/name, or `none`. By default that of the first plugin "
        "named; where neither plugins nor a file are, modern/orbitview.",
        autocompletion=completing.recipes,
    ),
]
ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="YAML file, laid over the recipe."),
]
Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="One value, laid over the file; repeatable."),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Only say what would be done, written, and how long about that takes."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
AsMarkdown = Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")]
AsLatex = Annotated[
    bool, typer.Option("--latex", help="Print a LaTeX table, for the package booktabs.")
]


def one_format(*, as_json: bool, as_markdown: bool, as_latex: bool) -> str | None:
    """Return ``json``, ``markdown``, ``latex`` or None; UsageError for more than one."""
    from georet.errors import UsageError

    asked = {"json": as_json, "markdown": as_markdown, "latex": as_latex}
    found = [name for name, is_asked in asked.items() if is_asked]
    if len(found) > 1:
        flags = ", ".join(f"--{name}" for name in found)
        raise UsageError(f"{flags} can't be given together", hint="Choose one of them.")
    return found[0] if found else None
