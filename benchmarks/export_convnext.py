"""Train a ConvNeXt-T on OrbitView from scratch, to measure exports of it.

Freshly made ConvNeXts scale each block by 1e-6 (LayerScale), so every block does next to nothing
and whatever an export does to it goes unseen: this run starts at 0.3, and prints where it ended.

    python benchmarks/export_convnext.py runs/convnext
    georet export runs/convnext --onnx --openvino
    georet export runs/convnext --onnx --openvino --precision int8
    georet benchmark runs/convnext --images 4000 --markdown
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import timm
import torch
from safetensors.torch import load_file, save_file

from georet.commands.training import start_run
from georet.plugins import Selection
from georet.train.checkpoint import load_checkpoint

MODEL, LAYER_SCALE = "convnext_tiny", 0.3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path, help="folder of the new run")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--size", type=int, default=64, help="side of the images in pixels")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder) / "start.safetensors"
        save_file(starting_weights(), weights)
        train(arguments.out, weights, arguments.epochs, arguments.size)
    print_layer_scale(arguments.out)


def starting_weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    network = timm.create_model(MODEL, num_classes=0)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if name.endswith("gamma"):
                parameter.fill_(LAYER_SCALE)
    return {name: tensor.contiguous() for name, tensor in network.state_dict().items()}


def train(out: Path, weights: Path, epochs: int, size: int) -> None:
    backbone = (
        f"{{name: 'sample4geo:timm', model: {MODEL}, weights: '{weights}', embed_dim: 256, "
        "stage: null, freeze_stages: 0, head: linear, pool: default}"
    )
    start_run(
        selection=Selection.of(["sample4geo"]),
        out=out,
        overrides=[
            f"encoder.backbone={backbone}",
            f"data.size.query=[{size},{size}]",
            f"data.size.reference=[{size},{size}]",
            "sampler=random",
            f"train.epochs={epochs}",
            "evaluate.every=99",
            "evaluate.during=[]",
            "evaluate.final=[cross]",
        ],
    )


def print_layer_scale(run_dir: Path) -> None:
    tensors = load_file(load_checkpoint(run_dir).path / "encoder.safetensors")
    scales = torch.cat([t.abs() for name, t in tensors.items() if name.endswith("gamma")])
    low, high = scales.min().item(), scales.max().item()
    print(f"LayerScale: mean {scales.mean().item():.3f}, {low:.3f} to {high:.3f}")


if __name__ == "__main__":
    main()
