"""The manifest vouches for every byte; nothing that was changed is handed to a runtime."""

from __future__ import annotations

import json
import os
import pickle
import shutil

import pytest

from georet.errors import DataError, IntegrityError, UsageError
from georet.export_spec import ExportSpec
from georet.run_layout import ARTEFACT
from georet_export.artefact.artefact import (
    OWN_HASH,
    amend,
    canonical_sha256,
    read_artefact,
    seal,
)
from georet_export.artefact.errors import ExportError
from georet_export.artefact.writing import new_artefact


@pytest.fixture
def spec(tools) -> ExportSpec:
    return tools.spec(tools.tiny(), (32, 32), origin={"run": "first"})


@pytest.fixture
def made(spec, tmp_path):
    """Return the folder of an artefact whose file no runtime would take."""
    out = tmp_path / "made"
    with new_artefact(out, spec, made_as="onnx", main="a.bin", packages=["torch"]) as draft:
        (draft.folder / "a.bin").write_bytes(b"content")
        (draft.folder / "b.bin").write_bytes(b"more")
        draft.facts["opset"] = 20
    return out


def rewrite(folder, **changes):
    """Change the manifest as someone does who computes its own hash again."""
    manifest = json.loads((folder / ARTEFACT).read_text()) | changes
    manifest[OWN_HASH] = canonical_sha256(manifest)
    (folder / ARTEFACT).write_text(json.dumps(manifest))


def test_what_was_written_is_read_back(made, spec):
    found = read_artefact(made)
    assert (found.format, found.main, found.precision) == ("onnx", "a.bin", "fp32")
    assert (found.batch, found.targets, found.views) == ((1, 32, 128), (), ("query",))
    assert found.identity("query") == spec.identities["query"]
    assert found.files["b.bin"]["bytes"] == 4
    assert found.read("a.bin") == b"content"
    assert found.manifest["opset"] == 20
    assert found.manifest["origin"] == {"run": "first"}
    assert found.manifest["preprocessing"]["outside"]["resize_rule"] == "bilinear-exact"
    assert found.fidelity is None
    assert found.verified_on_gpu is None


def write_half(out, spec):
    with new_artefact(out, spec, made_as="onnx", main="a", packages=[]) as draft:
        (draft.folder / "a").write_bytes(b"half")
        raise KeyboardInterrupt


def test_an_interrupt_while_writing_leaves_no_artefact(spec, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "made", spec)
    assert list(tmp_path.iterdir()) == []


def test_an_artefact_is_never_overwritten(made, spec):
    with (
        pytest.raises(DataError, match="exists already"),
        new_artefact(made, spec, made_as="onnx", main="a", packages=[]),
    ):
        pass
    assert read_artefact(made).read("a.bin") == b"content"


def test_findings_are_added_under_a_new_hash(made):
    before = read_artefact(made).manifest[OWN_HASH]
    found = amend(made, fidelity={"gate": {"passed": True}})
    assert found.fidelity == {"gate": {"passed": True}}
    assert found.manifest[OWN_HASH] != before


@pytest.mark.parametrize("key", ["precision", "batch", "origin", "files"])
def test_a_changed_manifest_is_refused(key, made):
    manifest = json.loads((made / ARTEFACT).read_text())
    manifest[key] = "other"
    (made / ARTEFACT).write_text(json.dumps(manifest))
    with pytest.raises(IntegrityError, match=r"artefact\.json: was changed after"):
        read_artefact(made)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"version": 1}', "\0", "[" * 100_000])
def test_a_manifest_that_is_none_is_refused(text, made):
    (made / ARTEFACT).write_text(text)
    with pytest.raises(IntegrityError, match="is no readable manifest"):
        read_artefact(made)


@pytest.mark.parametrize("key", ["format", "main", "files", "identity", "batch", "targets"])
def test_a_manifest_without_what_every_one_has_is_refused(key, made):
    rewrite(made, **{key: None})
    with pytest.raises(IntegrityError, match=f"lacks '{key}'"):
        read_artefact(made)


def test_a_changed_file_is_refused(made):
    (made / "a.bin").write_bytes(b"CONTENT")
    with pytest.raises(IntegrityError, match=r"a\.bin: is not the file that was exported"):
        read_artefact(made)


def test_a_file_changed_after_the_check_is_refused_too(made):
    found = read_artefact(made)
    (made / "a.bin").write_bytes(b"CONTENT")
    with pytest.raises(IntegrityError, match="is not the file"):
        found.read("a.bin")


def test_a_missing_file_is_named(made):
    (made / "b.bin").unlink()
    with pytest.raises(IntegrityError, match=r"b\.bin: is missing"):
        read_artefact(made)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_in_the_place_of_a_file_is_refused(link, made, tmp_path):
    outside = tmp_path / "outside"
    shutil.copy(made / "a.bin", outside)
    (made / "a.bin").unlink()
    link(outside, made / "a.bin")
    with pytest.raises(IntegrityError, match="link"):
        read_artefact(made)


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_a_link_in_the_place_of_the_manifest_is_refused(link, made, tmp_path):
    (made / ARTEFACT).rename(tmp_path / "outside.json")
    link(tmp_path / "outside.json", made / ARTEFACT)
    with pytest.raises(IntegrityError, match="link"):
        read_artefact(made)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "sub/a.bin", "..", ".", "", "C:\\a", "..\\a", "a\0b"]
)
def test_a_path_in_the_place_of_a_name_is_refused(name, made, tmp_path):
    (tmp_path / "secret").write_bytes(b"content")
    entry = read_artefact(made).files["a.bin"]
    rewrite(made, files={name: entry}, main=name)
    with pytest.raises(IntegrityError, match="which is a path and no file name"):
        read_artefact(made)
    with pytest.raises(IntegrityError, match="which is a path and no file name"):
        seal(made, {"files": [name]})


def test_another_version_says_to_export_again(made):
    rewrite(made, version=99)
    with pytest.raises(DataError, match="has version 99") as caught:
        read_artefact(made)
    assert "georet export" in str(caught.value)


def test_a_folder_without_manifest_is_no_artefact(tmp_path):
    with pytest.raises(DataError, match="there is no exported artefact here"):
        read_artefact(tmp_path)


def test_a_view_that_it_does_not_embed_is_refused(made):
    with pytest.raises(DataError, match="embeds query, not 'reference'"):
        read_artefact(made).identity("reference")


@pytest.mark.parametrize("batch", [(0, 1, 2), (1, 8, 4), (2, 1, 8)])
def test_a_profile_that_does_not_ascend_is_refused(batch, tools):
    with pytest.raises(UsageError, match="does not ascend"):
        tools.spec(tools.tiny(), (32, 32), batch=batch)


def test_an_unknown_precision_is_refused_with_those_that_there_are(tools):
    with pytest.raises(UsageError, match="fp32, fp16, int8"):
        tools.spec(tools.tiny(), (32, 32), precision="fp8")


def test_an_export_error_names_operator_and_node_and_travels_between_processes():
    error = ExportError("too big", node="conv_1", operator="Conv", hint="Make it smaller.")
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error) == "operator Conv node 'conv_1': too big\n  Make it smaller."
    assert (again.node, again.operator, again.reason) == ("conv_1", "Conv", "too big")
