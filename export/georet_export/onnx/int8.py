"""int8 by calibration: an ONNX file for ONNX Runtime, and another one for TensorRT.

ONNX Runtime gains by matrix products alone (MatMul, Gemm) with unsigned activations. TensorRT
wants symmetric int8, no quantised bias, and takes convolutions as well.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from georet.errors import DataError
from georet.export_spec import ExportSpec
from georet.extras import need
from georet.files import sha256_of
from georet.types import Pixels
from georet_export.artefact.errors import ExportError
from georet_export.artefact.external_data import check_onnx
from georet_export.artefact.vendors import ROOT, quiet
from georet_export.artefact.writing import INPUT

NUM_CALIBRATION = 128
"""Images that the ranges of activations are taken from."""
NUM_FLOAT_FIRST = 2
"""Convolutions at the start that stay in floating point: few channels, and all depends on them."""
_CHUNK = 8
_PRODUCTS = ("MatMul", "Gemm")
_LAYERS = ("Conv", *_PRODUCTS)


class _Reader:
    """Feeds calibration images in the way ONNX Runtime asks for them."""

    def __init__(self, images: Pixels) -> None:
        self._parts = iter(images[i : i + _CHUNK] for i in range(0, len(images), _CHUNK))

    def get_next(self) -> dict[str, Pixels] | None:
        part = next(self._parts, None)
        return None if part is None else {INPUT: part}


def write_runtime_int8(fp32: Path, spec: ExportSpec, path: Path) -> dict[str, Any]:
    """Write ``fp32`` with int8 matrix products and return what the manifest says of it.

    Raises ExportError where there is no product with constant weights (most convolutional
    networks), DataError without calibration images, and MissingExtraError.
    """
    hint = (
        "Its layers are convolutions. OpenVINO quantises them: "
        "--openvino --precision int8 (pip install 'georet[int8]')."
    )
    options = {"MatMulConstBOnly": True}
    return _write(fp32, spec, path, _Way(_PRODUCTS, "QUInt8", options, hint))


def write_tensorrt_qdq(fp32: Path, spec: ExportSpec, path: Path) -> dict[str, Any]:
    """Write ``fp32`` with symmetric Q/DQ nodes before its layers, for TensorRT; see above."""
    options = {
        "ActivationSymmetric": True,
        "WeightSymmetric": True,
        "QuantizeBias": False,
        "MatMulConstBOnly": True,
        "OpTypesToExcludeOutputQuantization": list(_LAYERS),
    }
    return _write(fp32, spec, path, _Way(_LAYERS, "QInt8", options, "Try fp16."))


def calibration_images(spec: ExportSpec) -> Pixels:
    """Return uint8[N, H, W, 3] to calibrate with; DataError where there are none."""
    images = None if spec.calibration is None else spec.calibration(NUM_CALIBRATION)
    if images is None or not len(images):
        raise DataError(
            "int8 is calibrated on images of the run's data set, and there are none",
            where=f"view {spec.view}",
            hint="Say where they are: --set dataset.root=...",
        )
    return images


@dataclass(frozen=True)
class _Way:
    """Which layers are quantised, and how; ``hint`` is for a network that has none of them."""

    operators: tuple[str, ...]
    activations: str
    options: Mapping[str, Any]
    hint: str


def _write(fp32: Path, spec: ExportSpec, path: Path, way: _Way) -> dict[str, Any]:
    quantization = need("onnxruntime.quantization", extra="onnx", what="int8")
    model = check_onnx(fp32, where=str(fp32))
    work = multiply_adds(model)
    layers = [node for node in model.graph.node if node.name in work]
    first = [node.name for node in layers if node.op_type == "Conv"][:NUM_FLOAT_FIRST]
    nodes = [n.name for n in layers if n.op_type in way.operators and n.name not in first]
    if not nodes:
        raise ExportError(
            f"there is nothing to quantise: the graph has no {' or '.join(way.operators)} "
            "with constant weights",
            where=f"view {spec.view}",
            hint=way.hint,
        )
    images = calibration_images(spec)
    with quiet(ROOT), tempfile.TemporaryDirectory(dir=path.parent) as folder:
        written = Path(folder) / path.name
        quantization.quantize_static(
            fp32,
            written,
            _Reader(images),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(way.operators),
            nodes_to_quantize=nodes,
            per_channel=True,
            activation_type=quantization.QuantType[way.activations],
            weight_type=quantization.QuantType.QInt8,
            extra_options=dict(way.options),
        )
        _keep_properties(model, written, path)
    counts = _counted(check_onnx(path, where=str(path)), work)
    return {
        "onnx_sha256": sha256_of(path),
        "quantised": {**counts, "calibration_images": len(images)},
    }


def _keep_properties(before: Any, written: Path, path: Path) -> None:
    """Move the file to its place, with what the float32 file said about itself."""
    onnx = need("onnx", extra="onnx")
    model = check_onnx(written, where=str(written))
    properties = {prop.key: prop.value for prop in before.metadata_props}
    onnx.helper.set_model_props(model, properties | {"precision": "int8"})
    model.producer_name, model.producer_version = before.producer_name, before.producer_version
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString())


def _counted(model: Any, work: Mapping[str, int]) -> dict[str, Any]:
    """Return how many layers compute in int8, and which share of the multiply-adds they do."""
    dequantised = {
        name for n in model.graph.node if n.op_type == "DequantizeLinear" for name in n.output
    }
    layers = [node for node in model.graph.node if node.op_type in _LAYERS and node.name in work]
    done = [node for node in layers if set(node.input[:2]) <= dequantised]
    total = sum(work.values())
    share = sum(work[node.name] for node in done) / total if total else 0.0
    return {
        "layers": len(done),
        "of_layers": len(layers),
        "by_operator": {
            kind: f"{sum(n.op_type == kind for n in done)} of {num}"
            for kind in _LAYERS
            if (num := sum(n.op_type == kind for n in layers))
        },
        "share_of_multiply_adds": round(share, 4),
    }


def multiply_adds(model: Any) -> dict[str, int]:
    """Return, by name, the multiply-adds for one image of the layers that hold weights.

    Those are the convolutions and matrix products with a constant factor; products of two
    activations (attention) are not among them. A layer whose shape is unknown counts as 0.
    """
    onnx = need("onnx", extra="onnx")
    inferred = onnx.shape_inference.infer_shapes(model)
    graph = inferred.graph
    weights = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    values = [*graph.input, *graph.output, *graph.value_info]
    shapes = {value.name: _free_of_batch(value) for value in values}
    return {
        node.name: _of_layer(weights[node.input[1]], shapes.get(node.output[0]), node.op_type)
        for node in graph.node
        if node.op_type in _LAYERS and node.input[1] in weights
    }


def _free_of_batch(value: Any) -> list[int] | None:
    """Return the sizes after the first; None where one of them is not known."""
    sizes = [dim.dim_value for dim in value.type.tensor_type.shape.dim[1:]]
    return sizes if all(sizes) else None


def _of_layer(weight: list[int], output: list[int] | None, operator: str) -> int:
    if output is None:
        return 0
    # A convolution's output has its channels first, a product's last.
    places = output[1:] if operator == "Conv" else output[:-1]
    return math.prod(weight) * math.prod(places)
