"""ONNX: the deployable graph as one checked file, without what only the exporter needed."""

from __future__ import annotations

import contextlib
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.export import Dim

from georet.encoder import Encoder
from georet.export_spec import ExportSpec
from georet.extras import need
from georet.files import sha256_of
from georet.version import __version__
from georet_export.artefact.errors import ExportError
from georet_export.artefact.external_data import check_onnx
from georet_export.artefact.vendors import quiet
from georet_export.artefact.writing import INPUT, OUTPUT
from georet_export.onnx.check import check_branch
from georet_export.onnx.graph import Deployable

OPSET = 20
"""The first opset in which LayerNorm and GELU are one node each."""
LARGEST_BATCH = 4096
LARGEST_FILE = (1 << 31) - 1
"""Bytes; protobuf's limit for a single file."""
_EXAMPLE_BATCH = 2
"""One would be taken for a constant."""
_TALKATIVE = ("torch.onnx", "onnxscript", "torch.export", "torch.fx")


def write_onnx(encoder: Encoder, spec: ExportSpec, path: Path) -> dict[str, Any]:
    """Write the branch of ``spec.view`` as one ONNX file and return what the manifest says of it.

    The input ``image`` is uint8[batch, H, W, 3], the output ``embedding`` float32[batch, D]. For
    ``fp16`` the backbone computes in float16; ``int8`` starts from the float32 file.

    Raises ExportError where torch can't trace the backbone or the checker objects, and
    MissingExtraError.
    """
    for module in ("onnx", "onnxscript", "onnxslim"):
        need(module, extra="onnx", what="export to ONNX")
    graph = Deployable(
        encoder.branch(spec.view),
        view=spec.view,
        fitted=encoder.maps(spec.view),
        is_half=spec.precision == "fp16",
    )
    model = _slimmed(_traced(graph, spec))
    if not model.graph.input[0].type.tensor_type.shape.dim[0].dim_param:
        check_branch(encoder.branch(spec.view), spec.view, spec.size)  # names the line
    _check(model, spec)
    # For those who have nothing but this file.
    onnx = need("onnx", extra="onnx")
    identity = spec.identities[spec.view]
    height, width = spec.size
    onnx.helper.set_model_props(
        model,
        {
            "georet_version": __version__,
            "weights_sha256": identity.weights_sha256,
            "views": ",".join(spec.identities),
            "height": str(height),
            "width": str(width),
            "channels": "RGB",
            "resize_rule": identity.resize_rule,
            "embed_dim": str(spec.embed_dim),
            "precision": spec.precision,
            "origin": json.dumps(dict(spec.origin), sort_keys=True),
        },
    )
    model.producer_name, model.producer_version = "georet", __version__
    path.write_bytes(model.SerializeToString())
    check_onnx(path, where=str(path))
    return {
        "opset": OPSET,
        "nodes": len(model.graph.node),
        "onnx_sha256": sha256_of(path),
    }


def write_fp32(encoder: Encoder, spec: ExportSpec, folder: Path) -> Path:
    """Write the float32 file that quantisers and converters start from, and return its path."""
    path = folder / "fp32.onnx"
    write_onnx(encoder, replace(spec, precision="fp32"), path)
    return path


def _traced(graph: Deployable, spec: ExportSpec) -> Any:
    """Return the graph as ``onnx.ModelProto``, for any batch."""
    example = torch.zeros((_EXAMPLE_BATCH, *spec.size, 3), dtype=torch.uint8)
    batch = Dim("batch", min=1, max=max(LARGEST_BATCH, spec.batch[-1]))
    try:
        with quiet(*_TALKATIVE), torch.no_grad(), contextlib.redirect_stderr(io.StringIO()):
            program = torch.onnx.export(
                graph,
                (example,),
                dynamo=True,
                opset_version=OPSET,
                external_data=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes={INPUT: {0: batch}},
                verbose=False,
            )
    except Exception as error:  # the exporter passes on whatever the backbone's code raises
        causes = [error]
        while (cause := causes[-1].__cause__) is not None and isinstance(cause, Exception):
            causes.append(cause)
        root = causes[-1]
        text = "\n".join(str(cause) for cause in causes)
        operator = re.search(r"(?:aten|prims|torchvision)[.:]+\w+(?:\.\w+)?", text)
        first = next((line.strip() for line in str(root).splitlines() if line.strip()), "")
        raise ExportError(
            f"torch can't trace the backbone into a graph: {type(root).__name__}: {first}",
            operator=operator.group() if operator else None,
            where=f"view {spec.view}",
            hint="Its forward must not depend on pixel values, and must take every batch size. "
            "GEORET_DEBUG=1 shows the traceback.",
        ) from error
    return program.model_proto  # type: ignore[union-attr]


def _slimmed(model: Any) -> Any:
    onnxslim = need("onnxslim", extra="onnx")
    with quiet(*_TALKATIVE):
        return onnxslim.slim(model)


def _check(model: Any, spec: ExportSpec) -> None:
    """Raise ExportError unless the model is valid, of one file, and free in the batch."""
    onnx = need("onnx", extra="onnx")
    where = f"view {spec.view}"
    if model.ByteSize() > LARGEST_FILE:
        raise ExportError("is over 2 GiB, more than one ONNX file holds", where=where)
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:  # the checker and shape inference raise unrelated types
        raise ExportError(f"the ONNX checker objects: {error}", where=where) from error
    for value, kind in (
        (model.graph.input[0], onnx.TensorProto.UINT8),
        (model.graph.output[0], onnx.TensorProto.FLOAT),
    ):
        found = value.type.tensor_type
        if found.elem_type != kind:
            raise ExportError(f"{value.name!r} has type {found.elem_type}", where=where)
        if not found.shape.dim[0].dim_param:
            raise ExportError(
                f"the batch size is baked into {value.name!r}: {found.shape.dim[0].dim_value}",
                node=value.name,
                where=where,
                hint="The backbone must take every batch size: no constant in a reshape.",
            )
