"""Compiling an ONNX encoder to an engine plan, by TensorRT or TensorRT-RTX: one builder for both.

A plan is compiled from ONNX whose types decide the precision (strong typing); only the batch is
dynamic. TensorRT-RTX needs neither GPU nor driver for it, classic TensorRT needs both.
"""

from __future__ import annotations

import gc
import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from georet_export.artefact.errors import ExportError
from georet_export.artefact.external_data import check_onnx
from georet_export.trt.errors import Graph, build_error, parse_error
from georet_export.trt.log import Log, collecting_logger


@dataclass(frozen=True)
class BuiltEngine:
    """A compiled engine, and what its compilation said."""

    plan: bytes
    onnx_sha256: str
    """Of the very bytes that were compiled."""
    build_s: float
    activation_bytes: int | None
    """GPU memory for intermediate results at the largest batch; None: the log didn't say."""
    weights_bytes: int | None
    num_layers: int
    version: str
    """Of the TensorRT that compiled; only the same version loads the plan."""


def build_engine(
    trt: ModuleType,
    onnx_path: Path,
    batch: tuple[int, int, int] | None,
    *,
    targets: Sequence[str] = (),
) -> BuiltEngine:
    """Compile an ONNX file to a plan for ``targets`` (``"sm86"``...; classic: none, its own GPU).

    ``trt`` is the module ``tensorrt`` or ``tensorrt_rtx``. ``batch`` are the smallest, the usual
    and the largest number of images, None for a graph without any dynamic size. ExportError names
    the node and operator that TensorRT refused.
    """
    with _no_collection():
        return _built(trt, onnx_path, batch, targets)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep Python from collecting cycles while TensorRT runs.

    TensorRT calls back into Python, to log, while it holds a lock of its own. A collection there
    may free the builder of an earlier, refused compilation, which lives on in its error's frames;
    its destructor waits for that very lock, for ever. So such builders are freed before.
    """
    gc.collect()
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _built(
    trt: ModuleType,
    onnx_path: Path,
    batch: tuple[int, int, int] | None,
    targets: Sequence[str],
) -> BuiltEngine:
    content = onnx_path.read_bytes()
    graph, log = Graph(check_onnx(content, where=str(onnx_path))), Log()
    logger = collecting_logger(trt, log)
    try:
        builder = trt.Builder(logger)
    except TypeError as error:
        # pybind's words for a factory that returned nothing: classic TensorRT without a driver.
        raise ExportError(
            f"{trt.__name__} {trt.__version__} can't start: it found no NVIDIA driver",
            hint="Only on a machine with a GPU does it build. TensorRT-RTX compiles without one: "
            "pip install 'georet[trt-rtx]', then name it as the exporter.",
        ) from error
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    # The bytes that were checked and hashed, never the path, from which other files are found.
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(content):
        raise parse_error(parser, graph)
    config = _config(trt, builder, targets)
    if batch is not None:
        image = network.get_input(0)
        shape = tuple(image.shape)
        if network.num_inputs != 1 or -1 in shape[1:]:
            place = graph.named_input(image.name)
            raise ExportError(
                f"{network.num_inputs} input(s), the first {list(shape)} (-1: dynamic); "
                "an encoder has one, and only its batch is dynamic",
                node=place.node,
                operator=place.operator,
                hint="Export the encoder with a fixed height and width.",
            )
        profile = builder.create_optimization_profile()
        profile.set_shape(image.name, *((size, *shape[1:]) for size in batch))
        config.add_optimization_profile(profile)
    start = time.perf_counter()
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        raise build_error(log, graph)
    return BuiltEngine(
        plan=bytes(plan),
        onnx_sha256=hashlib.sha256(content).hexdigest(),
        build_s=time.perf_counter() - start,
        activation_bytes=log.bytes_of("Activation"),
        weights_bytes=log.bytes_of("Weights"),
        num_layers=network.num_layers,
        version=trt.__version__,
    )


def _config(trt: ModuleType, builder: Any, targets: Sequence[str]) -> Any:
    config = builder.create_builder_config()
    # Left to itself TensorRT multiplies float32 with 10 bits of mantissa, and says nothing.
    config.clear_flag(trt.BuilderFlag.TF32)
    if targets:
        config.num_compute_capabilities = len(targets)
    for index, target in enumerate(targets):
        config.set_compute_capability(getattr(trt.ComputeCapability, target.upper()), index)
    return config
