"""Sessions: one way to embed, whatever executes; nothing is loaded that didn't verify."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import pytest

from georet.cli import main
from georet.contracts.running import Session
from georet.errors import DataError, IntegrityError, MissingExtraError, UsageError
from georet.files import read_json
from georet.plugins import Selection
from georet.sessions import SessionSpec
from georet_export.artefact.artefact import amend, read_artefact
from georet_export.artefact.backends import OnnxRuntimeBackend, OpenVinoBackend
from georet_export.artefact.session import open_session
from georet_export.artefact.session_base import ArtefactSession

PLUGINS = ("sample4geo", "georet.testing.plugin")
SELECTION = Selection.of(PLUGINS)


@pytest.fixture(scope="module")
def images(tools):
    return tools.images(7, (32, 32))


@pytest.fixture
def artefact(exported_run, tmp_path):
    """An artefact that a test may damage."""
    return shutil.copytree(exported_run / "export/onnx-fp32", tmp_path / "onnx-fp32")


@pytest.fixture
def nothing_loads(monkeypatch):
    """Make both runtimes fail the test if a byte reaches them."""

    def refuse(*arguments, **options):
        pytest.fail("the runtime was given something")

    monkeypatch.setattr("onnxruntime.InferenceSession", refuse)
    monkeypatch.setattr("openvino.Core", refuse)


def opened(path, backend="auto", **options) -> Session:
    return open_session(path, "query", backend, plugins=PLUGINS, threads=1, **options)


@pytest.mark.parametrize(
    ("folder", "backend", "executed"),
    [
        ("", "auto", "torch"),
        ("", "torch", "torch"),
        ("export/onnx-fp32", "auto", "onnxruntime"),
        ("export/onnx-fp32", "onnxruntime", "onnxruntime"),
        ("export/onnx-fp32", "openvino", "openvino"),
        ("export/openvino-fp32", "auto", "openvino"),
    ],
)
def test_all_back_ends_give_the_same_embeddings(exported_run, images, folder, backend, executed):
    session = opened(exported_run / folder, backend)
    assert isinstance(session, Session)
    assert session.identity.backend.startswith(executed)
    assert session.embed(images) == pytest.approx(opened(exported_run).embed(images), abs=1e-5)


def test_identities_of_run_and_artefact_are_comparable(exported_run):
    identities = [opened(exported_run / f).identity for f in ("", "export/onnx-fp32")]
    assert identities[0].is_comparable(identities[1])


def test_a_spec_opens_what_the_function_opens(exported_run, images):
    path = exported_run / "export/onnx-fp32"
    session = SessionSpec(path, selection=SELECTION).open()
    assert np.array_equal(session.embed(images), opened(path).embed(images))


def test_more_images_than_the_profile_are_passed_in_parts_and_fewer_filled_up(exported_run, images):
    whole = opened(exported_run / "export/onnx-fp32")
    calls = []

    def execute(part):
        calls.append(len(part))
        return whole.embed_once(part)

    session = ArtefactSession(execute, whole.identity, (2, 2, 3))
    assert session.embed(images) == pytest.approx(whole.embed(images), abs=1e-6)
    assert calls == [3, 3, 2]
    assert session.embed(images[:0]).shape == (0, whole.identity.embed_dim)


@pytest.mark.parametrize("num", [1, 4])
def test_one_call_outside_the_profile_is_an_error(exported_run, images, num):
    whole = opened(exported_run / "export/onnx-fp32")
    session = ArtefactSession(whole.embed_once, whole.identity, (2, 2, 3))
    with pytest.raises(UsageError, match=f"{num} images at once, the artefact takes 2 to 3"):
        session.embed_once(images[:num])


@pytest.mark.parametrize("folder", ["", "export/onnx-fp32", "export/openvino-fp32"])
@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((2, 32, 31, 3), np.uint8),
        np.zeros((2, 3, 32, 32), np.uint8),
        np.zeros((32, 32, 3), np.uint8),
        np.zeros((2, 32, 32, 4), np.uint8),
        np.zeros((2, 32, 32, 3), np.float32),
        [np.zeros((32, 32, 3), np.uint8)] * 2,
        [[1], [2, 3]],
        "photo.jpg",
        None,
    ],
    ids=[
        "width",
        "channels first",
        "one image",
        "four channels",
        "floats",
        "list",
        "ragged",
        "name",
        "none",
    ],
)
def test_images_of_wrong_shape_or_type_are_refused(exported_run, folder, wrong):
    with pytest.raises(UsageError, match=r"wanted uint8\[B, 32, 32, 3\]"):
        opened(exported_run / folder).embed(wrong)


@pytest.mark.parametrize("folder", ["", "export/onnx-fp32"])
@pytest.mark.parametrize("threads", [0, -1])
def test_no_threads_are_too_few(exported_run, folder, threads):
    with pytest.raises(UsageError, match="at least 1"):
        open_session(exported_run / folder, plugins=PLUGINS, threads=threads)


def test_a_view_that_is_not_embedded_is_refused(exported_run, nothing_loads):
    with pytest.raises(UsageError, match="embeds the view query and reference, not 'drone'"):
        open_session(exported_run / "export/onnx-fp32", "drone", plugins=PLUGINS)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
@pytest.mark.parametrize("name", ["encoder.onnx", "artefact.json"])
def test_a_changed_byte_is_found_before_anything_is_loaded(artefact, nothing_loads, backend, name):
    path = artefact / name
    content = bytearray(path.read_bytes())
    place = content.find(b'"precision": "fp32"') + 15 if name == "artefact.json" else 999
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError):
        opened(artefact, backend)


def test_a_file_swapped_after_the_check_is_not_loaded(artefact, monkeypatch, nothing_loads):
    real = read_artefact

    def swap(path):
        found = real(path)
        (path / found.main).write_bytes(b"something else")
        return found

    monkeypatch.setattr("georet_export.artefact.session_base.read_artefact", swap)
    with pytest.raises(IntegrityError, match="not opened"):
        OnnxRuntimeBackend().open(artefact, "query")


def test_a_link_in_place_of_the_file_is_refused(artefact, tmp_path, nothing_loads):
    path = artefact / "encoder.onnx"
    path.rename(tmp_path / "elsewhere.onnx")
    path.symlink_to(tmp_path / "elsewhere.onnx")
    with pytest.raises(IntegrityError, match="link"):
        opened(artefact)


def test_a_failing_artefact_is_opened_only_when_that_is_allowed(artefact, images):
    gate = {"passed": False, "rule": "fp32", "found": "the least is 1 - 3e-2"}
    amend(artefact, fidelity={**(read_artefact(artefact).fidelity or {}), "gate": gate})
    with pytest.raises(UsageError, match=r"failed its fidelity gate.*3e-2"):
        opened(artefact)
    assert opened(artefact, allow_failing=True).embed(images).shape[0] == len(images)


def test_a_back_end_says_which_formats_it_executes(exported_run):
    path = exported_run / "export/openvino-fp32"
    assert OnnxRuntimeBackend().refuses(path) == "executes ONNX files, this is openvino"
    assert OpenVinoBackend().refuses(path) is None
    with pytest.raises(UsageError, match="of format openvino, this back end executes onnx"):
        opened(path, "onnxruntime")


def test_auto_says_of_every_back_end_why_it_does_not_execute(artefact, nothing_loads):
    content = read_json(artefact / "artefact.json")
    from georet_export.artefact.artefact import seal

    seal(artefact, {**content, "format": "exotic"})
    with pytest.raises(UsageError, match="no back end on this machine") as caught:
        opened(artefact)
    assert "onnxruntime: executes ONNX files, this is exotic" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("module", "backend", "extra"),
    [("onnxruntime", "onnxruntime", "onnx"), ("openvino", "openvino", "openvino")],
)
def test_a_missing_runtime_names_its_extra(artefact, monkeypatch, module, backend, extra):
    monkeypatch.setitem(sys.modules, module, None)
    opener = {"onnxruntime": OnnxRuntimeBackend, "openvino": OpenVinoBackend}[backend]
    with pytest.raises(MissingExtraError, match=module) as caught:
        opener().open(artefact, "query")
    assert f"georet[{extra}]" in str(caught.value.hint)


def test_openvino_computes_in_float32(exported_run, monkeypatch):
    import openvino

    asked = []
    real = openvino.Core.compile_model

    def spy(self, model, device, options):
        asked.append(options)
        return real(self, model, device, options)

    monkeypatch.setattr(openvino.Core, "compile_model", spy)
    opened(exported_run / "export/openvino-fp32")
    assert asked[0]["INFERENCE_PRECISION_HINT"] == "f32"
    assert asked[0]["INFERENCE_NUM_THREADS"] == 1


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (np.zeros((2, 5), np.float32), "wanted float32"),
        (np.full((2, 32), np.nan, np.float32), "length nan"),
        (np.full((2, 32), 0.5, np.float32), "length 2.8"),
    ],
)
def test_embeddings_that_can_not_be_right_are_refused(exported_run, images, found, message):
    identity = opened(exported_run).identity
    with pytest.raises(DataError, match=message):
        ArtefactSession(lambda part: found, identity, (1, 2, 4)).embed(images[:2])


def test_a_closed_session_says_so(exported_run, images):
    session = opened(exported_run / "export/onnx-fp32")
    session.close()
    with pytest.raises(UsageError, match="closed"):
        session.embed(images)


def test_a_folder_that_is_neither_names_both(tmp_path):
    with pytest.raises(DataError, match=r"neither a run .* nor an exported artefact"):
        opened(tmp_path)


def test_the_command_prints_no_traceback_for_a_tampered_artefact(artefact, capsys):
    (artefact / "encoder.onnx").write_bytes(b"x")
    assert main(["benchmark", str(artefact), "--plugins", ",".join(PLUGINS)]) == 4
    assert "Traceback" not in capsys.readouterr().err
