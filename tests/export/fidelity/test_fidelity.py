"""Fidelity: cosines, first places and recall of an export beside those of torch."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from georet.cli import main
from georet.commands.training import rewrite_report
from georet.errors import ComponentError, UsageError
from georet.evaluate.embed import Embedder
from georet.evaluate.evaluator import evaluate_sets
from georet.plugins import Selection
from georet.sessions import TorchSession
from georet.train.run import reconfigure
from georet.train.saving import load_encoder
from georet.types import EvaluationSet, ImageTable
from georet_export.artefact.artefact import amend, read_artefact
from georet_export.fidelity.compare import compare, cosine
from georet_export.fidelity.evidence import Evidence, evidence_of
from georet_export.fidelity.judge import Judge
from georet_export.fidelity.recall import compare_hits, wilson

PLUGINS = ["sample4geo", "georet.testing.plugin"]
SELECTION = Selection.of(PLUGINS)


class Turned:
    """A session that turns the embedding of every third image a little, or its sign."""

    max_batch = None

    def __init__(self, inner, angle):
        self.inner, self.angle, self.identity = inner, angle, inner.identity

    def embed(self, images):
        found = self.inner.embed(images)
        side = np.roll(found[::3], 1, axis=1)
        side -= (side * found[::3]).sum(axis=1, keepdims=True) * found[::3]
        side /= np.linalg.norm(side, axis=1, keepdims=True)
        found[::3] = np.cos(self.angle) * found[::3] + np.sin(self.angle) * side
        return found

    def close(self):
        pass


@pytest.fixture(scope="module")
def judge(exported_run):
    config, plugins = reconfigure(exported_run / "config.yaml", selection=SELECTION)
    encoder = load_encoder(exported_run, "last", config, plugins)
    return Judge(encoder, config, plugins)


def sessions(judge, angle=0.0):
    views = ("query", "reference")
    return {v: Turned(TorchSession(judge.encoder, v, judge.config), angle) for v in views}


def test_an_exact_copy_changes_nothing(judge):
    found = judge.judge(sessions(judge), "fp32").as_json()
    assert found["cosine"]["min"] > 1 - 1e-7
    assert found["top1_agreement"] == 100
    assert (found["recall@1"]["lost"], found["recall@1"]["gained"]) == (0, 0)
    assert found["gate"]["passed"] is True
    assert found["is_whole_set"] is True


def test_recall_before_is_what_evaluation_says(judge):
    evidence = judge.evidence
    embedder = Embedder(judge.encoder, judge.config.data, 8)
    result = evaluate_sets(embedder, {evidence.name: evidence.data}, top_k=1)[evidence.name]
    found = judge.judge(sessions(judge), "fp32").as_json()
    assert found["recall@1"]["before"] == pytest.approx(result.metrics["recall@1"])


def test_what_was_turned_is_found_and_shown_first(judge):
    found = judge.judge(sessions(judge, 0.02), "fp32").as_json()
    assert found["cosine"]["min"] == pytest.approx(np.cos(0.02), abs=1e-6)
    assert found["gate"]["passed"] is False
    turned = {str(i) for _, table in judge.evidence.tables() for i in table.ids[::3]}
    assert {image["id"] for image in found["worst"]} <= turned
    cosines = [image["cosine"] for image in found["worst"]]
    assert cosines == sorted(cosines)


def test_one_exported_view_is_judged_beside_torchs_other_one(judge):
    both = sessions(judge, 0.02)
    found = judge.judge({"reference": both["reference"]}, "fp16").as_json()
    assert found["views"] == ["reference"]
    assert {image["view"] for image in found["worst"]} == {"reference"}


def test_a_view_that_the_evaluation_does_not_show_is_an_error(judge):
    with pytest.raises(UsageError, match="shows query, reference, not drone"):
        judge.judge({"drone": sessions(judge)["query"]}, "fp32")


def test_the_manifest_names_no_local_path(judge, exported_run):
    found = judge.judge(sessions(judge), "fp32", of="the ONNX file that the plan came from")
    text = json.dumps(found.as_json())
    assert "/" not in text.replace("1/", "")
    assert found.as_json()["of"] == "the ONNX file that the plan came from"
    assert any("executed: the ONNX file" in line for line in found.lines())


def test_an_export_leaves_its_fidelity_in_the_manifest(exported_run):
    for name in ("onnx-fp32", "openvino-fp32"):
        found = read_artefact(exported_run / "export" / name).fidelity
        assert found is not None
        assert found["gate"]["passed"] is True
        assert found["cosine"]["min"] > 1 - 1e-5
        assert found["executed"].startswith(name.partition("-")[0])


@pytest.mark.parametrize("num", [2, 7, 11])
def test_a_part_of_the_set_keeps_the_right_answers(judge, num):
    part = evidence_of(judge.config, judge.plugins, num_images=num)
    assert part.num_images <= max(num, 2 * len(part.data.queries))
    assert part.num_whole == judge.evidence.num_images
    whole = judge.evidence.data
    for row, identifier in enumerate(part.data.queries.ids):
        before = whole.positives[list(whole.queries.ids).index(identifier)]
        right = {whole.gallery.ids[i] for i in np.atleast_1d(before) if i >= 0}
        kept = {part.data.gallery.ids[i] for i in np.atleast_1d(part.data.positives[row]) if i >= 0}
        assert kept == right


def test_the_part_is_always_the_same(judge):
    parts = [evidence_of(judge.config, judge.plugins, num_images=8) for _ in range(2)]
    assert parts[0].data.queries.ids == parts[1].data.queries.ids
    assert parts[0].data.gallery.ids == parts[1].data.gallery.ids


def test_lists_of_positives_and_junk_are_renumbered_too(judge, monkeypatch):
    whole = judge.evidence.data
    listed = [[int(i) for i in np.atleast_1d(row) if i >= 0] for row in whole.positives]
    data = replace(whole, positives=listed, junk=np.arange(len(whole.gallery))[:3])

    class Listed:
        def evaluations(self):
            return {"listed": data}

    monkeypatch.setattr("georet.train.setup.make_dataset", lambda *a: Listed())
    part = evidence_of(judge.config, judge.plugins, num_images=8).data
    for row, identifier in enumerate(part.queries.ids):
        before = listed[list(whole.queries.ids).index(identifier)]
        assert [part.gallery.ids[i] for i in part.positives[row]] == [
            whole.gallery.ids[i] for i in before
        ]
    assert {part.gallery.ids[i] for i in part.junk} <= set(whole.gallery.ids[:3])


def test_one_image_is_too_few(judge):
    with pytest.raises(UsageError, match="can't judge by 1 images"):
        evidence_of(judge.config, judge.plugins, num_images=1)


def test_a_data_set_without_evaluation_can_not_judge(judge, monkeypatch):
    class Empty:
        def evaluations(self):
            return {}

    monkeypatch.setattr("georet.train.setup.make_dataset", lambda *a: Empty())
    with pytest.raises(ComponentError, match=r"evaluations\(\) returned no set"):
        evidence_of(judge.config, judge.plugins)


def table(names) -> ImageTable:
    return ImageTable(list(names), list(names), None, {}, "images")


def test_agreement_counts_the_same_first_place_right_or_wrong():
    data = EvaluationSet(table("ab"), table("xyz"), np.array([[0], [1]]), "vigor/same")
    evidence = Evidence("toy", replace(data, protocol="cvusa/sample4geo"), None, 5)
    gallery = np.eye(3, dtype=np.float32)
    before = (np.array([[1, 0.1, 0], [1, 0.5, 0]], np.float32), gallery)
    after = (np.array([[1, 0.2, 0], [0.5, 1, 0]], np.float32), gallery)
    found = compare(evidence, before, after)
    assert found.top1_agreement == 50
    assert (found.recall.before, found.recall.lost, found.recall.gained) == (1, 0, 1)


def test_cosines_are_computed_in_float64():
    row = np.full((1, 3), 1 / np.sqrt(3), np.float32)
    near = row + np.array([[1e-7, 0, 0]], np.float32)
    assert 0 < 1 - cosine(row, near)[0] < 1e-13


def test_wilson_agrees_with_published_figures():
    # Newcombe, Statistics in Medicine 17, 1998, table I, method 3.
    assert wilson(81, 263) == pytest.approx((25.53, 36.62), abs=0.01)
    assert wilson(15, 148) == pytest.approx((6.24, 16.05), abs=0.01)
    assert wilson(0, 20) == pytest.approx((0.0, 16.11), abs=0.01)
    assert wilson(1, 29) == pytest.approx((0.61, 17.18), abs=0.01)


def test_the_change_is_that_of_the_same_queries():
    before = np.array([True] * 60 + [False] * 40)
    after = np.concatenate([np.zeros(5, bool), np.ones(58, bool), np.zeros(37, bool)])
    change = compare_hits(before, after)
    assert (change.lost, change.gained, change.after) == (5, 3, 58)
    assert change.points == pytest.approx(-2.0)
    low, high = change.interval
    assert low < -2.0 < high
    assert low + high == pytest.approx(2 * 100 * (3 - 5) / 102)


def test_queries_that_do_not_change_leave_a_narrow_interval_that_is_not_empty():
    many = np.ones(2000, bool)
    low, high = compare_hits(many, many).interval
    assert -0.12 < low < 0 < high < 0.12


def test_the_interval_covers_the_true_change():
    rng = np.random.default_rng(0)
    lost, gained, num, covered = 0.06, 0.03, 300, 0
    for _ in range(1000):
        drawn = rng.random(num)
        before = drawn < 0.5
        after = before & (drawn >= lost) | (drawn > 1 - gained)
        low, high = compare_hits(before, after).interval
        covered += low <= 100 * (gained - lost) <= high
    assert 930 <= covered <= 975


def test_the_report_shows_figures_and_worst_images(exported_run, tmp_path):
    run_dir = shutil.copytree(exported_run, tmp_path / "run")
    path = run_dir / "export/onnx-fp32"
    found = read_artefact(path).fidelity
    gate = {"passed": False, "rule": "a rule", "found": "a finding"}
    amend(path, fidelity={**found, "gate": gate, "of": "something else"})
    page = rewrite_report(run_dir, selection=SELECTION).read_text()
    section = page.partition('<section id="exports"')[2].partition("</section>")[0]
    assert section.count("data:image/jpeg;base64") == 16
    for text in ("onnx-fp32", "openvino-fp32", "a rule; a finding", "Executed was something else"):
        assert text in section
    assert section.count(">failed<") == 1
    assert section.count(">passed<") == 1


def test_a_run_without_exports_has_no_such_section(tiny_run, tmp_path):
    run_dir = shutil.copytree(tiny_run, tmp_path / "run")
    assert 'id="exports"' not in rewrite_report(run_dir, selection=SELECTION).read_text()


def test_an_export_writes_the_report_anew(exported_run, tmp_path, capsys):
    run_dir = shutil.copytree(exported_run, tmp_path / "run")
    shutil.rmtree(run_dir / "export")
    options = ["--onnx", "--images", "8", "--plugins", ",".join(PLUGINS)]
    assert main(["export", str(run_dir), *options]) == 0
    assert f"report {run_dir}/report.html" in capsys.readouterr().err.replace("\n", "")
    assert 'id="exports"' in (run_dir / "report.html").read_text()
