"""The names that the exporter takes from TensorRT, held against the real bindings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / ".ci" / "trt_api_surface.py"
CANNOT_BE_HAD = 3


def test_every_name_exists_in_both_flavours_and_in_their_versions():
    pytest.importorskip("tensorrt_rtx")
    if not SCRIPT.is_file():
        pytest.skip(f"{SCRIPT} comes with a checkout only")
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True)
    if done.returncode == CANNOT_BE_HAD:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.partition(".")[0] for line in lines] == ["1", "11", "10"]
    assert all("absent: []" in line for line in lines)
    # What test_trt_targets.py takes for granted about a machine without a driver.
    words = "pybind11::init(): factory function returned nullptr"
    assert all(line.endswith(words) for line in lines[1:])


def test_a_name_that_does_not_exist_is_found(tmp_path):
    if not SCRIPT.is_file():
        pytest.skip(f"{SCRIPT} comes with a checkout only")
    pytest.importorskip("tensorrt_rtx")
    (tmp_path / "trt").mkdir()
    (tmp_path / "trt" / "new.py").write_text(
        "def build(trt, builder):\n"
        "    builder.create_builder_confg()\n"
        "    return trt.BuilderFlag.FP16, trt.BuilderFlag.TF32\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(SCRIPT.parent)!r})\n"
        "import pathlib, trt_api_surface as surface\n"
        f"surface.SOURCES = pathlib.Path({str(tmp_path)!r})\n"
        "print(surface.look_up('tensorrt_rtx', surface.names_used())['absent'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['Builder.create_builder_confg', 'BuilderFlag.FP16']"
