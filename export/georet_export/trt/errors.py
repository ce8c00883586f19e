"""Why TensorRT refused a graph: the node, its operator, the reason, and what to do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from georet_export.artefact.errors import ExportError
from georet_export.trt.log import Log, tidy

INPUT = "Input"
"""Stands for the operator where the fault lies with an input of the graph."""
HINTS = (
    (
        "Turing",
        (
            "For compute capability 7.5 TensorRT-RTX has matrix products in half precision only: "
            "--precision fp16, or leave sm75 out of --target."
        ),
    ),
    ("UInt8", "TensorRT takes uint8 into a Cast only: cast the image before anything else."),
    (
        "Plugin not found",
        (
            "It is no operator that TensorRT knows, and georet loads no plug-in libraries: "
            "write the layer with standard ONNX operators."
        ),
    ),
    (
        "same type|same input types",
        (
            "The graph decides the precision and nothing is converted silently: "
            "put a Cast before the node, so that its inputs have one type."
        ),
    ),
    (
        "no optimization profile|missing dimensions in profile",
        "Only the batch may be dynamic, and it needs a range: --batch MIN OPT MAX.",
    ),
    (
        "violate shape constraints|would change volume",
        (
            "A size is baked into the node, most likely the batch of the example: "
            "compute it from the input's shape (for example -1 or x.shape[0] in torch)."
        ),
    ),
)


@dataclass(frozen=True)
class Place:
    """Where in the ONNX graph a fault lies; None where TensorRT's words don't tell."""

    node: str | None = None
    operator: str | None = None


class Graph:
    """The nodes of an ONNX graph, found by what TensorRT says about them."""

    def __init__(self, model: Any) -> None:
        self._nodes = list(model.graph.node)
        constants = {tensor.name for tensor in model.graph.initializer}
        self._inputs = [value for value in model.graph.input if value.name not in constants]

    def at(self, index: int) -> Place:
        """Return the node at an index; nothing for an index outside the graph."""
        return _place(self._nodes[index]) if 0 <= index < len(self._nodes) else Place()

    def named_in(self, text: str) -> Place:
        """Return the node of which a message speaks, by its own name or a tensor that it makes.

        Of several names the longest wins: it is the most particular one.
        """
        by_name = [(_name(node), node) for node in self._nodes]
        by_output = [(output, node) for node in self._nodes for output in node.output]
        for names in (by_name, by_output):
            spoken = [(name, node) for name, node in names if _stands_in(name, text)]
            if spoken:
                return _place(max(spoken, key=lambda pair: len(pair[0]))[1])
        return Place()

    def named_input(self, text: str) -> Place:
        """Return the input of which a message speaks, else the first with a dynamic size."""
        spoken = [value for value in self._inputs if _stands_in(value.name, text)]
        dynamic = [
            value
            for value in self._inputs
            if not all(size.HasField("dim_value") for size in value.type.tensor_type.shape.dim)
        ]
        return next((Place(value.name, INPUT) for value in (*spoken, *dynamic)), Place())


def _place(node: Any) -> Place:
    return Place(_name(node), node.op_type)


def _name(node: Any) -> str:
    # The second is TensorRT's own name for a node without one.
    return node.name or f"node_of_{node.output[0]}"


def _stands_in(name: str, text: str) -> bool:
    # A whole word: node "conv_1" does not stand in "conv_12" nor in "block/conv_1".
    return re.search(rf"(?<![\w/.]){re.escape(name)}(?![\w/])", text) is not None


def parse_error(parser: Any, graph: Graph) -> ExportError:
    """Return the first complaint of an ``OnnxParser`` that refused a model."""
    if not parser.num_errors:
        return ExportError("TensorRT's parser refused the model and gave no reason")
    complaint = parser.get_error(0)
    place = graph.at(complaint.node())
    lines = [line for line in tidy(complaint.desc()) if not line.startswith("Invalid Node")]
    reason = "; ".join(lines) or str(complaint.code())
    return _error(
        Place(complaint.node_name() or place.node, complaint.node_operator() or place.operator),
        reason,
    )


def build_error(log: Log, graph: Graph) -> ExportError:
    """Return the cause of a build that gave no plan, read from the log."""
    reason = "; ".join(log.faults()) or "TensorRT gave no plan and no reason"
    if re.search("profile has been defined|missing dimensions|optimization profiles", reason):
        return _error(graph.named_input(reason), reason)
    return _error(graph.named_in(reason), reason)


def _error(place: Place, reason: str) -> ExportError:
    hint = next((hint for pattern, hint in HINTS if re.search(pattern, reason)), None)
    return ExportError(reason, node=place.node, operator=place.operator, hint=hint)
