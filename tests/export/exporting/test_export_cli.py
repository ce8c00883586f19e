"""``georet export``: formats, folders, verdicts, and what it says when it can't."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import timm
import torch

from georet.cli import main
from georet.encoder import Encoder
from georet.plugins import Selection
from georet.run_layout import ARTEFACT
from georet.sessions import SessionSpec
from georet_export.artefact.artefact import read_artefact
from georet_export.fidelity import judge as fidelity
from georet_export.fidelity.gate import Verdict
from georet_export.onnx import exporter as onnx_exporter
from georet_export.onnx.writer import write_onnx

PLUGINS = "--plugins=sample4geo,georet.testing.plugin"
OBSERVER = """
from georet import hookimpl

@hookimpl
def georet_export_end(artefact):
    (artefact.parent / "seen.txt").write_text(artefact.name)
"""


@pytest.fixture(autouse=True)
def traced_once(monkeypatch, tmp_path_factory):
    """Trace each encoder once; what the file says about itself is written anew."""
    cache: Path = tmp_path_factory.getbasetemp() / "traced"
    cache.mkdir(exist_ok=True)

    def write(encoder: Encoder, spec, path):
        identity = spec.identities[spec.view]
        known = cache / f"{identity.weights_sha256}-{spec.view}-{spec.precision}.onnx"
        facts = known.with_suffix(".json")
        if not known.exists():
            facts.write_text(json.dumps(write_onnx(encoder, spec, known)))
        shutil.copy(known, path)
        return json.loads(facts.read_text())

    monkeypatch.setattr(onnx_exporter, "write_onnx", write)


def export(run, out, *arguments):
    return main(["export", str(run), PLUGINS, "--out", str(out), *arguments])


def test_a_run_is_exported_judged_and_opened_by_any_view(tiny_run, tmp_path, capsys):
    assert export(tiny_run, tmp_path) == 0
    text = capsys.readouterr().out
    assert str(tmp_path / "onnx-fp32") in text
    assert "gate passed" in text
    found = read_artefact(tmp_path / "onnx-fp32")
    assert found.views == ("query", "reference")
    assert found.fidelity["gate"]["passed"] is True
    origin = found.manifest["origin"]
    assert (origin["run"], origin["checkpoint"]) == (tiny_run.name, "last")
    assert "georet.testing.plugin" in str(origin["plugins"])
    assert [p.name for p in tmp_path.iterdir()] == ["onnx-fp32"]
    for view in found.views:
        exported = SessionSpec(tmp_path / "onnx-fp32", view).open()
        trained = SessionSpec(
            tiny_run, view, selection=Selection.of(("sample4geo", "georet.testing.plugin"))
        ).open()
        images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
        assert exported.identity.is_comparable(trained.identity)
        assert exported.embed(images) == pytest.approx(trained.embed(images), abs=1e-6)


def test_separate_branches_are_separate_artefacts(separate_run, tmp_path, capsys):
    assert export(separate_run, tmp_path, "--json") == 0
    (outcome,) = json.loads(capsys.readouterr().out)
    folder = tmp_path / "onnx-fp32"
    assert [a["views"] for a in outcome["artefacts"]] == [["query"], ["reference"]]
    assert sorted(p.name for p in folder.iterdir()) == ["query", "reference"]
    weights = [
        {t.name: t.raw_data for t in onnx.load(folder / view / "encoder.onnx").graph.initializer}
        for view in ("query", "reference")
    ]
    assert weights[0].keys() == weights[1].keys()
    assert weights[0] != weights[1]
    assert SessionSpec(folder, "reference").open().identity.view == "reference"


def test_views_of_different_sizes_get_artefacts_of_their_own(start_tiny, tmp_path, capsys):
    run = start_tiny("sizes", "data.size.reference=[48,48]")
    capsys.readouterr()
    assert export(run, tmp_path, "--images=0", "--json") == 0
    (outcome,) = json.loads(capsys.readouterr().out)
    assert outcome["fidelity"] is None
    assert outcome["unjudged"] == "no comparison was asked for"
    sizes = {
        view: read_artefact(tmp_path / "onnx-fp32" / view).identity(view).size
        for view in ("query", "reference")
    }
    assert sizes == {"query": (32, 32), "reference": (48, 48)}


def test_several_formats_and_a_plugin_s_own_in_one_call(tiny_run, tmp_path, capsys):
    plugin = tmp_path / "mine.py"
    plugin.write_text(
        """
from georet import Component, hookimpl

class Note:
    def export(self, encoder, spec, out):
        out.mkdir(parents=True)
        (out / "note.txt").write_text(",".join(spec.identities))
        return out

@hookimpl
def georet_exporters():
    yield Component("note", Note, summary="A note")
