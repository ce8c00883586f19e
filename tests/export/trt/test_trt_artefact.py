"""A plan as an artefact: what its manifest says, who may load it, and what is refused."""

from __future__ import annotations

import json
import shutil

import numpy as np
import onnxruntime
import pytest
import torch

from georet.encoder import Branch, Encoder
from georet.errors import IntegrityError, UsageError
from georet.export_spec import ExportSpec
from georet.files import sha256_of
from georet.identity import EncoderIdentity
from georet.run_layout import ARTEFACT
from georet.testing.tiny_backbone import TinyBackbone
from georet_export.artefact.artefact import amend, read_artefact
from georet_export.artefact.backends import open_onnx_file
from georet_export.artefact.errors import ExportError
from georet_export.trt import backend as trt_backend
from georet_export.trt import engine as trt_engine
from georet_export.trt import exporter as trt_export
from georet_export.trt import verify as trt_verify
from georet_export.trt.backend import ClassicBackend, RTXBackend
from georet_export.trt.exporter import ONNX, PLAN, ClassicExporter, RTXExporter
from georet_export.trt.targets import CudaProbe

tensorrt_rtx = pytest.importorskip("tensorrt_rtx")

SIZE = (32, 32)
NOTHING = CudaProbe(reason="no CUDA device (no driver)")
AMPERE = CudaProbe("sm86", "RTX A4000")
HOPPER = CudaProbe("sm90", "H100")


def new_encoder() -> Encoder:
    torch.manual_seed(0)
    return Encoder({"shared": Branch(TinyBackbone())}, logit_scale=1.0).eval()


