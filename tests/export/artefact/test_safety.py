"""ONNX files that point at other files are refused before a runtime, or onnx itself, opens them."""

from __future__ import annotations

import shutil
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

from georet.errors import IntegrityError, MissingExtraError, UsageError
from georet_export.artefact.artefact import read_artefact
from georet_export.artefact.errors import ExportError
from georet_export.artefact.external_data import check_onnx
from georet_export.artefact.session import open_session
from georet_export.artefact.writing import new_artefact
from georet_export.onnx.exporter import MAIN, OnnxExporter
from georet_export.onnx.writer import write_onnx

SECRET = "weights.bin"


def with_outside_tensor(location: str) -> onnx.ModelProto:
    """Return a valid model with one tensor of four floats in another file."""
    value = onnx.helper.make_tensor_value_info
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Add", ["x", "w"], ["y"])],
        "g",
        [value("x", onnx.TensorProto.FLOAT, [4])],
        [value("y", onnx.TensorProto.FLOAT, [4])],
        [tensor],
    )
    return onnx.helper.make_model(graph)


@pytest.fixture
def no_runtime(monkeypatch):
    """Fail the test if a runtime, or onnx with external data, sees a file."""

    def never(*arguments, **options):
        pytest.fail("the file was loaded")

    monkeypatch.setattr(onnxruntime, "InferenceSession", never)
    monkeypatch.setattr(onnx, "load", never)
    monkeypatch.setattr(onnx, "load_external_data_for_model", never)


PLACES = {
    "outside": (f"../{SECRET}", "outside the model's folder"),
    "deep": (f"sub/../../{SECRET}", "outside the model's folder"),
    "windows": (f"..\\{SECRET}", "outside the model's folder"),
    "absolute": (f"/etc/{SECRET}", "an absolute path"),
    "drive": (f"C:\\{SECRET}", "an absolute path"),
    "symbolic": ("symbolic.bin", "a symbolic link"),
    "hard": ("hard.bin", "a hard link"),
    "missing": ("missing.bin", "which is missing"),
    "beside": ("beside.bin", "'beside.bin'"),
}


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (tmp_path / SECRET).write_bytes(bytes(16))
    (path / "beside.bin").write_bytes(bytes(16))
    (path / "symbolic.bin").symlink_to(tmp_path / SECRET)
    (path / "hard.bin").hardlink_to(tmp_path / SECRET)
    return path


@pytest.mark.parametrize("place", PLACES)
def test_a_tensor_in_another_file_is_refused(place, folder, no_runtime):
    location, reason = PLACES[place]
    path = folder / "a.onnx"
    path.write_bytes(with_outside_tensor(location).SerializeToString())
    with pytest.raises(IntegrityError, match=f"tensor 'w' lies.*{reason}.*not opened"):
        check_onnx(path, where="a.onnx")
    with pytest.raises(IntegrityError, match="tensor 'w' lies in another file"):
        check_onnx(path.read_bytes(), where="a.onnx")


def hidden_in(kind: str) -> onnx.ModelProto:
    """Return a model with the tensor where a careless search overlooks it."""
    outer = with_outside_tensor(f"../{SECRET}")
    tensor = outer.graph.initializer[0]
    plain = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [], [])
    if kind == "attribute":
        plain.node.add().CopyFrom(onnx.helper.make_node("Constant", [], ["c"], value=tensor))
    elif kind == "subgraph":
        branch = onnx.helper.make_node("If", ["c"], ["z"], then_branch=outer.graph)
        plain.node.add().CopyFrom(branch)
    elif kind == "sparse":
        plain.sparse_initializer.add().values.CopyFrom(tensor)
    model = onnx.helper.make_model(plain)
    if kind == "function":
        function = model.functions.add(name="f", domain="d")
        function.node.add().CopyFrom(onnx.helper.make_node("Constant", [], ["c"], value=tensor))
    elif kind == "training":
        model.training_info.add().initialization.CopyFrom(outer.graph)
    return model


@pytest.mark.parametrize("kind", ["attribute", "subgraph", "sparse", "function", "training"])
def test_a_tensor_in_another_file_is_found_wherever_it_hides(kind, no_runtime):
    with pytest.raises(IntegrityError, match="lies in another file"):
        check_onnx(hidden_in(kind).SerializeToString(), where="a.onnx")


@pytest.mark.parametrize("content", [b"", b"no model", bytes(100)])
def test_what_is_no_model_is_refused(content):
    with pytest.raises(IntegrityError, match=r"a\.onnx: is no ONNX model"):
        check_onnx(content, where="a.onnx")


def test_an_artefact_of_valid_hashes_can_not_smuggle_another_file_in(tools, tmp_path, no_runtime):
    """Whoever can write the file can write its manifest; the check of the file is what helps."""
    spec, out = tools.spec(tools.tiny(), (32, 32)), tmp_path / "made"
    with new_artefact(out, spec, made_as="onnx", main=MAIN, packages=[]) as draft:
        content = with_outside_tensor("/etc/passwd").SerializeToString()
        (draft.folder / MAIN).write_bytes(content)
    for backend in ("onnxruntime", "openvino"):
        with pytest.raises(IntegrityError, match="an absolute path"):
            open_session(out, backend=backend)


@pytest.fixture(scope="module")
def artefact(tools, tmp_path_factory):
    encoder = tools.tiny()
    out = tmp_path_factory.mktemp("made") / "artefact"
    return OnnxExporter().export(encoder, tools.spec(encoder, (32, 32)), out)


def test_a_changed_file_reaches_no_runtime(artefact, tmp_path, no_runtime):
    copy = tmp_path / "copy"
    shutil.copytree(artefact, copy)
    content = bytearray((copy / MAIN).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / MAIN).write_bytes(content)
    for backend in ("auto", "onnxruntime", "openvino"):
        with pytest.raises(IntegrityError, match="is not the file that was exported"):
            open_session(copy, backend=backend)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((1, 32, 32, 3), np.float32),
        np.zeros((1, 3, 32, 32), np.uint8),
        np.zeros((32, 32, 3), np.uint8),
        np.zeros((1, 16, 32, 3), np.uint8),
    ],
)
def test_images_of_the_wrong_type_or_shape_are_refused_with_the_right_one(images, artefact):
    session = open_session(artefact, backend="onnxruntime")
    with pytest.raises(UsageError, match=r"wanted uint8\[B, 32, 32, 3\] \(RGB\)"):
        session.embed(images)


def test_the_file_of_the_artefact_is_what_was_hashed(artefact):
    found = read_artefact(artefact)
    assert found.read(MAIN) == (artefact / MAIN).read_bytes()


@pytest.mark.parametrize("module", ["onnx", "onnxscript", "onnxslim"])
def test_a_missing_package_names_its_extra(module, tools, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    encoder = tools.tiny()
    with pytest.raises(MissingExtraError, match=f"needs {module}, which is not installed") as error:
        write_onnx(encoder, tools.spec(encoder, (32, 32)), tmp_path / "x.onnx")
    assert "pip install 'georet[onnx]'" in str(error.value)


def test_an_invalid_graph_is_an_export_error(tools, tmp_path, monkeypatch):
    def objects(*arguments, **options):
        raise onnx.checker.ValidationError("no such operator")

    monkeypatch.setattr(onnx.checker, "check_model", objects)
    encoder = tools.tiny()
    with pytest.raises(ExportError, match="view query: the ONNX checker objects: no such operator"):
        write_onnx(encoder, tools.spec(encoder, (32, 32)), tmp_path / "x.onnx")