"""
    )
    names = f"--plugins=sample4geo,georet.testing.plugin,{plugin}"
    call = ["export", str(tiny_run), names, "--out", str(tmp_path / "out")]
    assert main([*call, "--onnx", "--format=note"]) == 0
    assert "not compared with torch: the exporter note writes no" in capsys.readouterr().out
    assert (tmp_path / "out/note-fp32/note.txt").read_text() == "query,reference"
    assert (tmp_path / "out/onnx-fp32" / ARTEFACT).is_file()


def test_an_export_is_replaced_only_with_force(tiny_run, tmp_path, capsys):
    assert export(tiny_run, tmp_path, "--images=0") == 0
    assert export(tiny_run, tmp_path, "--images=0") == 2
    assert "--force replaces it" in capsys.readouterr().err
    before = read_artefact(tmp_path / "onnx-fp32")
    assert export(tiny_run, tmp_path, "--images=0", "--force", "--batch=1,2,4") == 0
    after = read_artefact(tmp_path / "onnx-fp32")
    assert (before.batch, after.batch) == ((1, 32, 128), (1, 2, 4))
    assert [p.name for p in tmp_path.iterdir()] == ["onnx-fp32"]


@pytest.fixture
def refused(monkeypatch):
    verdict = Verdict(passed=False, rule="never", found="nothing")
    monkeypatch.setattr(fidelity, "decide", lambda *_, **__: verdict)


def test_what_fails_its_gate_is_removed(tiny_run, tmp_path, refused, capsys):
    assert export(tiny_run, tmp_path) == 1
    captured = capsys.readouterr()
    assert "removed" in captured.out
    assert "--keep-failing" in captured.err
    assert list(tmp_path.iterdir()) == []


def test_what_fails_its_gate_is_kept_and_marked_on_request(tiny_run, tmp_path, refused, capsys):
    assert export(tiny_run, tmp_path, "--keep-failing") == 1
    assert "kept and marked" in capsys.readouterr().err
    found = read_artefact(tmp_path / "onnx-fp32")
    assert found.fidelity["gate"] == {"passed": False, "rule": "never", "found": "nothing"}


def test_a_failing_export_does_not_touch_the_one_that_stands(tiny_run, tmp_path, refused):
    assert export(tiny_run, tmp_path, "--images=0") == 0
    before = (tmp_path / "onnx-fp32" / ARTEFACT).read_bytes()
    assert export(tiny_run, tmp_path, "--force") == 1
    assert (tmp_path / "onnx-fp32" / ARTEFACT).read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["onnx-fp32"]


def test_observers_are_told(tiny_run, tmp_path):
    observer = tmp_path / "watch.py"
    observer.write_text(OBSERVER)
    names = f"--plugins=sample4geo,georet.testing.plugin,{observer}"
    out = tmp_path / "out"
    assert main(["export", str(tiny_run), names, "--out", str(out), "--images=0"]) == 0
    assert (out / "seen.txt").read_text() == "onnx-fp32"


WRONG = {
    "precision": (["--precision", "fp8"], 2, "fp32, fp16, int8"),
    "batch": (["--batch", "1,2"], 2, "'1,2' is not three numbers"),
    "words": (["--batch", "a,b,c"], 2, "is not three numbers"),
    "profile": (["--batch", "8,4,1"], 2, "does not ascend"),
    "checkpoint": (["--checkpoint", "first"], 2, "last or best"),
    "format": (["--format", "onxx"], 2, "onnx"),
    "target": (["--onnx", "--target", "sm86"], 2, "only a TensorRT plan"),
    "plugin": (["--no-plugin", "export", "--format", "onnx"], 2, "no 'onnx' among the exporters"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_options_are_named(case, tiny_run, tmp_path, capsys):
    arguments, code, text = WRONG[case]
    assert export(tiny_run, tmp_path / "out", *arguments) == code
    assert text in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_place_that_takes_no_export_is_named(tiny_run, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert export(tiny_run, tmp_path / "file", "--images", "0") == 3
    said = capsys.readouterr().err
    assert str(tmp_path / "file") in said
    assert "can't be written" in said


def test_a_folder_that_is_no_run_is_named(tmp_path, capsys):
    assert export(tmp_path, tmp_path / "out") == 3
    assert "there is no run here" in capsys.readouterr().err


def test_without_its_data_set_a_run_can_be_exported_unjudged(start_tiny, tmp_path, capsys):
    run = start_tiny("homeless")
    lost = "--set=dataset={name: datasets:pairs_csv, root: /nowhere}"
    assert export(run, tmp_path, lost) == 3
    assert "--images 0" in capsys.readouterr().err
    assert export(run, tmp_path, lost, "--images=0") == 0
    assert "not compared with torch" in capsys.readouterr().out


def test_a_plan_is_compiled_without_a_gpu_and_says_so(tiny_run, tmp_path, capsys):
    pytest.importorskip("tensorrt_rtx")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU, on which the plan is executed")
    assert export(tiny_run, tmp_path, "--trt", "--batch=1,2,4", "--target=sm86") == 0
    captured = capsys.readouterr()
    assert "tensorrt_rtx compiles ahead of time: no CUDA device" in captured.err
    assert "compiled, not executed: no CUDA device" in captured.out
    found = read_artefact(tmp_path / "trt-rtx-fp32")
    assert (found.format, found.targets, found.batch) == ("tensorrt_rtx", ("sm86",), (1, 2, 4))
    assert found.verified_on_gpu is False
    assert found.fidelity["of"] == "the ONNX file that the plan was compiled from"


def test_released_weights_export_like_a_run_of_one_s_own(tmp_path, capsys):
    network = timm.create_model("test_convnext", num_classes=0)
    torch.save(network.state_dict(), tmp_path / "released.pth")
    run, settings = tmp_path / "run", ["data.size={query: [32, 32], reference: [32, 32]}"]
    sets = [argument for setting in settings for argument in ("--set", setting)]
    call = ["import", "sample4geo", str(tmp_path / "released.pth"), "--model=test_convnext"]
    assert main([*call, "--out", str(run), *sets]) == 0
    data = f"--set=dataset={{name: tiny, root: {tmp_path / 'data'}, num_places: 8, size: 32}}"
    assert export(run, tmp_path / "out", data) == 0
    assert "gate passed" in capsys.readouterr().out
    found = read_artefact(tmp_path / "out/onnx-fp32")
    assert found.views == ("query", "reference")
    assert found.manifest["origin"]["recipe"] == "sample4geo/cvusa"
