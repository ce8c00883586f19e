"""Encoders to export: tiny ones, timm's with trained-looking LayerScale, and a trained tiny run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
import yaml

from georet.commands.training import start_run
from georet.encoder import Branch, Encoder, weights_sha256
from georet.export_spec import ExportSpec, Precision
from georet.identity import EncoderIdentity
from georet.plugins import Selection
from georet.testing.tiny_backbone import TinyBackbone
from georet.types import Pixels
from georet_export.exporting.request import Request
from georet_export.exporting.run import export_encoder
from georet_export.onnx import exporter as onnx_exporter
from georet_export.onnx import openvino as openvino_export
from georet_export.onnx.writer import write_fp32, write_onnx
from georet_sample4geo.backbones import TimmBackbone

SELECTION = Selection(("sample4geo", "georet.testing.plugin"))


def tiny_encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder({"shared": Branch(TinyBackbone())}, logit_scale=1.0)


def timm_encoder(model: str, size: int, **options: Any) -> Encoder:
    """Random weights, but a LayerScale as after training: at 1e-6 every block does nothing."""
    torch.manual_seed(0)
    if model.startswith("vit"):
        options["img_size"] = size
    backbone = TimmBackbone(model=model, weights="none", **options)
    with torch.no_grad():
        for name, parameter in backbone.named_parameters():
            if name.rpartition(".")[2] == "gamma":
                parameter.uniform_(0.2, 0.6)
    return Encoder({"shared": Branch(backbone)}, logit_scale=1.0)


def smooth_images(num: int, size: tuple[int, int], seed: int = 0) -> Pixels:
    """Return uint8[num, H, W, 3] without the noise that no photo has."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (num, 7, 7, 3), dtype=np.uint8)
    return np.stack([cv2.resize(c, size[::-1], interpolation=cv2.INTER_CUBIC) for c in coarse])


def spec_of(encoder: Encoder, size: tuple[int, int], **options: Any) -> ExportSpec:
    identity = EncoderIdentity(
        weights_sha256=weights_sha256(encoder),
        view="query",
        size=size,
        embed_dim=encoder.embed_dim,
        resize_rule="bilinear-exact",
        precision="fp32",
        backend="",
    )
    spec = ExportSpec({"query": identity}, calibration=lambda num: smooth_images(num, size))
    return replace(spec, **options)


def by_torch(encoder: Encoder, images: Pixels) -> np.ndarray:
    with torch.inference_mode():
        return encoder.eval().embed("query", torch.from_numpy(images)).numpy()


@pytest.fixture(scope="session")
def tools() -> Any:
    """Give tests the functions of this file without importing it."""

    class Tools:
        tiny = staticmethod(tiny_encoder)
        timm = staticmethod(timm_encoder)
        images = staticmethod(smooth_images)
        spec = staticmethod(spec_of)
        torch = staticmethod(by_torch)

    return Tools


@pytest.fixture(scope="session")
def tiny_onnx(shared: Any) -> Path:
    """Return the ONNX file of the tiny encoder, for 32 x 32 pixels."""

    def make(folder: Path) -> None:
        encoder = tiny_encoder()
        write_onnx(encoder, spec_of(encoder, (32, 32)), folder / "encoder.onnx")

    return shared("tiny-onnx", make) / "encoder.onnx"


@pytest.fixture(scope="session")
def convnext() -> Encoder:
    return timm_encoder("test_convnext", 64)


@pytest.fixture(scope="session")
def convnext_onnx(convnext: Encoder, shared: Any) -> Path:
    """Return the float32 ONNX file of the ConvNeXt, for 64 x 64 pixels."""
    make = partial(write_fp32, convnext, spec_of(convnext, (64, 64)))
    return shared("convnext-onnx", make) / "fp32.onnx"


@dataclass(frozen=True)
class Family:
    """A network, the side of its images in pixels, and its ONNX file."""

    encoder: Encoder
    side: int
    path: Path


SIDES = {
    "test_convnext": 96,
    "convnext_tiny": 64,
    "tf_efficientnet_lite0": 64,
    "vit_small_patch14_dinov2": 70,
    "convnext_base": 384,
}


@pytest.fixture(scope="session")
def family(shared: Any) -> Callable[[str, Precision], Family]:
    """Return what gives a network of ``SIDES`` with its ONNX file, whose profile is 1, 8, 32.

    Each is traced once for all tests, which takes longer than executing or compiling it.
    """
    encoders = lru_cache(maxsize=2)(timm_encoder)

    def get(model: str, precision: Precision) -> Family:
        side = SIDES[model]
        encoder = encoders(model, side).eval()

        def make(folder: Path) -> None:
            spec = spec_of(encoder, (side, side), precision=precision, batch=(1, 8, 32))
            write_onnx(encoder, spec, folder / "encoder.onnx")

        path = shared(f"{model}-{precision}", make) / "encoder.onnx"
        return Family(encoder, side, path)

    return get


@pytest.fixture
def traced(convnext_onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give the exporters the ConvNeXt's file: tracing takes longer than all the rest."""
    for module in (onnx_exporter, openvino_export):
        monkeypatch.setattr(module, "write_fp32", lambda *_: convnext_onnx)


StartRun = Callable[..., Path]


def train_tiny(folder: Path, name: str, *overrides: str) -> Path:
    settings = {
        "recipe": "none",
        "dataset": {"name": "tiny", "root": str(folder / "data"), "num_places": 12, "size": 32},
        "data": {"size": {"query": [32, 32], "reference": [32, 32]}},
        "encoder": {"backbone": {"name": "georet.testing.plugin:tiny"}},
        "losses": ["info_nce"],
        "sampler": "random",
        "train": {"epochs": 1, "batch_size": 4},
    }
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(settings))
    return start_run(selection=SELECTION, path=path, overrides=overrides, out=folder / name)


@pytest.fixture(scope="session")
def start_tiny(tmp_path_factory: pytest.TempPathFactory) -> StartRun:
    """Return a function that trains a tiny run for an epoch with the given --set overrides."""
    return partial(train_tiny, tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def tiny_run(shared: Any) -> Path:
    """Return a run whose views share a branch."""
    return shared("run-of-one-branch", lambda folder: train_tiny(folder, "run")) / "run"


@pytest.fixture(scope="session")
def separate_run(shared: Any) -> Path:
    """Return a run with one branch a view."""

    def make(folder: Path) -> None:
        train_tiny(folder, "run", "encoder.shared=false")

    return shared("run-of-two-branches", make) / "run"


@pytest.fixture(scope="session")
def exported_run(shared: Any) -> Path:
    """Return a run with ``export/onnx-fp32`` and ``export/openvino-fp32``, judged; don't change."""

    def make(folder: Path) -> None:
        run_dir = train_tiny(folder, "exported")
        list(export_encoder(run_dir, Request(["onnx", "openvino"]), selection=SELECTION))

    return shared("run-with-exports", make) / "exported"
