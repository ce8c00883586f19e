"""The benchmark: everyone in turns, in processes of their own, compared with torch."""

from __future__ import annotations

import json
import re
import shutil
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from georet.cli import main
from georet.errors import DataError, IntegrityError, UsageError
from georet.plugins import Selection
from georet_export.benchmark.command import parse_batches
from georet_export.benchmark.contenders import Choice, find_contenders
from georet_export.benchmark.figures import CPU, WALL, Timing
from georet_export.benchmark.plot import plot
from georet_export.benchmark.run import Schedule, run_benchmark
from georet_export.benchmark.table import facts, speeds, values
from georet_export.benchmark.worker import Worker, peak_memory

SELECTION = Selection(("sample4geo", "georet.testing.plugin"))
CHOICE = Choice(selection=SELECTION)


@pytest.fixture(scope="module")
def result(exported_run):
    entries = find_contenders([exported_run], CHOICE)
    return run_benchmark(entries, Schedule(batches=(1, 3), seconds=0.1, num_images=16))


def test_a_run_brings_torch_and_all_its_exports_by_all_that_can_execute_them(result):
    names = [each.contender.name for each in result.measured]
    assert names == ["torch", "onnx-fp32 onnxruntime", "onnx-fp32 openvino", "openvino-fp32"]
    executed = [each.opened.identity.backend.split()[0] for each in result.measured]
    assert executed == ["torch", "onnxruntime", "openvino", "openvino"]


def test_everyone_is_timed_at_every_batch_in_every_round(result):
    assert len(result.measured) > 2
    for each in result.measured:
        assert sorted(each.timings) == [1, 3]
        for timing in each.timings.values():
            assert len(timing.rounds) == 10
            assert (timing.calls[WALL] > 0).all()
            assert timing.images_per_s() > 0


def test_everyone_finds_what_torch_finds(result):
    assert len(result.measured) > 2
    for each in result.measured:
        assert each.compared.cosine["min"] > 1 - 1e-5
        assert each.compared.top1_agreement == 100
        assert each.compared.recall.lost == 0


def test_memory_is_that_of_the_contender_alone(result):
    torch, *others = result.measured
    assert all(each.peak_memory >= each.opened.bare_memory > 1e6 for each in result.measured)
    # Torch is never imported where only a runtime executes.
    assert all(each.peak_memory < torch.peak_memory for each in others)


def test_torch_is_once_as_fast_as_itself(result):
    assert result.speedup(result.measured[0], 1, WALL) == 1.0
    assert result.speedup(result.measured[1], 1, CPU) > 0


def test_the_figures_can_be_read_by_programs(result):
    found = json.loads(json.dumps(values(result)))
    assert found["images"]["num_queries"] + found["images"]["num_references"] == 16
    torch, runtime, *_ = found["contenders"]
    assert torch["executed"].startswith("torch")
    assert torch["recall@1"]["before"] == runtime["recall@1"]["after"]
    assert runtime["artefact_bytes"] > 1000
    assert [b["batch"] for b in runtime["batches"]] == [1, 3]
    latency = runtime["batches"][0]["latency_ms"]
    assert latency["p50"] <= latency["p90"] <= latency["p99"]
    assert found["machine"]["cores"] >= 1


def test_the_tables_have_a_row_each(result):
    assert len(speeds(result).rows) == 8
    assert [row[0] for row in facts(result).rows] == [m.contender.name for m in result.measured]
    markdown = speeds(result).markdown().splitlines()
    assert len({line.count("|") for line in markdown}) == 1


def test_the_picture_stands_alone_and_names_everyone(result):
    picture = plot(result, "a <title>")
    root = ET.fromstring(picture)
    texts = ["".join(element.itertext()) for element in root.iter() if element.tag.endswith("text")]
    assert "a <title>" in texts
    assert {each.contender.name for each in result.measured} <= set(texts)
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")


def test_factors_are_medians_of_paired_rounds():
    slow = Timing(4, tuple(np.full((2, 3), t) for t in (0.2, 0.8, 0.2)))
    fast = Timing(4, tuple(np.full((2, 5), t) for t in (0.1, 0.4, 0.2)))
    assert fast.faster_than(slow, WALL) == pytest.approx(2.0)
    assert fast.images_per_s() == pytest.approx(20)
    assert fast.cpu_ms_per_image() == pytest.approx(50)
    assert list(fast.latency_ms()) == ["p50", "p90", "p99"]


def test_an_artefact_brings_the_run_in_whose_folder_it_lies(exported_run):
    entries = find_contenders([exported_run / "export/onnx-fp32"], CHOICE)
    assert [c.name for c in entries.contenders] == [
        "torch",
        "onnx-fp32 onnxruntime",
        "onnx-fp32 openvino",
    ]
    assert entries.run_dir is not None
    assert entries.run_dir.resolve() == exported_run.resolve()


def test_one_back_end_can_be_chosen(exported_run):
    choice = Choice(backends=["openvino"], selection=SELECTION)
    names = [c.name for c in find_contenders([exported_run], choice).contenders]
    assert names == ["torch", "onnx-fp32 openvino", "openvino-fp32"]


