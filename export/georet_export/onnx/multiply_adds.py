"""How much of a network's arithmetic a layer does, so that a share of it can be told."""

from __future__ import annotations

import math
from typing import Any

from georet.extras import need

LAYERS = ("Conv", "MatMul", "Gemm")


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
        if node.op_type in LAYERS and node.input[1] in weights
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
