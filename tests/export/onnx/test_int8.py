"""int8 by calibration: what is quantised, how near it stays, and what the manifest says of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from georet.encoder import Branch, Encoder
from georet.errors import DataError
from georet_export.artefact.artefact import read_artefact
from georet_export.artefact.errors import ExportError
from georet_export.onnx.exporter import OnnxExporter
from georet_export.onnx.int8 import (
    NUM_FLOAT_FIRST,
    multiply_adds,
    write_runtime_int8,
    write_tensorrt_qdq,
)

SIZE = (64, 64)


@pytest.fixture(scope="module")
def encoder(convnext):
    return convnext


@pytest.fixture(scope="module")
def spec(encoder, tools):
    return tools.spec(encoder, SIZE, precision="int8")


@pytest.fixture(scope="module")
def fp32(convnext_onnx):
    return convnext_onnx


def cosines(path, encoder, tools):
    images = tools.images(12, SIZE, seed=7)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, {"image": images})[0]
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    return (found * tools.torch(encoder, images)).sum(axis=1)


def test_all_matrix_products_of_a_convnext_compute_in_int8(fp32, spec, encoder, tools, tmp_path):
    facts = write_runtime_int8(fp32, spec, tmp_path / "int8.onnx")
    counts = facts["quantised"]
    num = sum(n.op_type in ("MatMul", "Gemm") for n in onnx.load(fp32).graph.node)
    assert counts["by_operator"]["MatMul"] == f"{num} of {num}"
    assert counts["by_operator"]["Conv"].startswith("0 of")
    assert 0.5 < counts["share_of_multiply_adds"] < 1
    assert cosines(tmp_path / "int8.onnx", encoder, tools).min() > 0.999


def test_the_file_for_tensorrt_is_symmetric_and_quantises_no_bias(
    fp32, spec, encoder, tools, tmp_path
):
    facts = write_tensorrt_qdq(fp32, spec, tmp_path / "qdq.onnx")
    counts = facts["quantised"]
    assert counts["layers"] == counts["of_layers"] - NUM_FLOAT_FIRST
    graph = onnx.load(tmp_path / "qdq.onnx").graph
    values = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
    used = [n for n in graph.node if n.op_type in ("QuantizeLinear", "DequantizeLinear")]
    points = [values[node.input[2]] for node in used]
    assert {point.dtype for point in points} == {np.dtype(np.int8)}
    assert not any(point.any() for point in points)
    assert cosines(tmp_path / "qdq.onnx", encoder, tools).min() > 0.98


def test_the_file_keeps_what_it_says_about_itself(fp32, spec, tmp_path):
    write_runtime_int8(fp32, spec, tmp_path / "int8.onnx")
    before, after = (
        {prop.key: prop.value for prop in onnx.load(path).metadata_props}
        for path in (fp32, tmp_path / "int8.onnx")
    )
    assert {key: after[key] for key in before} == before | {"precision": "int8"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["int8.onnx"]


def test_the_same_images_give_the_same_bytes(fp32, spec, tmp_path):
    for name in ("a.onnx", "b.onnx"):
        write_runtime_int8(fp32, spec, tmp_path / name)
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()


class Convolution(torch.nn.Module):
    embed_dim, mean, std = 8, (0.5,) * 3, (0.5,) * 3

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 8, 3)

    def forward(self, images):
        return self.layer(images).mean(dim=(2, 3))


def test_a_network_of_convolutions_is_sent_to_openvino(tools, tmp_path):
    encoder = Encoder({"shared": Branch(Convolution())}, logit_scale=1.0)
    spec = tools.spec(encoder, (32, 32), precision="int8")
    with pytest.raises(ExportError, match=r"nothing to quantise: .* no MatMul or Gemm") as error:
        OnnxExporter().export(encoder, spec, tmp_path / "made")
    assert "--openvino --precision int8" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_without_calibration_images_the_data_set_is_asked_for(fp32, spec, tmp_path):
    for calibration in (None, lambda num: np.empty((0, *SIZE, 3), np.uint8)):
        with pytest.raises(DataError, match="calibrated on images") as error:
            write_runtime_int8(fp32, replace(spec, calibration=calibration), tmp_path / "x.onnx")
        assert "--set dataset.root" in str(error.value)


def test_the_manifest_tells_what_was_quantised(encoder, spec, traced, tmp_path):
    found = read_artefact(OnnxExporter().export(encoder, spec, tmp_path / "made"))
    assert found.precision == "int8"
    assert found.manifest["quantised"]["calibration_images"] == 128
    assert "onnxruntime" in found.manifest["versions"]


def test_multiply_adds_are_those_of_one_image():
    value = onnx.helper.make_tensor_value_info
    kind = onnx.TensorProto.FLOAT
    weights = {"k": (8, 3, 2, 2), "m": (8, 5)}
    graph = onnx.helper.make_graph(
        [
            onnx.helper.make_node("Conv", ["x", "k"], ["c"], "conv", strides=[2, 2]),
            onnx.helper.make_node("Transpose", ["c"], ["t"], perm=[0, 2, 3, 1]),
            onnx.helper.make_node("MatMul", ["t", "m"], ["p"], "product"),
            onnx.helper.make_node("MatMul", ["p", "p"], ["y"], "of activations"),
        ],
        "g",
        [value("x", kind, ["batch", 3, 10, 10])],
        [value("y", kind, None)],
        [
            onnx.numpy_helper.from_array(np.zeros(shape, np.float32), name)
            for name, shape in weights.items()
        ],
    )
    work = multiply_adds(onnx.helper.make_model(graph))
    assert work == {"conv": 8 * 3 * 2 * 2 * 25, "product": 8 * 5 * 25}
