"""Executing a plan, by a stand-in for TensorRT that computes on the CPU; and on a GPU if any."""

from __future__ import annotations

import ctypes
import types

import numpy as np
import pytest
import torch

from georet.errors import DataError, UsageError
from georet.identity import EncoderIdentity
from georet_export.artefact.session_base import ArtefactSession
from georet_export.trt.engine import Engine

SIZE = (6, 5)
BATCH = (2, 4, 8)
PLAN = b"the plan"
IDENTITY = EncoderIdentity(
    weights_sha256="0" * 64,
    view="query",
    size=SIZE,
    embed_dim=3,
    resize_rule="bilinear-exact",
    precision="fp32",
    backend="tensorrt 11.4.0 cuda",
)


def mean_colours(images):
    means = images.reshape(len(images), -1, 3).mean(axis=1, dtype=np.float32)
    return means / np.linalg.norm(means, axis=1, keepdims=True)


class Context:
    """Does what an ``IExecutionContext`` does: reads and writes memory by address, in a profile."""

    def __init__(self, log):
        self.log, self.shape, self.addresses, self.batches = log, None, {}, []

    def set_input_shape(self, name, shape):
        if not BATCH[0] <= shape[0] <= BATCH[2]:
            self.log("ERROR", f"{name}: {shape[0]} is outside the profile")
            return False
        self.shape = shape
        return True

    def set_tensor_address(self, name, address):
        self.addresses[name] = address
        return True

    def execute_async_v3(self, stream_handle):
        self.batches.append(self.shape[0])
        source = (ctypes.c_uint8 * int(np.prod(self.shape))).from_address(self.addresses["image"])
        target = (ctypes.c_float * (3 * self.shape[0])).from_address(self.addresses["embedding"])
        images = np.frombuffer(source, np.uint8).reshape(self.shape)
        np.frombuffer(target, np.float32).reshape(-1, 3)[:] = mean_colours(images)
        return True


def fake_tensorrt(embedding=("FLOAT", 3), has_room=True):
    """Return a module with what ``Engine`` uses; ``context`` is the context that it hands out."""
    module = types.SimpleNamespace(__name__="tensorrt", __version__="11.4.0", context=None)
    tensors = {"image": ("UINT8", *SIZE, 3), "embedding": embedding}

    class Logger:
        pass

    class Runtime:
        def __init__(self, logger):
            self.logger = logger

        def deserialize_cuda_engine(self, plan):
            if plan != PLAN:
                self.logger.log("Severity.ERROR", "IRuntime::load: Error Code 1: Odd (wrong tag)")
                return None
            module.context = Context(self.logger.log) if has_room else None
            return types.SimpleNamespace(
                num_io_tensors=len(tensors),
                get_tensor_name=list(tensors).__getitem__,
                get_tensor_dtype=lambda name: f"DataType.{tensors[name][0]}",
                get_tensor_shape=lambda name: (-1, *tensors[name][1:]),
                create_execution_context=lambda: module.context,
            )

    module.ILogger, module.Runtime = Logger, Runtime
    return module


def images_of(num):
    return np.random.default_rng(num).integers(1, 256, (num, *SIZE, 3), dtype=np.uint8)


def session_on(trt):
    engine = Engine(trt, PLAN, IDENTITY, device="cpu")
    return ArtefactSession(engine.execute, IDENTITY, BATCH)


@pytest.mark.parametrize(
    ("num", "batches"), [(0, []), (1, [2]), (2, [2]), (8, [8]), (9, [8, 2]), (19, [8, 8, 3])]
)
def test_any_number_of_images_passes_in_parts_that_the_engine_takes(num, batches):
    trt = fake_tensorrt()
    images = images_of(num)
    found = session_on(trt).embed(images)
    assert found.shape == (num, 3)
    assert found.dtype == np.float32
    assert trt.context.batches == batches
    if num:
        assert np.allclose(found, mean_colours(images), atol=1e-6)


@pytest.mark.parametrize("num", [1, 9])
def test_one_call_outside_the_profile_is_refused_before_the_engine(num):
    trt = fake_tensorrt()
    with pytest.raises(UsageError, match="the artefact takes 2 to 8"):
        session_on(trt).embed_once(images_of(num))
    assert trt.context.batches == []


def test_an_engine_that_refuses_a_call_is_quoted():
    engine = Engine(fake_tensorrt(), PLAN, IDENTITY, device="cpu")
    with pytest.raises(DataError, match="failed on 9 images: image: 9 is outside the profile"):
        engine.execute(images_of(9))


def test_a_plan_that_tensorrt_refuses_is_quoted():
    with pytest.raises(DataError, match="can't be loaded: wrong tag"):
        Engine(fake_tensorrt(), b"another plan", IDENTITY, device="cpu")


@pytest.mark.parametrize("embedding", [("FLOAT", 4), ("HALF", 3)])
def test_an_engine_of_another_encoder_is_refused(embedding):
    with pytest.raises(DataError, match="not the encoder that its manifest describes"):
        Engine(fake_tensorrt(embedding), PLAN, IDENTITY, device="cpu")


def test_a_full_gpu_is_told():
    with pytest.raises(DataError, match="no room on the GPU"):
        Engine(fake_tensorrt(has_room=False), PLAN, IDENTITY, device="cpu")


def test_a_closed_session_executes_nothing():
    trt = fake_tensorrt()
    session = session_on(trt)
    session.close()
    with pytest.raises(UsageError, match="closed"):
        session.embed(images_of(2))
    assert trt.context.batches == []


@pytest.mark.gpu
@pytest.mark.parametrize("flavour", ["tensorrt", "tensorrt_rtx"])
def test_an_engine_on_a_gpu_gives_torch_s_embeddings(flavour, tmp_path):
    from georet.encoder import Branch, Encoder
    from georet.export_spec import ExportSpec
    from georet.testing.tiny_backbone import TinyBackbone
    from georet_export.artefact.artefact import read_artefact
    from georet_export.artefact.session import open_session
    from georet_export.trt.exporter import ClassicExporter, RTXExporter
    from georet_export.trt.flavours import CLASSIC
    from georet_export.trt.targets import RTX_TARGETS, probe_cuda

    probe = probe_cuda()
    if probe.target is None:
        pytest.skip(probe.reason)
    pytest.importorskip(flavour)
    if flavour != CLASSIC and probe.target not in RTX_TARGETS:
        pytest.skip(f"TensorRT-RTX doesn't compile for {probe.target}")
    torch.manual_seed(0)
    encoder = Encoder({"shared": Branch(TinyBackbone())}, logit_scale=1.0).eval()
    identity = EncoderIdentity("0" * 64, "query", (32, 32), encoder.embed_dim, "any", "fp32", "")
    spec = ExportSpec({"query": identity}, batch=(2, 4, 8), targets=(probe.target,))
    exporter = ClassicExporter() if flavour == CLASSIC else RTXExporter()
    folder = exporter.export(encoder, spec, tmp_path / "plan")
    assert read_artefact(folder).verified_on_gpu is True
    images = np.random.default_rng(0).integers(0, 256, (19, 32, 32, 3), dtype=np.uint8)
    with torch.inference_mode():
        wanted = encoder.embed("query", torch.from_numpy(images)).numpy()
    found = open_session(folder, "query", flavour).embed(images)
    assert (found * wanted).sum(axis=1).min() > 0.999
