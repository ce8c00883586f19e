"""Exporter ``openvino``: OpenVINO's own files, made from the ONNX file; int8 by NNCF."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from georet.encoder import Encoder
from georet.export_spec import ExportSpec
from georet.files import sha256_of
from georet_export.artefact.errors import ExportError
from georet_export.artefact.vendors import import_nncf, import_openvino, in_own_thread, quiet
from georet_export.artefact.writing import INPUT, new_artefact
from georet_export.onnx.int8 import NUM_FLOAT_FIRST, calibration_images
from georet_export.onnx.writer import write_fp32

FORMAT, MAIN = "openvino", "encoder.xml"
_DELICATE = ("Power", "MVN", "ReduceMean")
"""Pooling and normalisation; they cost next to nothing."""
_SCALING = ("Broadcast", "Divide", "Maximum", "Clamp", "ReduceL2", "NormalizeL2")
PACKAGES = ("onnx", "onnxscript", "onnxslim", "openvino")


class OpenvinoExporter:
    """fp32, fp16 (weights stored in float16), or int8 (all layers, calibrated by NNCF)."""

    def export(self, encoder: Encoder, spec: ExportSpec, out: Path) -> Path:
        """Write the artefact's folder ``out``, which must not exist, and return it."""
        import_openvino("export to OpenVINO")
        is_int8 = spec.precision == "int8"
        if is_int8:
            with _silent():
                import_nncf("int8 for OpenVINO")
        packages = (*PACKAGES, *(["nncf"] if is_int8 else []))
        with (
            new_artefact(out, spec, made_as=FORMAT, main=MAIN, packages=packages) as draft,
            tempfile.TemporaryDirectory() as folder,
        ):
            onnx_file = write_fp32(encoder, spec, Path(folder))
            draft.facts["onnx_sha256"] = sha256_of(onnx_file)
            openvino = import_openvino()
            try:
                model = openvino.convert_model(onnx_file)
            except Exception as error:  # OpenVINO's front ends raise unrelated types
                raise ExportError(
                    f"OpenVINO can't convert the graph: {error}", where=f"view {spec.view}"
                ) from error
            if is_int8:
                model, draft.facts["quantised"] = _quantised(model, spec)
            identity = spec.identities[spec.view]
            about = {
                "weights_sha256": identity.weights_sha256,
                "views": ",".join(spec.identities),
                "resize_rule": identity.resize_rule,
                "channels": "RGB",
                "precision": spec.precision,
            }
            for key, value in about.items():
                model.set_rt_info(value, ["georet", key])
            # Compression is the default there: without this word, fp32 would be stored as float16.
            import_openvino().save_model(
                model, draft.folder / MAIN, compress_to_fp16=spec.precision == "fp16"
            )
        return out


def _quantised(model: Any, spec: ExportSpec) -> tuple[Any, dict[str, Any]]:
    nncf = import_nncf()
    images = calibration_images(spec)
    kinds = ("Convolution", "GroupConvolution")
    layers = [op for op in model.get_ordered_ops() if op.get_type_name() in kinds]
    scope = nncf.IgnoredScope(
        names=_tail(model) + [op.get_friendly_name() for op in layers[:NUM_FLOAT_FIRST]],
        types=list(_DELICATE),
        validate=False,
    )

    def quantised_model() -> Any:
        return nncf.quantize(
            model,
            nncf.Dataset(list(images), lambda image: {INPUT: np.ascontiguousarray(image[None])}),
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(images),
            ignored_scope=scope,
        )

    with _silent():
        done = in_own_thread(quantised_model)
    fakes = sum(op.get_type_name() == "FakeQuantize" for op in done.get_ops())
    if not fakes:
        raise ExportError("there is nothing to quantise", where=f"view {spec.view}")
    return done, {"fake_quantize_nodes": fakes, "calibration_images": len(images)}


def _tail(model: Any) -> list[str]:
    """Return the names of the operations that scale the features to unit length."""
    names, waiting = [], [port.get_node() for port in model.outputs]
    while waiting:
        for port in waiting.pop().inputs():
            node = port.get_source_output().get_node()
            if node.get_type_name() in _SCALING and node.get_friendly_name() not in names:
                names.append(node.get_friendly_name())
                waiting.append(node)
    return names


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    """Hold back NNCF's progress bars and advice."""
    with quiet("nncf", "torch.utils.cpp_extension"), contextlib.redirect_stdout(io.StringIO()):
        yield
