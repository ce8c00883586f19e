"""ONNX files: they embed as torch does at every batch size, and hold all they need."""

from __future__ import annotations

import json

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from georet.encoder import Branch, Encoder
from georet_export.artefact.errors import ExportError
from georet_export.onnx.exporter import OnnxExporter
from georet_export.onnx.writer import OPSET, write_onnx

LEAST = {"fp32": 1 - 1e-5, "fp16": 0.9995}


def by_runtime(path, images):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images})[0]


@pytest.mark.parametrize("batch", [1, 3, 8, 33])
def test_every_batch_size_gives_what_torch_gives(batch, tiny_onnx, tools):
    images = tools.images(batch, (32, 32), seed=batch)
    expected = tools.torch(tools.tiny(), images)
    assert by_runtime(tiny_onnx, images) == pytest.approx(expected, abs=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("precision", LEAST)
@pytest.mark.parametrize(
    "model", ["test_convnext", "convnext_tiny", "tf_efficientnet_lite0", "vit_small_patch14_dinov2"]
)
def test_the_families_export_in_both_precisions(model, precision, family, tools):
    made = family(model, precision)
    images = tools.images(5, (made.side, made.side))
    expected = tools.torch(made.encoder, images)
    for batch in (1, 3, 5):
        found = by_runtime(made.path, images[:batch])
        assert (found * expected[:batch]).sum(axis=1).min() > LEAST[precision]
        assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)


def test_half_precision_halves_the_file(tools, tmp_path):
    encoder = tools.tiny()
    sizes = {}
    for precision in LEAST:
        path = tmp_path / f"{precision}.onnx"
        write_onnx(encoder, tools.spec(encoder, (32, 32), precision=precision), path)
        model = onnx.load(path)
        sizes[precision] = sum(len(t.raw_data) for t in model.graph.initializer)
        assert model.graph.output[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    assert sizes["fp16"] < 0.6 * sizes["fp32"]


def test_the_file_says_how_to_prepare_an_image(tiny_onnx):
    model = onnx.load(tiny_onnx)
    about = {prop.key: prop.value for prop in model.metadata_props}
    assert (about["height"], about["width"], about["channels"]) == ("32", "32", "RGB")
    assert about["resize_rule"] == "bilinear-exact"
    assert about["views"] == "query"
    assert len(about["weights_sha256"]) == 64
    assert json.loads(about["origin"]) == {}
    assert [o.version for o in model.opset_import if o.domain == ""] == [OPSET]


def test_the_artefact_names_file_and_versions(tools, tmp_path):
    from georet_export.artefact.artefact import read_artefact

    encoder = tools.tiny()
    folder = OnnxExporter().export(encoder, tools.spec(encoder, (32, 32)), tmp_path / "made")
    found = read_artefact(folder)
    assert (found.format, found.main, found.views) == ("onnx", "encoder.onnx", ("query",))
    assert found.manifest["onnx_sha256"] == found.files["encoder.onnx"]["sha256"]
    assert found.identity("query").embed_dim == encoder.embed_dim
    assert {"georet", "torch", "onnx"} <= set(found.manifest["versions"])
    assert sorted(p.name for p in folder.iterdir()) == ["artefact.json", "encoder.onnx"]


class Baked(torch.nn.Module):
    """Reshapes to the batch that it sees."""

    embed_dim, mean, std = 3, (0.5,) * 3, (0.5,) * 3

    def forward(self, images):
        return images.reshape(int(images.shape[0]), 3, -1).mean(dim=2)


class Branching(torch.nn.Module):
    """Depends on what the pixels are."""

    embed_dim, mean, std = 3, (0.5,) * 3, (0.5,) * 3

    def forward(self, images):
        pooled = images.mean(dim=(2, 3))
        return pooled if pooled.sum() > 0 else -pooled


@pytest.mark.parametrize("backbone", [Baked, Branching])
def test_a_backbone_that_can_not_be_traced_is_named_with_the_reason(backbone, tools, tmp_path):
    encoder = Encoder({"shared": Branch(backbone())}, logit_scale=1.0)
    with pytest.raises(ExportError, match="view query: ") as caught:
        write_onnx(encoder, tools.spec(encoder, (16, 16)), tmp_path / "x.onnx")
    assert caught.value.hint
    assert "batch" in caught.value.hint
    assert "batch size becomes a constant" in str(caught.value) or backbone is Branching
    assert not (tmp_path / "x.onnx").exists()
