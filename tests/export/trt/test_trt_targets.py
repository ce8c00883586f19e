"""Which flavour of TensorRT builds, for which GPUs, and what it says where it can't."""

from __future__ import annotations

import types

import pytest
import torch

from georet.errors import MissingExtraError, UsageError
from georet_export.artefact.errors import ExportError
from georet_export.trt import flavours as trt_flavours
from georet_export.trt.build import build_engine
from georet_export.trt.flavours import CLASSIC, RTX, choose_flavour, import_tensorrt
from georet_export.trt.targets import (
    DEFAULT_TARGETS,
    RTX_TARGETS,
    CudaProbe,
    parse_targets,
    probe_cuda,
)

NOTHING = CudaProbe(reason="no CUDA device (no driver)")
AMPERE = CudaProbe("sm86", "RTX A4000")
HOPPER = CudaProbe("sm90", "H100")


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("sm86,sm89", ("sm86", "sm89")),
        (["SM89", "sm86"], ("sm86", "sm89")),
        ("8.6, 12.0", ("sm86", "sm120")),
        ("sm_86,sm86", ("sm86",)),
        ("", DEFAULT_TARGETS),
        (None, DEFAULT_TARGETS),
    ],
)
def test_targets_are_read_in_any_spelling(text, targets):
    assert parse_targets(text) == targets


@pytest.mark.parametrize("target", ["sm90", "sm90a", "9.0", "sm100"])
def test_data_centre_gpus_are_sent_to_the_classic_flavour(target):
    with pytest.raises(UsageError, match="on the GPU machine itself") as caught:
        parse_targets(target)
    assert "data-centre" in caught.value.what


@pytest.mark.parametrize("target", ["sm61", "ampere", "sm8"])
def test_an_unknown_target_is_told_the_known_ones(target):
    with pytest.raises(UsageError, match="sm75, sm80, sm86, sm89, sm120, sm121"):
        parse_targets(["sm86", target])


def test_the_targets_are_those_of_the_installed_compiler():
    trt = pytest.importorskip("tensorrt_rtx")
    known = {name.lower() for name in vars(trt.ComputeCapability) if name.startswith("SM")}
    assert known == set(RTX_TARGETS)


@pytest.mark.parametrize(
    ("targets", "probe", "classic_is_there", "flavour", "reason"),
    [
        ((), NOTHING, True, RTX, "no CUDA device (no driver)"),
        ((), AMPERE, True, CLASSIC, "RTX A4000"),
        (("sm86",), AMPERE, True, CLASSIC, "RTX A4000"),
        (("sm86", "sm89"), AMPERE, True, RTX, "--target asks for sm86, sm89"),
        ((), AMPERE, False, RTX, "tensorrt is not installed"),
        (("sm90",), HOPPER, True, CLASSIC, "H100"),
    ],
)
def test_trt_chooses_a_flavour_and_says_why(
    targets, probe, classic_is_there, flavour, reason, monkeypatch
):
    monkeypatch.setattr(trt_flavours, "is_installed", lambda name: classic_is_there)
    choice = choose_flavour(targets, probe)
    assert choice.flavour == flavour
    assert reason in choice.reason


def test_a_foreign_target_that_no_flavour_builds_is_refused(monkeypatch):
    monkeypatch.setattr(trt_flavours, "is_installed", lambda name: True)
    with pytest.raises(UsageError, match="on the GPU machine itself"):
        choose_flavour(("sm90",), AMPERE)


def test_a_machine_without_a_gpu_says_so_in_one_sentence(monkeypatch):
    def init():
        raise RuntimeError("Found no NVIDIA driver on your system. Please download one.")

    monkeypatch.setattr(torch.cuda, "init", init)
    probe = probe_cuda()
    assert probe.target is None
    assert probe.reason == "no CUDA device (Found no NVIDIA driver on your system)"


def test_a_torch_without_cuda_says_so(monkeypatch):
    def init():
        raise AssertionError("Torch not compiled with CUDA enabled")

    monkeypatch.setattr(torch.cuda, "init", init)
    assert probe_cuda().reason == "no CUDA device (Torch not compiled with CUDA enabled)"


def test_a_missing_flavour_names_its_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tensorrt_rtx", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'georet\[trt-rtx\]'"):
        import_tensorrt(RTX)


def test_a_flavour_without_its_libraries_is_told_from_a_missing_one(tmp_path, monkeypatch):
    broken = tmp_path / "tensorrt.py"
    broken.write_text("raise ImportError('libnvinfer.so.11: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(__import__("sys").modules, "tensorrt", raising=False)
    with pytest.raises(ExportError, match=r"libnvinfer\.so\.11.*\n.*--force-reinstall"):
        import_tensorrt(CLASSIC)


def test_classic_tensorrt_without_a_driver_says_what_is_missing(tmp_path):
    """The words of the TypeError are those of the real bindings: see .ci/trt_api_surface.py."""

    def builder(logger):
        raise TypeError("pybind11::init(): factory function returned nullptr")

    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info
    relu = onnx.helper.make_node("Relu", ["image"], ["embedding"])
    tensors = [value(name, onnx.TensorProto.FLOAT, ["batch", 3]) for name in ("image", "embedding")]
    graph = onnx.helper.make_graph([relu], "encoder", tensors[:1], tensors[1:])
    path = tmp_path / "encoder.onnx"
    onnx.save(onnx.helper.make_model(graph), path)
    fake = types.SimpleNamespace(
        __name__="tensorrt", __version__="11.4.0", ILogger=type("ILogger", (), {}), Builder=builder
    )
    with pytest.raises(ExportError, match=r"no NVIDIA driver\n.*TensorRT-RTX compiles without"):
        build_engine(fake, path, (1, 2, 4))
