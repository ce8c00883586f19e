"""Help and listing are light: they import nothing heavy."""

from __future__ import annotations

import json

import pytest

HEAVY = (
    *("torch", "numba", "numpy", "scipy", "cv2", "PIL", "timm", "matplotlib", "georet.config"),
    *("onnx", "onnxruntime", "openvino", "pyarrow", "rasterio", "faiss", "fastapi", "uvicorn"),
)
"""Typer imports pydantic itself; georet's own models stay out."""


COMMANDS = (
    *("train", "eval", "score", "report", "locate", "serve", "demo", "export", "benchmark"),
    *("gallery", "gallery build", "gallery info", "gallery bench", "gallery calibrate"),
    *("photo", "photo info"),
)


@pytest.mark.parametrize(
    "arguments",
    [
        *(["--help"], ["plugins"], ["plugins", "--json"], ["--version"]),
        *([*command.split(), "--help"] for command in COMMANDS),
    ],
    ids=" ".join,
)
def test_light_commands_import_nothing_heavy(python, arguments):
    code = f"""
import json, sys
from georet.cli import main
assert main({arguments!r}) == 0
print("\\n" + json.dumps([name for name in {HEAVY!r} if name in sys.modules]))
"""
    assert json.loads(python(code).splitlines()[-1]) == []


def test_the_package_itself_imports_no_plugin_and_nothing_heavy(python):
    code = """
import sys
import georet
print([n for n in sys.modules if n.startswith("georet_") or n in ("torch", "numpy", "typer")])
"""
    assert python(code) == "[]\n"
