"""Executing a new engine where this machine can, and saying in its manifest what came of it."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from georet.errors import GeoretError
from georet.export_spec import ExportSpec, Precision
from georet.extras import need
from georet.types import Floats, Pixels
from georet_export.artefact.errors import ExportError
from georet_export.artefact.session_base import ArtefactSession
from georet_export.artefact.writing import INPUT, OUTPUT
from georet_export.trt.engine import Engine
from georet_export.trt.targets import CudaProbe

LEAST_COSINE: Final[dict[Precision, float]] = {"fp32": 0.999, "fp16": 0.999, "int8": 0.99}
"""Between an engine and the graph that it was compiled from; another graph is far below."""
NUM_TRIED = 8


def verify_on_gpu(
    trt: ModuleType,
    plan: bytes,
    onnx_path: Path,
    spec: ExportSpec,
    targets: tuple[str, ...],
    probe: CudaProbe,
) -> dict[str, Any]:
    """Return ``verified_on_gpu`` and ``status`` for the manifest of a plan for ``targets``.

    On a GPU of the targets the plan is executed beside ONNX Runtime on the graph that it was
    compiled from; ExportError where they differ.
    """
    if probe.target not in targets:
        other = f"{probe.device} is {probe.target}, the engine is for {', '.join(targets)}"
        why = probe.reason or other
        return {"verified_on_gpu": False, "status": f"compiled, not executed: {why}"}
    images, identity = _images(spec), spec.identities[spec.view]
    session = ArtefactSession(Engine(trt, plan, identity).execute, identity, spec.batch)
    runtime = need("onnxruntime", extra="onnx", what="verifying an engine")
    content, providers = onnx_path.read_bytes(), ["CPUExecutionProvider"]
    runtime_session = runtime.InferenceSession(content, providers=providers)
    found: Floats = runtime_session.run([OUTPUT], {INPUT: images})[0]
    cosine = float((session.embed(images) * found).sum(axis=1).min())
    least = LEAST_COSINE[spec.precision]
    if not cosine >= least:
        raise ExportError(
            f"the engine ran on {probe.device}, and gave other embeddings than ONNX Runtime on "
            f"the same graph: least cosine {cosine:.6f}, wanted {least}",
            hint="Export with --precision fp32; if that passes, the encoder overflows in fp16.",
        )
    status = f"executed on {probe.device}: least cosine to ONNX Runtime {cosine:.6f}"
    return {"verified_on_gpu": True, "status": status}


def _images(spec: ExportSpec) -> Pixels:
    """Return uint8[N, H, W, 3]: a few real images where there are some, else noise."""
    try:
        images = spec.calibration(NUM_TRIED) if spec.calibration else ()
    except GeoretError:
        images = ()
    if len(images):
        return np.asarray(images)
    shape = (NUM_TRIED, *spec.size, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