@pytest.mark.parametrize("wrong", [("--plot", "speed.png"), ("--seconds", "inf")])
def test_what_would_come_to_nothing_is_said_before_measuring(exported_run, wrong, capsys):
    assert main(["benchmark", str(exported_run), *wrong]) == 2
    assert wrong[0] in capsys.readouterr().err


def test_a_back_end_that_there_is_not_is_named(exported_run):
    choice = Choice(backends=["onnxruntime", "onxruntime"], selection=SELECTION)
    with pytest.raises(UsageError, match="no back end 'onxruntime'"):
        find_contenders([exported_run], choice)


def test_artefacts_that_lie_elsewhere_are_timed_on_noise(exported_run, tmp_path):
    shutil.copytree(exported_run / "export/onnx-fp32", tmp_path / "alone")
    entries = find_contenders([tmp_path / "alone"], Choice(["onnxruntime"], selection=SELECTION))
    assert entries.run_dir is None
    found = run_benchmark(entries, Schedule(batches=(2,), seconds=0.05))
    assert found.baseline is None
    assert found.evidence is None
    assert facts(found).rows[0][3:] == ("\N{EN DASH}",) * 4
    assert speeds(found).rows[0][-1] == "\N{EN DASH}/\N{EN DASH}"


def test_a_batch_over_the_profile_is_refused(exported_run):
    entries = find_contenders([exported_run], Choice(["onnxruntime"], selection=SELECTION))
    with pytest.raises(UsageError, match=r"200 images at once, .* takes at most 128"):
        run_benchmark(entries, Schedule(batches=(200,), seconds=0.05, num_images=4))


def test_an_artefact_of_another_run_is_not_compared_with_this_one(exported_run, separate_run):
    path = exported_run / "export/onnx-fp32"
    entries = find_contenders([path], Choice(["onnxruntime"], selection=SELECTION), separate_run)
    with pytest.raises(UsageError, match="its weights differ"):
        run_benchmark(entries, Schedule(batches=(1,), seconds=0.05, num_images=4))


def test_a_changed_artefact_takes_no_part(exported_run, tmp_path):
    path = shutil.copytree(exported_run / "export/onnx-fp32", tmp_path / "changed")
    (path / "encoder.onnx").write_bytes(b"x")
    with pytest.raises(IntegrityError):
        find_contenders([path], CHOICE)


def test_an_error_in_the_other_process_is_raised_here(tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((1, 32, 32, 3), np.uint8))
    with pytest.raises(DataError, match="neither a run"):
        Worker(Choice(selection=SELECTION).spec(tmp_path, "auto"), tmp_path / "images.npy")


def test_a_process_that_dies_is_an_error_and_not_a_wait(exported_run, tmp_path):
    np.save(tmp_path / "images.npy", np.zeros((1, 32, 32, 3), np.uint8))
    spec = CHOICE.spec(exported_run / "export/onnx-fp32", "onnxruntime")
    worker = Worker(spec, tmp_path / "images.npy")
    worker._child.kill()
    with pytest.raises(DataError, match="the process that measured was killed by SIGKILL"):
        worker.time(1, 0.1)
    worker.close()


def test_what_nothing_here_can_execute_is_named_with_reasons(exported_run, tmp_path):
    choice = Choice(["tensorrt_rtx"], selection=SELECTION)
    path = shutil.copytree(exported_run / "export/onnx-fp32", tmp_path / "alone")
    with pytest.raises(UsageError, match="nothing here can be executed") as caught:
        find_contenders([path], choice)
    assert re.search(r"alone by tensorrt_rtx: .*", str(caught.value.hint))


def test_a_folder_that_is_neither_is_an_error(tmp_path):
    with pytest.raises(DataError, match="neither a run"):
        find_contenders([tmp_path], CHOICE)


@pytest.mark.parametrize("text", ["", "0", "1,-2", "one", "1.5"])
def test_batches_must_be_numbers_of_images(text):
    with pytest.raises(UsageError, match="are no numbers of images"):
        parse_batches(text)


def test_batches_are_ascending_and_once():
    assert parse_batches("8, 1,32 8") == (1, 8, 32)


def test_peak_memory_counts_what_was_let_go_again():
    held = np.ones(256 << 20, np.uint8)
    del held
    assert peak_memory() >= 256 << 20


def test_the_command_prints_json_and_draws(exported_run, tmp_path, capsys):
    picture = tmp_path / "speed.svg"
    path = str(exported_run / "export/onnx-fp32")
    options = ["--backend", "onnxruntime", "--batch", "1", "--seconds", "0.05", "--images", "0"]
    options += ["--json", "--plot", str(picture), "--plugins", "sample4geo,georet.testing.plugin"]
    assert main(["benchmark", path, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [c["name"] for c in found["contenders"]] == ["torch", "onnx-fp32 onnxruntime"]
    assert found["contenders"][1]["cosine"] is None
    assert found["images"]["are_compared"] is False
    assert picture.read_text().startswith("<svg")
