"""OpenVINO's files: as near to torch as their precision, of unit length in each of them."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from georet.errors import MissingExtraError
from georet_export.artefact.artefact import read_artefact
from georet_export.artefact.session import open_session
from georet_export.onnx.openvino import MAIN, OpenvinoExporter

SIZE = (64, 64)


@pytest.fixture
def encoder(convnext, traced):
    return convnext


def exported(encoder, tools, tmp_path, precision):
    spec = tools.spec(encoder, SIZE, precision=precision)
    out = OpenvinoExporter().export(encoder, spec, tmp_path / precision)
    images = tools.images(6, SIZE, seed=3)
    embeddings = open_session(out, backend="openvino", threads=1).embed(images)
    assert np.linalg.norm(embeddings, axis=1) == pytest.approx(1, abs=1e-5)
    return read_artefact(out), (embeddings * tools.torch(encoder, images)).sum(axis=1).min()


def test_full_and_half_precision_keep_to_torch_and_differ_in_size(encoder, tools, tmp_path):
    full, least = exported(encoder, tools, tmp_path, "fp32")
    assert least > 1 - 1e-5
    half, least = exported(encoder, tools, tmp_path, "fp16")
    assert least > 0.9995
    assert sorted(full.files) == ["encoder.bin", MAIN]
    assert half.files["encoder.bin"]["bytes"] < 0.6 * full.files["encoder.bin"]["bytes"]
    assert full.manifest["onnx_sha256"] == half.manifest["onnx_sha256"]
    assert "openvino" in full.manifest["versions"]


@pytest.mark.slow
def test_int8_quantises_the_layers_and_not_the_unit_length(encoder, tools, tmp_path):
    found, least = exported(encoder, tools, tmp_path, "int8")
    assert least > 0.98
    assert found.manifest["quantised"]["fake_quantize_nodes"] > 20
    assert found.manifest["quantised"]["calibration_images"] == 128
    assert "nncf" in found.manifest["versions"]


@pytest.mark.parametrize(
    ("module", "precision", "extra"), [("openvino", "fp32", "openvino"), ("nncf", "int8", "int8")]
)
def test_a_missing_package_names_its_extra(module, precision, extra, tools, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    encoder = tools.tiny()
    spec = tools.spec(encoder, (32, 32), precision=precision)
    with pytest.raises(MissingExtraError, match=rf"(?s)needs {module}.*georet\[{extra}\]"):
        OpenvinoExporter().export(encoder, spec, tmp_path / "made")
    assert list(tmp_path.iterdir()) == []
