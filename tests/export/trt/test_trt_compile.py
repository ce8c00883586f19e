"""Engines compiled for real, by TensorRT-RTX, which needs no GPU for it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import onnxruntime
import pytest
import torch

from georet.export_spec import Precision
from georet_export.artefact.errors import ExportError
from georet_export.trt.build import BuiltEngine, build_engine

tensorrt_rtx = pytest.importorskip("tensorrt_rtx")

FAMILIES = ("test_convnext", "convnext_tiny", "tf_efficientnet_lite0", "vit_small_patch14_dinov2")
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16")
TARGETS = (("sm86", "sm89"), ("sm80", "sm120"))
BATCH = (1, 8, 32)
LEAST_COSINE = {"fp32": 1 - 1e-5, "fp16": 0.9995}


def is_complete(built: BuiltEngine) -> bool:
    """Whether the plan holds the network: an empty one has no weights and needs no memory."""
    return len(built.plan) > (built.weights_bytes or 0) > 0 and (built.activation_bytes or 0) > 0


@pytest.mark.parametrize("targets", TARGETS, ids="+".join)
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("model", FAMILIES)
def test_an_encoder_compiles_for_a_range_of_batches(family, model, precision, targets):
    built = build_engine(tensorrt_rtx, family(model, precision).path, BATCH, targets=targets)
    assert is_complete(built)
    assert built.version == tensorrt_rtx.__version__


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("model", FAMILIES)
def test_the_compiled_file_gives_torch_s_embeddings_at_other_batches(family, model, precision):
    made = family(model, precision)
    session = onnxruntime.InferenceSession(made.path, providers=["CPUExecutionProvider"])
    rng = np.random.default_rng(0)
    for num in (1, 3):
        images = rng.integers(0, 256, (num, made.side, made.side, 3), dtype=np.uint8)
        with torch.inference_mode():
            wanted = made.encoder.embed("query", torch.from_numpy(images)).numpy()
        (found,) = session.run(None, {"image": images})
        assert found.shape == wanted.shape
        assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
        assert (found * wanted).sum(axis=1).min() > LEAST_COSINE[precision]


def test_half_precision_halves_weights_and_saves_memory(family):
    fp32, fp16 = (
        build_engine(
            tensorrt_rtx, family("test_convnext", precision).path, BATCH, targets=("sm86",)
        )
        for precision in PRECISIONS
    )
    assert fp16.weights_bytes < 0.6 * fp32.weights_bytes
    assert fp16.activation_bytes < 0.8 * fp32.activation_bytes


def test_the_largest_batch_decides_the_memory(family):
    path = family("test_convnext", "fp32").path
    small, large = (
        build_engine(tensorrt_rtx, path, (1, 8, most), targets=("sm86",)) for most in (8, 64)
    )
    assert large.activation_bytes > 2 * small.activation_bytes


def test_the_compiler_gets_the_targets_and_leaves_float32_alone(family):
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
    build_engine(watched, family("test_convnext", "fp32").path, BATCH, targets=("sm89", "sm86"))
    (config,) = configs
    found = [config.get_compute_capability(i).name for i in range(config.num_compute_capabilities)]
    assert found == ["SM89", "SM86"]
    assert not config.get_flag(tensorrt_rtx.BuilderFlag.TF32)


def test_a_turing_gpu_takes_transformers_and_mlps_in_half_precision_only(family):
    with pytest.raises(ExportError, match="--precision fp16") as caught:
        build_engine(tensorrt_rtx, family("test_convnext", "fp32").path, BATCH, targets=("sm75",))
    assert caught.value.operator == "MatMul"
    assert caught.value.node
    half = build_engine(
        tensorrt_rtx, family("test_convnext", "fp16").path, BATCH, targets=("sm75",)
    )
    assert is_complete(half)


@pytest.mark.slow
def test_a_large_encoder_compiles_in_half_precision(family):
    built = build_engine(
        tensorrt_rtx, family("convnext_base", "fp16").path, BATCH, targets=("sm86", "sm89")
    )
    assert is_complete(built)
    assert 150e6 < len(built.plan) < 250e6
