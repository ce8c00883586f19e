"""Hold every name of TensorRT that the exporter uses against TensorRT's real Python bindings.

    python .ci/trt_api_surface.py

The libraries of classic TensorRT need gigabytes and a GPU, its bindings neither: the wheel
``tensorrt-cu12-bindings`` is fetched by pip, and shared objects of empty functions stand in for the
libraries while it is imported. Nothing can be built that way, but every name is the real one.

Exits 1 where a name is absent, 3 where wheel or compiler can't be had.
"""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

SOURCES = Path(__file__).parents[1] / "export" / "georet_export"
VERSIONS = ("11.4.0.106", "10.13.3.9")
"""The newest, and the oldest that the extra ``trt`` allows."""
RTX_ONLY = {
    "ComputeCapability",
    "IBuilderConfig.num_compute_capabilities",
    "IBuilderConfig.set_compute_capability",
}
"""Names that TensorRT-RTX alone has; used only to compile for GPUs that are not at hand."""
CLASSES = {
    "builder": "Builder",
    "network": "INetworkDefinition",
    "parser": "OnnxParser",
    "complaint": "ParserError",
    "config": "IBuilderConfig",
    "profile": "IOptimizationProfile",
    "image": "ITensor",
    "self._runtime": "Runtime",
    "engine": "ICudaEngine",
    "context": "IExecutionContext",
}
"""What the exporter's files in ``trt/`` call an object, and the class that it is of."""
LIBRARIES = ("libnvinfer", "libnvinfer_plugin", "libnvonnxparser")
FUNCTIONS = (
    "createInferBuilder_INTERNAL",
    "createInferRefitter_INTERNAL",
    "createInferRuntime_INTERNAL",
    "createNvOnnxParser_INTERNAL",
    "createNvOnnxParserRefitter_INTERNAL",
    "getBuilderPluginRegistry",
    "getNvOnnxParserVersion",
    "getPluginRegistry",
    "initLibNvInferPlugins",
)
UNAVAILABLE = 3
LOOK_UP = """
import functools, importlib, json, sys

asked = json.load(sys.stdin)
trt = importlib.import_module(asked["module"])
absent = []
for name in asked["names"]:
    try:
        functools.reduce(getattr, name.split("."), trt)
    except AttributeError:
        absent.append(name)
try:
    trt.Builder(trt.Logger())
    start = "Builder() starts"
except TypeError as error:
    start = f"Builder() without a driver: {error}"
print(json.dumps({"version": trt.__version__, "absent": absent, "start": start}))
"""


def names_used() -> set[str]:
    """Return what the exporter takes from TensorRT: ``Builder``, ``Builder.create_network``..."""
    return {name for path in sorted(SOURCES.rglob("*.py")) for name in _names(path)}


def _names(path: Path) -> Iterator[str]:
    # The files gpu_* call their own objects ``engine`` too.
    is_own = path.parent.name == "trt" and not path.name.startswith("gpu_")
    classes = CLASSES if is_own else {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Attribute):
            continue
        owner, name = ast.unparse(node.value), node.attr
        if owner == "trt" or owner.startswith("trt."):
            yield f"{owner}.{name}".removeprefix("trt.")
        elif owner in classes:
            yield f"{classes[owner]}.{name}"


def look_up(module: str, names: set[str], **environment: str) -> dict[str, object]:
    """Import the module in a process of its own; return its version and the names it lacks."""
    asked = json.dumps({"module": module, "names": sorted(names)})
    done = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-c", LOOK_UP],
        input=asked,
        text=True,
        capture_output=True,
        env={**os.environ, **environment},
    )
    if done.returncode:
        sys.exit(f"{module} can't be imported:\n{done.stderr}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def classic(version: str, names: set[str], folder: Path) -> dict[str, object]:
    """Look the names up in the bindings of classic TensorRT of that version."""
    wheel = f"tensorrt-cu12-bindings=={version}"
    options = ["--quiet", "--no-deps", "--no-input", "--disable-pip-version-check"]
    _have(sys.executable, "-m", "pip", "install", *options, "--target", str(folder), wheel)
    source = folder / "empty.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in FUNCTIONS))
    for library in LIBRARIES:
        name = f"{library}.so.{version.partition('.')[0]}"
        soname = f"-Wl,-soname,{name}"
        _have("gcc", "-shared", "-fPIC", soname, "-o", str(folder / name), str(source))
    place = str(folder)
    return look_up("tensorrt_bindings", names, LD_LIBRARY_PATH=place, PYTHONPATH=place)


def _have(*command: str) -> None:
    """Run a command; exit with UNAVAILABLE and its words where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - fixed words
        complaint = done.stderr.strip() if done.returncode else ""
    except FileNotFoundError as error:
        complaint = str(error)
    if complaint:
        sys.stderr.write(f"can't be checked: {complaint}\n")
        sys.exit(UNAVAILABLE)


def main() -> None:
    """Check both flavours; print one line a flavour and the absent names."""
    names = names_used()
    shared = names - RTX_ONLY
    results = [(look_up("tensorrt_rtx", names), names)]
    for version in VERSIONS:
        with tempfile.TemporaryDirectory() as folder:
            results.append((classic(version, shared, Path(folder)), shared))
    for found, asked in results:
        version, start, absent = found["version"], found["start"], found["absent"]
        sys.stdout.write(f"{version}: {len(asked)} names, absent: {absent}; {start}\n")
    unused = RTX_ONLY - names
    sys.exit(any(found["absent"] for found, _ in results) or bool(unused))


if __name__ == "__main__":
    main()
