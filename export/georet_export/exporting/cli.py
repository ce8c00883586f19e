"""``georet export``: a run's encoder as files for other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from georet.cli.options import (
    AsJson,
    Checkpoint,
    DryRun,
    MaxImages,
    NoPlugin,
    PluginNames,
    RunFolder,
    Sets,
)
from georet.plugins import Selection

EPILOG = """Examples:

georet export runs/first

georet export runs/first --onnx --openvino --precision int8

georet export runs/first --trt --precision fp16 --batch 1,8,32 --target sm86,sm89

georet export 'timm:tf_efficientnet_lite0?weights=lite0' --onnx --out lite0

georet export runs/cvusa --set dataset.root=/data/CVUSA --images 500 --out exports/cvusa
"""
DEFAULT_IMAGES = 4096

app = typer.Typer(rich_markup_mode=None, add_completion=False)


Onnx = Annotated[bool, typer.Option("--onnx", help="An ONNX file; the default without any format.")]
Trt = Annotated[
    bool, typer.Option("--trt", help="A TensorRT plan: classic with a GPU, else RTX without one.")
]
Openvino = Annotated[bool, typer.Option("--openvino", help="OpenVINO's files.")]
Formats = Annotated[
    list[str] | None,
    typer.Option("--format", metavar="NAME", help="Any exporter by name; repeatable."),
]
Batch = Annotated[
    str, typer.Option(metavar="MIN,OPT,MAX", help="Smallest, usual and largest batch.")
]
Targets = Annotated[
    list[str] | None,
    typer.Option("--target", metavar="SM,SM", help="GPU architectures of a plan, as sm86."),
]
Precision = Annotated[str, typer.Option(metavar="NAME", help="fp32, fp16 or int8.")]
Out = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder; by default RUN/export, or MODEL-export.")
]
MaxLoss = Annotated[float, typer.Option(min=0, help="Points of recall@1 that int8 may lose.")]
KeepFailing = Annotated[
    bool, typer.Option("--keep-failing", help="Keep and mark what fails its gate.")
]


@app.command(epilog=EPILOG)
def export(
    run: RunFolder,
    *,
    onnx: Onnx = False,
    trt: Trt = False,
    openvino: Openvino = False,
    formats: Formats = None,
    precision: Precision = "fp32",
    batch: Batch = "1,32,128",
    targets: Targets = None,
    checkpoint: Checkpoint = "last",
    out: Out = None,
    images: MaxImages = DEFAULT_IMAGES,
    max_loss: MaxLoss = 0.5,
    keep_failing: KeepFailing = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an export.")] = False,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    sets: Sets = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write a run's encoder for other runtimes, and compare each file with torch."""
    from georet_export.exporting.command import export_and_print
    from georet_export.exporting.run import Options

    named = [name for name, asked in {"onnx": onnx, "openvino": openvino}.items() if asked]
    export_and_print(
        run,
        [*named, *(formats or ())],
        wants_tensorrt=trt,
        precision=precision,
        batch=batch,
        targets=targets or (),
        out=out,
        options=Options(checkpoint, images, max_loss, keep_failing, force),
        selection=Selection.of(plugins, no_plugin),
        overrides=sets or (),
        as_json=as_json,
        is_dry=dry_run,
    )
