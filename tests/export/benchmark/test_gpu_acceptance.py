"""The acceptance on a GPU: what it says where there is none, and what it accepts."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import pytest
import yaml

from georet.cli import main
from georet.commands.training import start_run
from georet.errors import DataError, UsageError
from georet.plugins import Selection
from georet_export.artefact.backends import open_onnx_file
from georet_export.benchmark import gpu_acceptance
from georet_export.benchmark.gpu_acceptance import (
    Acceptance,
    accept_on_gpu,
    available_flavours,
    is_accepted,
)
from georet_export.fidelity.compare import Compared
from georet_export.fidelity.recall import RecallChange
from georet_export.trt.exporter import ONNX
from georet_export.trt.targets import CudaProbe, probe_cuda

NOTHING = CudaProbe(reason="no CUDA device (no driver)")
AMPERE = CudaProbe("sm86", "RTX A4000")
HOPPER = CudaProbe("sm90", "H100")
SELECTION = Selection(("sample4geo", "georet.testing.plugin"))


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("accepted")
    config = {
        "dataset": {"name": "tiny", "root": str(folder / "data")},
        "data": {"size": {"query": [32, 32], "reference": [32, 32]}},
        "encoder": {"backbone": "georet.testing.plugin:tiny"},
        "losses": ["sample4geo:info_nce"],
        "sampler": "random",
        "train": {"epochs": 1, "batch_size": 8},
    }
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(config))
    start_run(selection=SELECTION, recipe="none", path=path, out=folder / "run")
    return folder / "run"


def compared(cosine=1.0, agreement=100.0) -> Compared:
    recall = RecallChange(num=10, before=5, lost=0, gained=0)
    return Compared({"min": cosine, "mean": 1.0, "p1": 1.0}, agreement, recall, ())


@pytest.mark.parametrize(
    ("precision", "found", "accepted"),
    [
        ("fp32", compared(), True),
        ("fp32", compared(cosine=0.9989), False),
        ("fp32", compared(cosine=math.nan), False),
        ("fp32", compared(agreement=99.9), False),
        ("fp16", compared(agreement=99.9), True),
        ("fp16", compared(agreement=97.9), False),
    ],
)
def test_an_engine_is_accepted_that_finds_the_same_places(precision, found, accepted):
    assert is_accepted(precision, found) is accepted


def test_a_machine_without_a_gpu_says_so_before_anything_else(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_acceptance, "probe_cuda", lambda: NOTHING)
    out = tmp_path / "gpu.json"
    with pytest.raises(UsageError, match="can't run on this machine: no CUDA device"):
        accept_on_gpu(Acceptance(tmp_path / "no run at all"), out)
    assert list(tmp_path.iterdir()) == []


def test_the_command_exits_with_2_and_writes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(gpu_acceptance, "probe_cuda", lambda: NOTHING)
    out = tmp_path / "gpu.json"
    assert main(["benchmark", str(tmp_path), "--gpu-acceptance", "--out", str(out)]) == 2
    assert NOTHING.reason in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize(
    ("probe", "installed", "flavours", "absent"),
    [
        (AMPERE, {"tensorrt", "tensorrt_rtx"}, ["tensorrt", "tensorrt_rtx"], []),
        (AMPERE, {"tensorrt_rtx"}, ["tensorrt_rtx"], ["tensorrt: not installed"]),
        (
            HOPPER,
            {"tensorrt", "tensorrt_rtx"},
            ["tensorrt"],
            ["tensorrt_rtx: doesn't compile for sm90"],
        ),
    ],
)
def test_every_flavour_that_can_build_for_the_gpu_takes_part(
    probe, installed, flavours, absent, monkeypatch
):
    monkeypatch.setattr(gpu_acceptance, "is_installed", installed.__contains__)
    assert available_flavours(probe) == (flavours, absent)


def test_a_gpu_without_a_flavour_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(gpu_acceptance, "is_installed", {"tensorrt_rtx"}.__contains__)
    with pytest.raises(UsageError, match="no TensorRT can build for this H100"):
        available_flavours(HOPPER)


def test_the_report_holds_gpu_versions_hashes_cosines_and_times(run_dir, tmp_path, monkeypatch):
    """Compiles for real; in place of the engines, ONNX Runtime executes their graphs."""

    def stand_in(artefact, view):
        session = open_onnx_file(artefact, ONNX, view)
        return SimpleNamespace(execute=session.embed_once, identity=session.identity)

    gpu = {"name": AMPERE.device, "target": AMPERE.target, "driver": "580.1"}
    monkeypatch.setattr(gpu_acceptance, "probe_cuda", lambda: AMPERE)
    monkeypatch.setattr(gpu_acceptance, "is_installed", {"tensorrt_rtx"}.__contains__)
    monkeypatch.setattr(gpu_acceptance, "load_engine", stand_in)
    monkeypatch.setattr(gpu_acceptance, "describe_gpu", lambda probe: gpu)
    monkeypatch.setattr(gpu_acceptance, "milliseconds", lambda engine, num: {"median": num / 8})
    out = tmp_path / "gpu.json"
    asked = Acceptance(run_dir, batches=(1, 8), num_images=20, selection=SELECTION)
    report = accept_on_gpu(asked, out)
    written = json.loads(out.read_text())
    assert written == json.loads(json.dumps(report))
    assert written["gpu"] == gpu
    assert written["versions"]["onnxruntime"]
    assert written["absent"] == ["tensorrt: not installed"]
    assert [engine["precision"] for engine in written["engines"]] == ["fp32", "fp16"]
    for engine in written["engines"]:
        (built,) = engine["built"]
        assert len(built["plan_sha256"]) == len(built["onnx_sha256"]) == 64
        assert engine["milliseconds"] == {"1": {"median": 0.125}, "8": {"median": 1.0}}
        assert engine["accepted"] is True
    assert written["accepted"] is True
    assert str(tmp_path) not in out.read_text()


def test_an_engine_that_fails_on_the_gpu_is_reported_and_not_accepted(
    run_dir, tmp_path, monkeypatch
):
    def fails(artefact, view):
        raise DataError("the engine can't be loaded: out of memory")

    monkeypatch.setattr(gpu_acceptance, "PRECISIONS", ("fp16",))
    monkeypatch.setattr(gpu_acceptance, "probe_cuda", lambda: AMPERE)
    monkeypatch.setattr(gpu_acceptance, "is_installed", {"tensorrt_rtx"}.__contains__)
    monkeypatch.setattr(gpu_acceptance, "load_engine", fails)
    monkeypatch.setattr(gpu_acceptance, "describe_gpu", lambda probe: {})
    asked = Acceptance(run_dir, batches=(1,), num_images=20, selection=SELECTION)
    report = accept_on_gpu(asked, tmp_path / "gpu.json")
    (engine,) = report["engines"]
    assert engine["error"] == "the engine can't be loaded: out of memory"
    assert engine["accepted"] is report["accepted"] is False
    assert (tmp_path / "gpu.json").is_file()


@pytest.mark.gpu
def test_this_machine_s_gpu_passes_the_acceptance(run_dir, tmp_path):
    probe = probe_cuda()
    if probe.target is None:
        pytest.skip(probe.reason)
    report = accept_on_gpu(Acceptance(run_dir, selection=SELECTION), tmp_path / "gpu.json")
    assert report["accepted"], report["engines"]
    assert all(
        times["median"] > 0 for e in report["engines"] for times in e["milliseconds"].values()
    )
