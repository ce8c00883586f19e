"""``georet benchmark``: everything that can execute an encoder, side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli.options import AsJson, AsMarkdown, DryRun, MaxImages, NoPlugin, PluginNames, Sets
from georet.plugins import Selection

EPILOG = """Examples:

georet benchmark runs/first

georet benchmark runs/first/export/onnx-int8 --batch 1,16 --seconds 10

georet benchmark exports/cvusa --run runs/cvusa --set dataset.root=/data/CVUSA --plot speed.svg

georet benchmark runs/first --gpu-acceptance --out gpu.json
"""

_Run = Annotated[
    Path | None,
    typer.Option(
        "--run",
        metavar="RUN",
        help="The run of artefacts that lie elsewhere, to compare with torch.",
    ),
]
_Backends = Annotated[
    list[str] | None,
    typer.Option(
        "--backend", metavar="NAME", help="Only these back ends; repeatable. By default all."
    ),
]
_Seconds = Annotated[float, typer.Option(min=0.01, help="Time for each contender and batch.")]
_Picture = Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw a picture.")]
_Acceptance = Annotated[
    bool,
    typer.Option("--gpu-acceptance", help="On a GPU: build, execute and time TensorRT plans."),
]
_Out = Annotated[
    Path | None, typer.Option(metavar="FILE.json", help="Where --gpu-acceptance writes.")
]

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command(epilog=EPILOG)
def benchmark(
    paths: Annotated[
        list[Path], typer.Argument(metavar="RUN|ARTEFACT|NAME...", help="A run brings its exports.")
    ],
    *,
    run: _Run = None,
    backends: _Backends = None,
    view: Annotated[str, typer.Option(help="The view whose images are timed.")] = "query",
    batch: Annotated[str, typer.Option(metavar="N,N", help="Images at once.")] = "1,8,32",
    threads: Annotated[int, typer.Option(min=1, help="Threads on a CPU.")] = 1,
    seconds: _Seconds = 3.0,
    images: MaxImages = 1000,
    plot: _Picture = None,
    gpu_acceptance: _Acceptance = False,
    out: _Out = None,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    sets: Sets = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    as_markdown: AsMarkdown = False,
) -> None:
    """Time runs and artefacts in turns, and compare their embeddings with torch's.

    Each is executed in a process of its own, on the same images. Threads are 1 by default, so that
    the factors don't hang on what else the machine does.
    """
    from georet_export.benchmark.command import (
        Request,
        accept_on_gpu,
        foresee_benchmark,
        measure_and_print,
    )

    asked = Request(
        paths=paths,
        run=run,
        backends=backends,
        view=view,
        batch=batch,
        threads=threads,
        seconds=seconds,
        num_images=images,
        selection=Selection.of(plugins, no_plugin),
        overrides=tuple(sets or ()),
    )
    if dry_run:
        foresee_benchmark(asked)
    elif gpu_acceptance:
        accept_on_gpu(asked, out)
    else:
        measure_and_print(asked, plot, as_json=as_json, as_markdown=as_markdown)
