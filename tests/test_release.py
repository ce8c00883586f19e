"""What a release consists of: versions that agree, workflows and images that name what is there."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCKERFILES = sorted((ROOT / "containers").glob("Dockerfile*"))
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))


def loaded(path: Path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_citation_has_the_projects_version():
    found = loaded(ROOT / ".ci/check_release.py").versions("0")
    assert found["CITATION.cff"] == found["pyproject.toml"]


def test_a_release_that_the_changelog_does_not_have_is_refused(capsys):
    assert loaded(ROOT / ".ci/check_release.py").main("999.0.0") == 1
    assert "CHANGELOG.md doesn't have version 999.0.0" in capsys.readouterr().err


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflows_call_only_what_is_there(path):
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"(?:\.ci/[\w.]+|tests/[\w./]+)", text)
    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []
    jobs = yaml.safe_load(text)["jobs"]
    for job in jobs.values():
        assert job.get("needs", next(iter(jobs))) in jobs
        assert job["steps"]


def test_the_templates_ask_for_what_the_doctor_says():
    form = yaml.safe_load((ROOT / ".github/ISSUE_TEMPLATE/bug.yml").read_text(encoding="utf-8"))
    asked = {item["id"]: item for item in form["body"]}
    assert "georet doctor --json" in asked["doctor"]["attributes"]["label"]


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.name)
def test_images_are_pinned_run_without_rights_and_are_watched(path):
    text = path.read_text(encoding="utf-8")
    assert all(re.fullmatch(r"\S+@sha256:[0-9a-f]{64}", base) for base in bases(text))
    user, last = text.rindex("\nUSER "), text.rindex("\nRUN ")
    assert re.match(r"\nUSER [1-9]\d*\n", text[user:])
    assert user > last
    assert "\nHEALTHCHECK " in text
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    sources = [name for line in copied for name in line.split()]
    assert [name for name in sources if not (ROOT / name).exists()] == []


def bases(text: str) -> list[str]:
    found = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
    assert found
    return found


def test_what_images_copy_is_not_ignored():
    kept = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.startswith("!")
    }
    for path in DOCKERFILES:
        text = path.read_text(encoding="utf-8")
        for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
            assert set(line.split()) <= kept