def spec_of(encoder, precision="fp32", **options) -> ExportSpec:
    identity = EncoderIdentity("0" * 64, "query", SIZE, encoder.embed_dim, "any", precision, "")
    return ExportSpec({"query": identity}, precision, batch=(1, 8, 32), **options)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Return an artefact that was compiled where there is no GPU."""
    encoder = new_encoder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trt_export, "probe_cuda", lambda: NOTHING)
        out = tmp_path_factory.mktemp("exports") / "plan"
        return RTXExporter().export(encoder, spec_of(encoder, targets=("sm86", "sm89")), out)


@pytest.fixture
def copied(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "copy")


@pytest.fixture
def loaded(monkeypatch):
    """Return what reached TensorRT; loading does nothing else."""
    seen = []

    class Nothing:
        execute = None

        def __init__(self, trt, plan, identity, *, device):
            self.identity = identity
            seen.append(plan)

        def overlap(self, most):
            return None

    monkeypatch.setattr(trt_engine, "Engine", Nothing)
    monkeypatch.setattr(trt_backend, "probe_cuda", lambda: AMPERE)
    return seen


def test_the_manifest_vouches_for_graph_and_plan(exported):
    artefact = read_artefact(exported)
    engine = artefact.manifest["engine"]
    assert (artefact.format, artefact.main) == ("tensorrt_rtx", PLAN)
    assert set(artefact.files) == {ONNX, PLAN}
    assert engine["plan_sha256"] == artefact.files[PLAN]["sha256"] == sha256_of(exported / PLAN)
    assert engine["onnx_sha256"] == artefact.files[ONNX]["sha256"] == sha256_of(exported / ONNX)
    assert engine["version"] == tensorrt_rtx.__version__
    assert engine["activation_bytes"] > 0
    assert engine["build_s"] > 0
    assert (artefact.targets, artefact.batch) == (("sm86", "sm89"), (1, 8, 32))


def test_the_manifest_says_that_nothing_was_executed(exported):
    manifest = read_artefact(exported).manifest
    assert manifest["verified_on_gpu"] is False
    assert manifest["status"].startswith("compiled, not executed: no CUDA device")


def test_a_gpu_that_the_plan_is_not_for_is_no_verification(tmp_path, monkeypatch):
    monkeypatch.setattr(trt_export, "probe_cuda", lambda: HOPPER)
    encoder = new_encoder()
    out = RTXExporter().export(encoder, spec_of(encoder, targets=("sm86",)), tmp_path / "plan")
    manifest = read_artefact(out).manifest
    assert manifest["verified_on_gpu"] is False
    assert "H100 is sm90, the engine is for sm86" in manifest["status"]


def test_the_graph_beside_the_plan_gives_torch_s_embeddings(exported):
    session = open_onnx_file(read_artefact(exported), ONNX, "query")
    images = np.random.default_rng(0).integers(0, 256, (5, *SIZE, 3), dtype=np.uint8)
    with torch.inference_mode():
        wanted = new_encoder().embed("query", torch.from_numpy(images)).numpy()
    assert (session.embed(images) * wanted).sum(axis=1).min() > 1 - 1e-5


def test_int8_compiles_from_a_graph_with_its_own_quantisation(tmp_path, monkeypatch):
    onnx = pytest.importorskip("onnx")
    monkeypatch.setattr(trt_export, "probe_cuda", lambda: NOTHING)
    encoder = new_encoder()
    images = np.random.default_rng(0).integers(0, 256, (16, *SIZE, 3), dtype=np.uint8)
    spec = spec_of(encoder, "int8", calibration=lambda num: images[:num])
    artefact = read_artefact(RTXExporter().export(encoder, spec, tmp_path / "plan"))
    kinds = {node.op_type for node in onnx.load(artefact.path / ONNX).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    assert set(artefact.files) == {ONNX, PLAN}
    assert artefact.precision == "int8"


@pytest.mark.parametrize("name", [PLAN, ONNX])
def test_a_changed_file_is_never_loaded(copied, loaded, name):
    content = bytearray((copied / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copied / name).write_bytes(content)
    with pytest.raises(IntegrityError, match="is not the file that was exported"):
        RTXBackend().open(copied, "query")
    assert loaded == []


def test_a_changed_manifest_is_never_believed(copied, loaded):
    manifest = json.loads((copied / ARTEFACT).read_text())
    manifest["targets"] = ["sm90"]
    (copied / ARTEFACT).write_text(json.dumps(manifest))
    with pytest.raises(IntegrityError, match="changed after it was written"):
        RTXBackend().open(copied, "query")
    assert loaded == []


def test_a_plan_without_a_manifest_is_never_loaded(copied, loaded):
    (copied / ARTEFACT).unlink()
    with pytest.raises(Exception, match="no exported artefact here"):
        RTXBackend().open(copied, "query")
    assert loaded == []


def test_a_sound_plan_is_loaded_from_the_bytes_that_were_verified(copied, loaded):
    session = RTXBackend().open(copied, "query")
    assert loaded == [(copied / PLAN).read_bytes()]
    assert session.max_batch == 32
    assert session.identity.backend == f"tensorrt_rtx {tensorrt_rtx.__version__} cuda"


def test_a_machine_without_a_gpu_refuses_in_the_words_of_the_probe(copied, loaded, monkeypatch):
    monkeypatch.setattr(trt_backend, "probe_cuda", lambda: NOTHING)
    assert RTXBackend().refuses(copied) == NOTHING.reason
    with pytest.raises(UsageError, match=r"can't execute the engine: no CUDA device \(no driver\)"):
        RTXBackend().open(copied, "query")
    assert loaded == []


def test_another_gpu_than_the_plan_s_is_refused(copied, loaded, monkeypatch):
    monkeypatch.setattr(trt_backend, "probe_cuda", lambda: HOPPER)
    assert RTXBackend().refuses(copied) == "the plan is for sm86, sm89, H100 is sm90"
    with pytest.raises(UsageError, match="H100 is sm90"):
        RTXBackend().open(copied, "query")
    assert loaded == []


def test_another_version_than_the_plan_s_is_refused(copied, loaded):
    engine = read_artefact(copied).manifest["engine"]
    amend(copied, engine={**engine, "version": "1.0.0"})
    assert "of tensorrt_rtx 1.0.0" in RTXBackend().refuses(copied)
    with pytest.raises(UsageError, match="is installed"):
        RTXBackend().open(copied, "query")
    assert loaded == []


def test_each_flavour_executes_its_own_plans_only(exported):
    assert ClassicBackend().refuses(exported) == (
        "executes plans of tensorrt, this is tensorrt_rtx"
    )


def test_an_engine_that_does_something_else_than_its_graph_is_not_kept(tmp_path, monkeypatch):
    class Wrong:
        def __init__(self, trt, plan, identity):
            self.embed_dim = identity.embed_dim

        def execute(self, images):
            return np.eye(len(images), self.embed_dim, dtype=np.float32)

    monkeypatch.setattr(trt_verify, "Engine", Wrong)
    monkeypatch.setattr(trt_export, "probe_cuda", lambda: AMPERE)
    encoder = new_encoder()
    with pytest.raises(ExportError, match="other embeddings than ONNX Runtime"):
        RTXExporter().export(encoder, spec_of(encoder, targets=("sm86",)), tmp_path / "plan")
    assert list(tmp_path.iterdir()) == []


def test_an_engine_that_does_what_its_graph_does_is_verified(tmp_path, monkeypatch):
    """ONNX Runtime stands in for the GPU."""

    class OnnxRuntime:
        def __init__(self, trt, plan, identity):
            path = next(tmp_path.glob(f".plan*/{ONNX}"))
            self.session = onnxruntime.InferenceSession(path)

        def execute(self, images):
            return self.session.run(None, {"image": images})[0]

    monkeypatch.setattr(trt_verify, "Engine", OnnxRuntime)
    monkeypatch.setattr(trt_export, "probe_cuda", lambda: AMPERE)
    encoder = new_encoder()
    out = RTXExporter().export(encoder, spec_of(encoder, targets=("sm86",)), tmp_path / "plan")
    manifest = read_artefact(out).manifest
    assert manifest["verified_on_gpu"] is True
    assert manifest["status"].startswith("executed on RTX A4000: least cosine to ONNX Runtime 1.0")


@pytest.mark.parametrize(
    ("probe", "targets", "words"),
    [
        (NOTHING, (), "only on a machine with a GPU; no CUDA device"),
        (AMPERE, ("sm89",), "builds for the GPU at hand, sm86, not for sm89"),
    ],
)
def test_classic_tensorrt_builds_for_the_gpu_at_hand_only(probe, targets, words):
    with pytest.raises(UsageError, match=words):
        ClassicExporter().targets(targets, probe)
    assert ClassicExporter().targets(("sm86",), AMPERE) == ("sm86",)
