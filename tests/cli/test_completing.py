"""What a real bash completes when the script is sourced."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from georet.cli import completing

DRIVER = """
source {script}
COMP_WORDS=({words})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
COMP_LINE="${{COMP_WORDS[*]}}"
_georet_completion georet
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def bash(tmp_path, monkeypatch):
    """A function: the words of a line to what bash offers for the last of them."""
    if shutil.which("bash") is None:
        pytest.skip("no bash")
    (tmp_path / "bin").mkdir()
    command = tmp_path / "bin/georet"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m georet "$@"\n')
    command.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    script = tmp_path / "georet.bash"
    script.write_text(called(command, "completion", "bash"))

    def offered(*words: str) -> list[str]:
        quoted = " ".join(f"'{word}'" for word in ("georet", *words))
        text = DRIVER.format(script=script, words=quoted)
        done = subprocess.run(
            ["bash", "-c", text], env=environment, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.stderr == ""
        return done.stdout.split()

    return offered


def called(command: Path, *arguments: str) -> str:
    done = subprocess.run([command, *arguments], capture_output=True, text=True, check=True)
    return done.stdout


def test_bash_completes_commands_options_recipes_plugins_and_components(bash):
    assert bash("loc") == ["locate"]
    assert "verify" in bash("gallery", "")
    assert bash("train", "--resu") == ["--resume"]
    assert bash("train", "--recipe", "sample4geo/orbitview-r") == ["sample4geo/orbitview-relief"]
    assert bash("train", "--plugins", "sample4geo,orb") == ["sample4geo,orbitview"]
    assert bash("plugins", "show", "info_") == ["info_nce"]


def test_bash_completes_runs_for_a_run_and_galleries_for_a_gallery(bash, tmp_path):
    for folder, mark in {"runs/first": "config.yaml", "areas/town.gallery": "gallery.json"}.items():
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / mark).touch()
    assert bash("eval", "") == ["runs/first"]
    assert bash("locate", "ar") == ["areas/town.gallery"]
    assert bash("eval", "areas") == []


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_scripts_of_the_other_shells_ask_georet_as_well(shell):
    done = subprocess.run(
        [sys.executable, "-m", "georet", "completion", shell],
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"complete_{shell}" in done.stdout


def test_folders_that_can_not_be_read_or_are_hidden_are_passed_over(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden/config.yaml").touch()
    (tmp_path / "a").mkdir()
    (tmp_path / "a/config.yaml").touch()
    assert completing.runs("") == ["a"]
    assert completing.runs("./") == ["./a"]
    assert completing.runs(f"{tmp_path}/") == [f"{tmp_path}/a"]
    assert completing.runs("absent/") == []


def test_a_broken_plugin_spoils_no_completion(monkeypatch):
    monkeypatch.setenv("GEORET_PLUGINS", "no_such_plugin")
    assert completing.components("") == []
    assert completing.recipes("") == []
    assert completing.plugins("") == []
