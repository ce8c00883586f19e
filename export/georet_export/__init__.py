"""The plugin ``export``: trained encoders as files that other runtimes execute, and those runtimes.

Every component is lazy, so that importing this package imports no runtime.
"""

from __future__ import annotations

from collections.abc import Iterable

from georet import Command, Component, hookimpl

_ONNX = ("onnx", "onnxscript", "onnxslim")


@hookimpl
def georet_exporters() -> Iterable[Component]:
    """Declare what writes artefacts."""
    yield Component(
        "onnx",
        "georet_export.onnx.exporter:OnnxExporter",
        summary="One ONNX file: fp32, fp16, or int8 matrix products",
        requires=_ONNX,
        extra="onnx",
    )
    yield Component(
        "openvino",
        "georet_export.onnx.openvino:OpenvinoExporter",
        summary="OpenVINO's files: fp32, fp16 weights, or int8 by NNCF",
        requires=(*_ONNX, "openvino"),
        extra="openvino",
    )
    yield Component(
        "tensorrt",
        "georet_export.trt.exporter:ClassicExporter",
        summary="A TensorRT engine plan, built on the machine with the GPU",
        requires=(*_ONNX, "tensorrt"),
        extra="onnx,trt",
    )
    yield Component(
        "tensorrt_rtx",
        "georet_export.trt.exporter:RTXExporter",
        summary="A TensorRT-RTX engine plan, compiled without a GPU",
        requires=(*_ONNX, "tensorrt_rtx"),
        extra="trt-rtx",
    )


@hookimpl
def georet_backends() -> Iterable[Component]:
    """Declare what executes artefacts, in the order in which ``--backend auto`` asks."""
    yield Component(
        "tensorrt",
        "georet_export.trt.backend:ClassicBackend",
        summary="TensorRT, for plans built on this GPU",
        requires=("tensorrt",),
        extra="trt",
    )
    yield Component(
        "tensorrt_rtx",
        "georet_export.trt.backend:RTXBackend",
        summary="TensorRT-RTX, for plans of this GPU's architecture",
        requires=("tensorrt_rtx",),
        extra="trt-rtx",
    )
    yield Component(
        "onnxruntime",
        "georet_export.artefact.backends:OnnxRuntimeBackend",
        summary="ONNX Runtime, for ONNX files",
        requires=("onnxruntime",),
        extra="onnx",
    )
    yield Component(
        "openvino",
        "georet_export.artefact.backends:OpenVinoBackend",
        summary="OpenVINO on the CPU, for its own files and ONNX files",
        requires=("openvino",),
        extra="openvino",
    )


@hookimpl
def georet_commands() -> Iterable[Command]:
    """Declare ``georet export`` and ``georet benchmark``."""
    yield Command(
        "export",
        "georet_export.exporting.cli:app",
        summary="Write a run's encoder for ONNX Runtime, OpenVINO or TensorRT",
    )
    yield Command(
        "benchmark",
        "georet_export.benchmark.cli:app",
        summary="Measure artefacts side by side",
    )
