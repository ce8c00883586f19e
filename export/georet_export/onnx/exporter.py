"""Exporter ``onnx``: a folder with one ONNX file, for ONNX Runtime and for other people's tools."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

from georet.encoder import Encoder
from georet.export_spec import ExportSpec
from georet_export.artefact.writing import new_artefact
from georet_export.onnx.check import check_encoder
from georet_export.onnx.int8 import write_runtime_int8
from georet_export.onnx.writer import write_fp32, write_onnx

FORMAT, MAIN = "onnx", "encoder.onnx"
PACKAGES = ("onnx", "onnxscript", "onnxslim")


class OnnxExporter:
    """fp32, fp16 (backbone in float16), or int8 (matrix products, calibrated)."""

    def check(self, encoder: Encoder, sizes: Mapping[str, tuple[int, int]]) -> None:
        """Raise ExportError where the encoder makes no graph, before anybody trains it."""
        check_encoder(encoder, sizes)

    def export(self, encoder: Encoder, spec: ExportSpec, out: Path) -> Path:
        """Write the artefact's folder ``out``, which must not exist, and return it."""
        packages = (*PACKAGES, *(["onnxruntime"] if spec.precision == "int8" else []))
        with new_artefact(out, spec, made_as=FORMAT, main=MAIN, packages=packages) as draft:
            if spec.precision == "int8":
                with tempfile.TemporaryDirectory() as folder:
                    fp32 = write_fp32(encoder, spec, Path(folder))
                    draft.facts |= write_runtime_int8(fp32, spec, draft.folder / MAIN)
            else:
                draft.facts |= write_onnx(encoder, spec, draft.folder / MAIN)
        return out
