"""The back ends ``onnxruntime`` and ``openvino``: they execute the bytes that were verified."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from georet.errors import DataError, UsageError
from georet.extras import need
from georet.types import Floats, Pixels
from georet_export.artefact.artefact import Artefact, read_manifest
from georet_export.artefact.external_data import check_onnx
from georet_export.artefact.session_base import ArtefactSession, verified
from georet_export.artefact.vendors import import_openvino, in_own_thread
from georet_export.artefact.writing import INPUT, OUTPUT

ONNX, OPENVINO = "onnx", "openvino"
_PROVIDERS: Final = ("CUDAExecutionProvider", "CPUExecutionProvider")


class OnnxRuntimeBackend:
    """Executes ONNX files with ONNX Runtime: on a CUDA device where its provider can, else CPU."""

    def refuses(self, artefact: Path) -> str | None:
        """Say why ONNX Runtime can't execute the artefact's format, or None."""
        found = read_manifest(artefact)["format"]
        return None if found == ONNX else f"executes ONNX files, this is {found}"

    def open(
        self, artefact: Path, view: str, *, threads: int | None = None, device: str | None = None
    ) -> ArtefactSession:
        """Verify the artefact, then load the file's bytes; no other file is opened.

        ``device`` is ``cpu``, ``cuda`` or ``cuda:1``; by default CUDA where it is there.
        """
        checked = _of_format(verified(artefact, view), (ONNX,))
        return open_onnx_file(checked, checked.main, view, threads=threads, device=device)


class OpenVinoBackend:
    """Executes OpenVINO's own files and ONNX files with OpenVINO, on the CPU, in float32.

    Left to itself OpenVINO computes in bfloat16 on processors that have it, and says nothing.
    """

    def refuses(self, artefact: Path) -> str | None:
        """Say why OpenVINO can't execute the artefact's format, or None."""
        found = read_manifest(artefact)["format"]
        is_known = found in (ONNX, OPENVINO)
        return None if is_known else f"executes OpenVINO and ONNX files, this is {found}"

    def open(self, artefact: Path, view: str, *, threads: int | None = None) -> ArtefactSession:
        """Verify the artefact, then load the files' bytes; no other file is opened."""
        checked = _of_format(verified(artefact, view), (ONNX, OPENVINO))
        openvino = import_openvino("executing with OpenVINO")
        options: dict[str, Any] = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        content: tuple[bytes, ...]
        if checked.format == ONNX:
            content = (_onnx_bytes(checked, checked.main),)
        else:
            weights = Path(checked.main).with_suffix(".bin").name
            if weights not in checked.files:
                raise DataError(f"has no {weights}", where=str(checked.path))
            content = checked.read(checked.main), checked.read(weights)

        def compiled_model() -> Any:
            core = openvino.Core()
            return core.compile_model(core.read_model(*content), "CPU", options)

        try:
            compiled = in_own_thread(compiled_model)
        except RuntimeError as error:
            raise _unloadable("OpenVINO", str(artefact), error) from error
        request = compiled.create_infer_request()

        def execute(images: Pixels) -> Floats:
            # The result lies in memory that the next call writes to.
            return np.array(request.infer({0: images})[0])

        version = openvino.__version__.partition("-")[0]
        return _session(execute, checked, view, f"openvino {version} cpu")


def open_onnx_file(
    artefact: Artefact,
    name: str,
    view: str,
    *,
    threads: int | None = None,
    device: str | None = None,
) -> ArtefactSession:
    """Execute any ONNX file of a verified artefact with ONNX Runtime, from verified bytes."""
    runtime = need("onnxruntime", extra="onnx", what="executing an ONNX file")
    content = _onnx_bytes(artefact, name)
    options = runtime.SessionOptions()
    options.log_severity_level = 3
    if threads is not None:
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
    providers = _providers(runtime.get_available_providers(), device, str(artefact.path))
    try:
        session = runtime.InferenceSession(content, options, providers=providers)
    except Exception as error:  # its exceptions share no public base
        raise _unloadable("ONNX Runtime", str(artefact.path), error) from error

    def execute(images: Pixels) -> Floats:
        found: Floats = session.run([OUTPUT], {INPUT: images})[0]
        return found

    is_cuda = session.get_providers()[0] == _PROVIDERS[0]
    label = f"onnxruntime {runtime.__version__} {'cuda' if is_cuda else 'cpu'}"
    return _session(execute, artefact, view, label, is_threaded=is_cuda)


def _providers(available: Sequence[str], device: str | None, where: str) -> list[Any]:
    """Return what shall execute, best first, as ONNX Runtime is told it."""
    cuda, cpu = _PROVIDERS
    kind, _, number = (device or "").partition(":")
    if kind not in ("", "cpu", "cuda") or (kind == "cuda" and cuda not in available):
        hint = f"It has {', '.join(available)}."
        raise UsageError(f"ONNX Runtime can't use the device {device!r}", where=where, hint=hint)
    if kind == "cpu" or cuda not in available:
        return [cpu]
    return [(cuda, {"device_id": int(number)}) if number else cuda, cpu]


def _onnx_bytes(artefact: Artefact, name: str) -> bytes:
    content = artefact.read(name)
    check_onnx(content, where=str(artefact.path / name))
    return content


def _of_format(artefact: Artefact, formats: tuple[str, ...]) -> Artefact:
    if artefact.format not in formats:
        raise UsageError(
            f"is of format {artefact.format}, this back end executes {' and '.join(formats)}",
            where=str(artefact.path),
            hint="--backend auto takes the one that fits.",
        )
    return artefact


def _session(
    execute: Any, artefact: Artefact, view: str, name: str, *, is_threaded: bool = False
) -> ArtefactSession:
    identity = replace(artefact.identity(view), backend=name, precision=artefact.precision)
    return ArtefactSession(execute, identity, artefact.batch, is_threaded=is_threaded)


def _unloadable(runtime: str, where: str, error: Exception) -> DataError:
    lines = (line.strip() for line in str(error).splitlines())
    # OpenVINO's first line names a line of its own source.
    first = next((line for line in lines if line and not line.startswith("Exception from ")), "")
    return DataError(
        f"{runtime} can't load it: {first}",
        where=where,
        hint="It verified, so it is whole: is the runtime older than what exported it?",
    )
