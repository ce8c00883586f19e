"""``georet verify`` tells runs, galleries and artefacts apart, and names what differs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from georet.commands.judging import evaluate_run
from georet.commands.verifying import verify_folder
from georet.errors import DataError, IntegrityError
from georet.gallery.making.build import build_gallery
from georet.plugins import Selection
from georet.report.compare import compare
from georet.run_layout import CONFIG, VOUCHED
from georet.testing.drawn_tiles import DrawnTiles, PixelSpec

PLUGINS = Selection(("sample4geo", "georet.testing.plugin"))


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def test_a_run_and_a_gallery_are_told_apart(run: Path, tmp_path: Path) -> None:
    assert "a run" in verify_folder(run)
    gallery = build_gallery(DrawnTiles(6), PixelSpec(), tmp_path / "g")
    assert "all as written" in verify_folder(gallery)


def test_what_is_neither_is_refused_with_what_is_looked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"config\.yaml.*gallery\.json.*artefact\.json"):
        verify_folder(tmp_path)


def test_a_changed_configuration_is_found_wherever_the_run_is_judged(run: Path) -> None:
    text = (run / CONFIG).read_text()
    (run / CONFIG).write_text(text.replace("seed: 0", "seed: 1"))
    for read in (
        lambda: verify_folder(run),
        lambda: compare([run]),
        lambda: evaluate_run(run, selection=PLUGINS),
    ):
        with pytest.raises(IntegrityError, match=r"config\.yaml"):
            read()


def test_saved_results_are_vouched_for_beside_those_of_the_training(run: Path) -> None:
    before = verify_folder(run)
    evaluate_run(run, selection=PLUGINS, save_as="again")
    assert verify_folder(run) != before
    path = sorted((run / "evaluation" / "again").glob("*.json"))[0]
    path.write_text(path.read_text().replace("1", "2", 1))
    with pytest.raises(IntegrityError, match=path.name):
        compare([run])


def test_a_run_without_hashes_says_that_nothing_vouches_for_it(run: Path) -> None:
    (run / VOUCHED).unlink()
    with pytest.raises(DataError, match="nothing vouches"):
        verify_folder(run)
    assert compare([run])


def test_a_file_that_a_checkpoint_does_not_list_is_no_part_of_it(run: Path) -> None:
    checkpoint = next((run / "checkpoints").glob("step-*"))
    (checkpoint / "more.safetensors").write_bytes(b"?")
    with pytest.raises(IntegrityError, match=r"more\.safetensors"):
        verify_folder(run)


@pytest.mark.parametrize("read", ["report", "eval", "saved"])
def test_hashes_that_are_gone_from_a_finished_run_are_told(read: str, run: Path, capsys) -> None:
    (run / VOUCHED).unlink()
    if read == "report":
        compare([run])
    else:
        evaluate_run(run, selection=PLUGINS, save_as="x" if read == "saved" else None)
    assert f"{run / VOUCHED} is missing: nothing vouches" in capsys.readouterr().err
    # A list of the new results alone would look like one of all files.
    assert not (run / VOUCHED).exists()


def test_a_run_that_has_its_hashes_is_judged_without_a_word(run: Path, capsys) -> None:
    compare([run])
    assert "vouch" not in capsys.readouterr().err
