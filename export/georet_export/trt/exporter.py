"""The exporters ``tensorrt`` and ``tensorrt_rtx``: an engine plan, with the ONNX it came from."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from georet.encoder import Encoder
from georet.errors import UsageError
from georet.export_spec import ExportSpec
from georet_export.artefact.writing import new_artefact
from georet_export.onnx.int8 import write_tensorrt_qdq
from georet_export.onnx.writer import write_fp32, write_onnx
from georet_export.trt.build import BuiltEngine, build_engine
from georet_export.trt.flavours import CLASSIC, RTX, import_tensorrt
from georet_export.trt.targets import CudaProbe, parse_targets, probe_cuda
from georet_export.trt.verify import verify_on_gpu

ONNX, PLAN = "encoder.onnx", "encoder.plan"


class RTXExporter:
    """TensorRT-RTX, ahead of time: needs neither GPU nor driver, compiles for named targets."""

    flavour: ClassVar[str] = RTX
    is_cross: ClassVar[bool] = True
    """Whether it compiles for GPUs that are not at hand."""

    def export(self, encoder: Encoder, spec: ExportSpec, out: Path) -> Path:
        """Write ``encoder.onnx``, ``encoder.plan`` and the manifest into the new folder ``out``.

        Where the machine has a GPU of the targets, the plan is executed before it is kept;
        elsewhere the manifest says that it was compiled and not executed. Raises ExportError with
        node and operator where TensorRT refuses the graph.
        """
        trt, probe = import_tensorrt(self.flavour), probe_cuda()
        targets = self.targets(spec.targets, probe)
        with new_artefact(out, spec, made_as=self.flavour, main=PLAN, packages=["onnx"]) as draft:
            path = draft.folder / ONNX
            if spec.precision == "int8":
                # As Q/DQ nodes, which is how TensorRT wants it.
                with tempfile.TemporaryDirectory() as scratch:
                    fp32 = write_fp32(encoder, spec, Path(scratch))
                    graph = write_tensorrt_qdq(fp32, spec, path)
            else:
                graph = write_onnx(encoder, spec, path)
            built = build_engine(trt, path, spec.batch, targets=targets if self.is_cross else ())
            (draft.folder / PLAN).write_bytes(built.plan)
            draft.facts |= {"targets": list(targets), **graph, "engine": facts_of(built)}
            draft.facts |= verify_on_gpu(trt, built.plan, path, spec, targets, probe)
        return out

    def targets(self, named: tuple[str, ...], _probe: CudaProbe) -> tuple[str, ...]:
        """Return the compute capabilities to compile for; UsageError for one out of reach."""
        return parse_targets(named)


class ClassicExporter(RTXExporter):
    """Classic TensorRT: builds on the GPU machine, for its own GPU."""

    flavour: ClassVar[str] = CLASSIC
    is_cross: ClassVar[bool] = False

    def targets(self, named: tuple[str, ...], probe: CudaProbe) -> tuple[str, ...]:
        """Return the compute capability of this machine's GPU; UsageError for any other."""
        if probe.target is None:
            raise UsageError(
                f"tensorrt builds only on a machine with a GPU; {probe.reason}",
                where="--trt",
                hint="TensorRT-RTX compiles without one: pip install 'georet[trt-rtx]'.",
            )
        if set(named) - {probe.target}:
            raise UsageError(
                f"tensorrt builds for the GPU at hand, {probe.target}, not for {', '.join(named)}",
                where="--target",
                hint="TensorRT-RTX compiles for others: pip install 'georet[trt-rtx]'.",
            )
        return (probe.target,)


def facts_of(built: BuiltEngine) -> dict[str, Any]:
    """Return what a manifest says about a compiled engine: sizes in bytes, times in seconds."""
    return {
        "version": built.version,
        "onnx_sha256": built.onnx_sha256,
        "plan_sha256": hashlib.sha256(built.plan).hexdigest(),
        "build_s": round(built.build_s, 3),
        "activation_bytes": built.activation_bytes,
        "weights_bytes": built.weights_bytes,
        "num_layers": built.num_layers,
    }
