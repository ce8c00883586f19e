"""``georet plugins new``: what it writes passes its own tests and the linters, and trains."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from georet.cli.app import run
from georet.components import KINDS
from georet.errors import ComponentError, DataError, UsageError

ROOT = Path(__file__).parents[2]


def check(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a tool in the new plugin's folder, as its author would after ``pip install -e``."""
    paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH"), str(folder)]))
    environment = {**os.environ, "PYTHONPATH": paths, "MYPYPATH": str(ROOT)}
    environment.pop("GEORET_PLUGINS", None)
    return subprocess.run(
        [sys.executable, "-m", *words], cwd=folder, env=environment, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new plugin with components of every kind."""
    folder = tmp_path_factory.mktemp("new") / "all-kinds"
    assert (
        run(["plugins", "new", "all_kinds", "--kinds", ",".join(KINDS), "--out", str(folder)]) == 0
    )
    return folder


@pytest.mark.slow
def test_a_plugin_with_every_kind_passes_its_own_tests_and_trains(every):
    done = check(every, "pytest", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in check(every, "pytest", "-q", "tests/test_training.py").stdout


def test_it_is_linted_and_formatted(every):
    for words in (["ruff", "check", "--no-cache", "."], ["ruff", "format", "--check", "."]):
        done = check(every, *words)
        if "No module named" in done.stderr:
            pytest.skip("ruff is not installed")
        assert done.returncode == 0, done.stdout


def test_of_two_components_of_a_kind_each_has_a_test_and_their_imports_stand_once(every):
    text = (every / "tests" / "test_transforms.py").read_text()
    assert text.count("def test_") == 2
    assert text.count("import check_transform") == 1


def test_executors_are_held_to_the_local_one(every):
    done = check(every, "pytest", "-q", "-p", "no:cacheprovider", "tests/test_executors.py")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "check_executor" in (every / "tests" / "test_executors.py").read_text()


@pytest.mark.slow
def test_its_types_hold(every):
    done = check(every, "mypy", "--follow-imports=silent", "--cache-dir", os.devnull)
    if "No module named" in done.stderr:
        pytest.skip("mypy is not installed")
    assert done.returncode == 0, done.stdout


def test_a_photo_is_located_with_what_it_brings(every, tmp_path, monkeypatch):
    """Source, refiner and format of the new plugin, through the command line."""
    from georet.facade import Gallery
    from georet.gallery.making.build import build_gallery
    from georet.plugins import Selection
    from georet.sources.opening import open_source
    from georet.testing.drawn_tiles import PixelSpec
    from georet.testing.pixel_session import PixelSession
    from georet.tiles.tiling import Tiling

    monkeypatch.syspath_prepend(str(every))
    named = "georet_all_kinds"
    source = open_source("any.board", Tiling(), selection=Selection.of([named]))
    gallery = Gallery.open(build_gallery(source, PixelSpec(), tmp_path / "g"))
    monkeypatch.setattr(
        "georet.commands.locating.open_encoder", lambda gallery, view, **_: PixelSession()
    )
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(gallery.thumbnail(3))
    outs = [str(tmp_path / "out.txt"), str(tmp_path / "out.json")]
    flags = ["--plugins", named, "--refine", "shift", "--out", outs[0], "--out", outs[1]]
    assert run(["locate", str(gallery.path), str(photo), *flags]) == 0
    assert str(photo) in Path(outs[0]).read_text()
    assert '"method": "re' in Path(outs[1]).read_text()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_asked_for_alone(kind, tmp_path):
    run(["plugins", "new", "mine", "--kinds", kind, "--out", str(tmp_path / "p")])
    code = (tmp_path / "p" / "georet_mine" / f"{kind}.py").read_text()
    compile(code, kind, "exec")
    hooks = (tmp_path / "p" / "georet_mine" / "__init__.py").read_text()
    assert f"georet_mine.{kind}:" in hooks
    assert "hookimpl" not in code
    assert (tmp_path / "p" / "tests" / f"test_{kind}.py").read_text().count("def test_") >= 1
    assert "entry-points.georet" in (tmp_path / "p" / "pyproject.toml").read_text()
    assert kind in (tmp_path / "p" / "README.md").read_text()


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (["My-Losses"], UsageError, "no name of a plugin"),
        (["sample4geo"], UsageError, "there is a plugin 'sample4geo' already"),
        (["mine", "--kinds", "losses,sampler"], ComponentError, "did you mean 'samplers'"),
        (["mine", "--out", "there"], UsageError, "is there already"),
        (["mine", "--out", "none/mine"], DataError, "no such folder"),
    ],
)
def test_what_cannot_be_written_is_refused(words, error, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    with pytest.raises(error, match=said):
        run(["plugins", "new", *words])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]


def test_its_folder_is_named_after_the_plugin(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run(["plugins", "new", "my_losses"])
    assert (tmp_path / "georet-my-losses" / "georet_my_losses" / "losses.py").is_file()
    assert "pip install -e 'georet-my-losses[test]'" in capsys.readouterr().out
