"""Engines compiled for real, by TensorRT-RTX, which needs no GPU for it."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch

from georet.encoder import Branch, Encoder
from georet.export_spec import ExportSpec, Precision
from georet.identity import EncoderIdentity
from georet_export.artefact.errors import ExportError
from georet_export.onnx.writer import write_onnx
from georet_export.trt.build import BuiltEngine, build_engine
from georet_sample4geo.backbones import TimmBackbone

tensorrt_rtx = pytest.importorskip("tensorrt_rtx")

SIZES = {
    "test_convnext": 96,
    "convnext_tiny": 64,
    "tf_efficientnet_lite0": 64,
    "vit_small_patch14_dinov2": 70,
    "convnext_base": 384,
}
FAMILIES = list(SIZES)[:4]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")
TARGETS = (("sm86", "sm89"), ("sm80", "sm120"))
BATCH = (1, 8, 32)
LEAST_COSINE = {"fp32": 1 - 1e-5, "fp16": 0.9995}


def new_encoder(model: str, size: int) -> Encoder:
    """Return an encoder with random weights, of which every block takes part in the result.

    timm starts the layer scale of ConvNeXt and DINOv2 at 1e-6 and 1e-5: whatever goes wrong in a
    block would be hidden.
    """
    torch.manual_seed(0)
    is_vit = model.startswith("vit")
    backbone = TimmBackbone(model=model, weights="none", img_size=size if is_vit else None)
    with torch.no_grad():
        for name, parameter in backbone.named_parameters():
            if re.search(r"\bgamma$", name):
                parameter.uniform_(0.2, 0.6)
    return Encoder({"shared": Branch(backbone)}, logit_scale=1.0).eval()


def identity_of(encoder: Encoder, size: int, precision: str) -> EncoderIdentity:
    return EncoderIdentity(
        weights_sha256="0" * 64,
        view="query",
        size=(size, size),
        embed_dim=encoder.embed_dim,
        resize_rule="bilinear-exact",
        precision=precision,
        backend="torch",
    )


@pytest.fixture(scope="module")
def write(tmp_path_factory) -> Callable[[str, Precision], tuple[Encoder, Path]]:
    """Return what writes a model as ONNX, each once: tracing takes longer than compiling."""
    folder = tmp_path_factory.mktemp("onnx")

    @cache
    def write(model: str, precision: Precision) -> tuple[Encoder, Path]:
        size = SIZES[model]
        encoder = new_encoder(model, size)
        identities = {"query": identity_of(encoder, size, precision)}
        path = folder / f"{model}_{precision}.onnx"
        write_onnx(encoder, ExportSpec(identities, precision, batch=BATCH), path)
        return encoder, path

    return write


def is_complete(built: BuiltEngine) -> bool:
    """Whether the plan holds the network: an empty one has no weights and needs no memory."""
    return len(built.plan) > (built.weights_bytes or 0) > 0 and (built.activation_bytes or 0) > 0


@pytest.mark.parametrize("targets", TARGETS, ids="+".join)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("model", FAMILIES)
def test_an_encoder_compiles_for_a_range_of_batches(write, model, precision, targets):
    built = build_engine(tensorrt_rtx, write(model, precision)[1], BATCH, targets=targets)
    assert is_complete(built)
    assert built.version == tensorrt_rtx.__version__


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("model", FAMILIES)
def test_the_compiled_file_gives_torch_s_embeddings_at_other_batches(write, model, precision):
    encoder, path = write(model, precision)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    size = SIZES[model]
    for num in (1, 3):
        images = rng.integers(0, 256, (num, size, size, 3), dtype=np.uint8)
        with torch.inference_mode():
            wanted = encoder.embed("query", torch.from_numpy(images)).numpy()
        (found,) = session.run(None, {"image": images})
        assert found.shape == wanted.shape
        assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
        assert (found * wanted).sum(axis=1).min() > LEAST_COSINE[precision]


def test_half_precision_halves_weights_and_saves_memory(write):
    fp32, fp16 = (
        build_engine(tensorrt_rtx, write("test_convnext", precision)[1], BATCH, targets=("sm86",))
        for precision in PRECISIONS
    )
    assert fp16.weights_bytes < 0.6 * fp32.weights_bytes
    assert fp16.activation_bytes < 0.8 * fp32.activation_bytes


def test_the_largest_batch_decides_the_memory(write):
    _, path = write("test_convnext", "fp32")
    small, large = (
        build_engine(tensorrt_rtx, path, (1, 8, most), targets=("sm86",)) for most in (8, 64)
    )
    assert large.activation_bytes > 2 * small.activation_bytes


def test_the_compiler_gets_the_targets_and_leaves_float32_alone(write):
    configs = []

    class Builder:
        def __init__(self, logger):
            self.real = tensorrt_rtx.Builder(logger)

        def __getattr__(self, name):
            return getattr(self.real, name)

        def create_builder_config(self):
            configs.append(self.real.create_builder_config())
            return configs[0]

    watched = SimpleNamespace(**{**vars(tensorrt_rtx), "Builder": Builder})
    build_engine(watched, write("test_convnext", "fp32")[1], BATCH, targets=("sm89", "sm86"))
    (config,) = configs
    found = [config.get_compute_capability(i).name for i in range(config.num_compute_capabilities)]
    assert found == ["SM89", "SM86"]
    assert not config.get_flag(tensorrt_rtx.BuilderFlag.TF32)


def test_a_turing_gpu_takes_transformers_and_mlps_in_half_precision_only(write):
    with pytest.raises(ExportError, match="--precision fp16") as caught:
        build_engine(tensorrt_rtx, write("test_convnext", "fp32")[1], BATCH, targets=("sm75",))
    assert caught.value.operator == "MatMul"
    assert caught.value.node
    half = build_engine(tensorrt_rtx, write("test_convnext", "fp16")[1], BATCH, targets=("sm75",))
    assert is_complete(half)


@pytest.mark.slow
def test_a_large_encoder_compiles_in_half_precision(write):
    built = build_engine(
        tensorrt_rtx, write("convnext_base", "fp16")[1], BATCH, targets=("sm86", "sm89")
    )
    assert is_complete(built)
    assert 150e6 < len(built.plan) < 250e6
