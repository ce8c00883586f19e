"""What this machine can do: versions, devices, decoders, extras, and where things are kept."""

from __future__ import annotations

import importlib
import os
import platform
from importlib.metadata import PackageNotFoundError, distribution, version
from typing import Any

from packaging.requirements import Requirement

from georet.cache import cache_dir
from georet.version import __version__

BRINGS = {
    "plot": "what galleries, places and runs draw in notebooks (matplotlib)",
    "docs": "the docs as a site (mkdocs)",
    "demo": "the embedded benchmark's imagery and a small pretrained encoder",
    "demo-area": "the demo of an area: a map from space, an encoder made for it, the page",
    "pml": "losses and miners of pytorch-metric-learning",
    "papers": "what the plugins of neighbouring papers need (docs/papers.md)",
    "onnx": "export to ONNX, and ONNX Runtime to execute it",
    "openvino": "export to OpenVINO, and its runtime",
    "int8": "8-bit OpenVINO exports (NNCF)",
    "trt-rtx": "TensorRT-RTX: engines compiled without a GPU, executed on one",
    "trt": "classic TensorRT, for data centre GPUs; fetches its libraries from NVIDIA",
    "gallery": "rasters, tile archives, GeoParquet: what galleries are built from",
    "search": "approximate indexes (faiss) for large galleries",
    "search-gpu": "the same on a CUDA device, instead of `search`, never beside it",
    "ray": "galleries made on a Ray cluster (plugin ray)",
    "qdrant": "galleries searched by a server of Qdrant (plugin qdrant)",
    "serve": "the web page with the map",
    "imagery": "imagery from elsewhere: tile services, WMS, STAC, COGs at an address",
    "hub": "encoders from and to a hub",
    "ulog": "telemetry in PX4's ULog files",
    "matchers": "refiners by learned matchers, with weights of your own (plugin matchers)",
    "heif": "photos in HEIC, as telephones write them",
    "tensorboard": "TensorBoard logs beside the JSON ones",
    "wandb": "runs logged to Weights & Biases (plugin wandb)",
    "mlflow": "runs logged to MLflow (plugin mlflow)",
    "test": "what the test suite needs",
    "dev": "what contributors need: linters, type checker, benchmarks",
}
"""What an extra is good for, in words; its distributions are read from the metadata."""


def examine() -> dict[str, Any]:
    """Return what was found, as JSON-serialisable sections; imports torch, to ask it."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    path = cache_dir()
    # Where it does not exist yet, the nearest folder above it counts.
    existing = next(folder for folder in (path, *path.parents) if folder.exists())
    writable = existing.is_dir() and os.access(existing, os.W_OK)
    return {
        "georet": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpu": {"count": os.cpu_count(), "usable": usable},
        "torch": _torch(),
        "decoders": {name: _version(name) for name in ("simplejpeg", "opencv-python-headless")},
        "numba": _version("numba"),
        "extras": {extra: _extra(extra, found) for extra, found in extras().items()},
        "cache": {"path": str(path), "exists": path.is_dir(), "writable": writable},
    }


def extras() -> dict[str, list[str]]:
    """Return the distributions that each of georet's extras brings, from its metadata."""
    try:
        about = distribution("georet")
    except PackageNotFoundError:
        return {}
    needs = [Requirement(text) for text in about.requires or ()]
    names = about.metadata.get_all("Provides-Extra") or []
    return {name: sorted(_brought(name, needs)) for name in names}


def _brought(extra: str, needs: list[Requirement]) -> set[str]:
    """Return what an extra brings, through georet's extras that it names as well."""
    found = set()
    for need in needs:
        if not _is_for(need, extra):
            continue
        inner = need.extras if need.name == "georet" else ()
        found |= {need.name} if not inner else set().union(*(_brought(e, needs) for e in inner))
    return found


def _is_for(need: Requirement, extra: str) -> bool:
    marker = need.marker
    return (
        marker is not None
        and marker.evaluate({"extra": extra})
        and not marker.evaluate({"extra": ""})
    )


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _torch() -> dict[str, Any]:
    try:
        torch = importlib.import_module("torch")
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}
    devices = [
        {
            "name": torch.cuda.get_device_name(number),
            "device": f"cuda:{number}",
            "memory_gib": round(torch.cuda.mem_get_info(number)[1] / 2**30, 1),
            "bf16": torch.cuda.is_bf16_supported(),
        }
        for number in range(torch.cuda.device_count())
    ]
    if torch.backends.mps.is_available():
        devices.append({"name": "Apple GPU", "device": "mps"})
    return {"version": torch.__version__, "threads": torch.get_num_threads(), "devices": devices}


def _extra(extra: str, distributions: list[str]) -> dict[str, Any]:
    missing = [name for name in distributions if _version(name) is None]
    return {
        "present": not missing,
        "missing": missing,
        "brings": BRINGS.get(extra, ", ".join(distributions)),
        "install": f"pip install 'georet[{extra}]'",
    }
