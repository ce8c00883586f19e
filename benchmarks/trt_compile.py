"""What compiling costs without a GPU: seconds, file sizes, and memory that the engine will take.

    python benchmarks/trt_compile.py
    python benchmarks/trt_compile.py convnext_base@384 --precision fp16 --batch 1 32 128

Encoders have random weights. Seconds are those of TensorRT-RTX alone: tracing comes before. The
activation memory is what the compiler plans for the largest batch; no GPU is needed to know it, and
none was used. Plans differ from build to build by a few bytes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import cast

import tensorrt_rtx
import torch

from georet.encoder import Branch, Encoder
from georet.export_spec import ExportSpec, Precision
from georet.identity import EncoderIdentity
from georet_export.onnx.writer import write_onnx
from georet_export.trt.build import BuiltEngine, build_engine
from georet_export.trt.targets import parse_targets
from georet_sample4geo.backbones import TimmBackbone

MODELS = (
    "test_convnext@160",
    "convnext_tiny@224",
    "tf_efficientnet_lite0@224",
    "vit_small_patch14_dinov2@224",
    "convnext_base@384",
)
HEADER = (
    "| model | precision | build s | ONNX MB | plan MB | activations MB |",
    "|---|---|---|---|---|---|",
)


def new_encoder(model: str, size: int) -> Encoder:
    """Return an encoder with random weights."""
    torch.manual_seed(0)
    img_size = size if model.startswith("vit") else None
    backbone = TimmBackbone(model=model, weights="none", img_size=img_size)
    return Encoder({"shared": Branch(backbone)}, logit_scale=1.0).eval()


def spec_of(encoder: Encoder, size: int, precision: Precision, batch: list[int]) -> ExportSpec:
    """Return what asks for an artefact of that precision, for square images of ``size`` pixels."""
    identity = EncoderIdentity(
        weights_sha256="",
        view="query",
        size=(size, size),
        embed_dim=encoder.embed_dim,
        resize_rule="",
        precision=precision,
        backend="",
    )
    smallest, usual, largest = batch
    return ExportSpec({"query": identity}, precision, batch=(smallest, usual, largest))


def row(name: str, precision: str, num_onnx_bytes: int, built: BuiltEngine) -> str:
    """Return one line of the table."""
    figures = (
        f"{built.build_s:.1f}",
        f"{num_onnx_bytes / 1e6:.1f}",
        f"{len(built.plan) / 1e6:.1f}",
        f"{(built.activation_bytes or 0) / 1e6:.0f}",
    )
    return f"| {' | '.join((name, precision, *figures))} |"


def measure(name: str, precision: Precision, batch: list[int], targets: tuple[str, ...]) -> str:
    """Trace and compile one encoder; return its line."""
    model, _, side = name.partition("@")
    size = int(side or 224)
    encoder = new_encoder(model, size)
    spec = spec_of(encoder, size, precision, batch)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "encoder.onnx"
        write_onnx(encoder, spec, path)
        built = build_engine(tensorrt_rtx, path, spec.batch, targets=targets)
        return row(name, precision, path.stat().st_size, built)


def main() -> None:
    """Print the table, line by line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL@SIZE")
    parser.add_argument(
        "--precision", nargs="+", default=["fp32", "fp16"], choices=["fp32", "fp16"]
    )
    parser.add_argument("--batch", nargs=3, type=int, default=[1, 32, 128], metavar="N")
    parser.add_argument(
        "--target", default="", help="for example sm86,sm89; by default from sm80 on"
    )
    asked = parser.parse_args()
    targets = parse_targets(asked.target)
    batch, lines = "/".join(map(str, asked.batch)), "\n".join(HEADER)
    print(
        f"TensorRT-RTX {tensorrt_rtx.__version__}, batch {batch}, {', '.join(targets)}\n\n{lines}"
    )
    for name in asked.models:
        for precision in asked.precision:
            print(measure(name, cast(Precision, precision), asked.batch, targets))
            sys.stdout.flush()


if __name__ == "__main__":
    main()
