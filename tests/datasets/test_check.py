"""``georet data check``: what is wrong with a tree's images, within a quota or beyond it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest_plugins = ["georet.testing.fixtures"]


@pytest.fixture
def root(tmp_path: Path, save_image) -> Path:
    """Return a tree in CVUSA's layout with a hundred images."""
    root = tmp_path / "tree"
    for split, numbers in (("train", range(1, 41)), ("val", range(41, 51))):
        path = root / f"splits/{split}-19zl.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"t/{n}.jpg,p/{n}.jpg,a/{n}.png\n" for n in numbers))
        for number in numbers:
            save_image(root / f"t/{number}.jpg", (32, 32))
            save_image(root / f"p/{number}.jpg", (16, 48))
    return root


def findings(outcome) -> list[tuple[str, str]]:
    found = json.loads(outcome.stdout)["findings"]
    return [(f["kind"], "/".join(Path(f["path"]).parts[-2:])) for f in found]


def test_an_intact_tree_is_recognised_and_has_no_finding(runner, root):
    outcome = runner("data", "check", root)
    assert outcome.exit_code == 0, outcome.stderr
    assert "Images of cvusa" in outcome.stdout
    assert "40 of 16 x 48" in outcome.stdout
    assert "0 of 100 images have a finding" in outcome.stdout


def test_each_kind_of_damage_is_a_finding(runner, root, save_image):
    truncated = root / "t/3.jpg"
    truncated.write_bytes(truncated.read_bytes()[:-200])
    (root / "p/4.jpg").write_bytes(b"")
    (root / "p/5.jpg").unlink()
    (root / "t/6.jpg").write_bytes((root / "t/2.jpg").read_bytes())
    (root / "t/7.jpg").write_text("<html>not found</html>")
    (root / "t/8.jpg").unlink()
    (root / "t/8.jpg").symlink_to("8.jpg")
    outcome = runner("data", "check", root, "--json")
    assert outcome.exit_code == 3
    assert sorted(findings(outcome)) == [
        ("duplicate", "t/6.jpg"),
        ("missing", "p/5.jpg"),
        ("missing", "t/8.jpg"),
        ("unreadable", "p/4.jpg"),
        ("unreadable", "t/3.jpg"),
        ("unreadable", "t/7.jpg"),
    ]
    found = json.loads(outcome.stdout)
    assert (found["num_images"], found["num_bad"], found["is_within_quota"]) == (100, 6, False)


def test_two_percent_pass_a_quota_of_five(runner, root):
    (root / "p/5.jpg").unlink()
    (root / "t/9.jpg").write_bytes(b"\xff\xd8\xff")
    assert runner("data", "check", root, "--quota", "0.01").exit_code == 3
    outcome = runner("data", "check", root, "--quota", "0.05")
    assert outcome.exit_code == 0
    assert "2 of 100 images have a finding (2.00%), within the quota of 5.00%" in outcome.stdout


def test_an_image_of_another_size_counts_when_asked_for(runner, root, save_image):
    save_image(root / "t/9.jpg", (32, 40))
    outcome = runner("data", "check", root, "--json")
    assert outcome.exit_code == 0
    assert json.loads(outcome.stdout)["sizes"]["train reference"] == {"32 x 32": 39, "32 x 40": 1}
    strict = runner("data", "check", root, "--json", "--same-size")
    assert strict.exit_code == 3
    assert findings(strict) == [("size", "t/9.jpg")]


def test_positions_at_zero_zero_are_findings(runner, root):
    (root / "split_locations").mkdir()
    lines = ["1,2,1,2,0\n"] * 49 + ["0,0,1,2,0\n"]
    (root / "split_locations/all.csv").write_text("".join(lines))
    outcome = runner("data", "check", root, "--json")
    assert outcome.exit_code == 3
    assert findings(outcome) == [("coordinates", "t/50.jpg")]


def test_positions_off_the_globe_end_the_check_with_their_line(runner, root):
    (root / "split_locations").mkdir()
    (root / "split_locations/all.csv").write_text("1,2,1,2,0\n" * 49 + "91,0,1,2,0\n")
    outcome = runner("data", "check", root)
    assert outcome.exit_code == 3
    assert "all.csv:50: sat_lat is 91" in outcome.stderr


def test_any_data_set_can_be_checked_by_name(runner, tmp_path):
    outcome = runner(
        *("data", "check", "--plugins", "georet.testing.plugin", "--dataset", "tiny"),
        *("--set", f"root={tmp_path}", "--set", "num_places=4", "--json"),
    )
    assert outcome.exit_code == 0, outcome.stderr
    assert json.loads(outcome.stdout)["dataset"] == "tiny"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "nothing to check"),
        (["nowhere"], "there is no such folder"),
        (["."], "looks like no layout that is known"),
        (["--dataset", "cvsua"], "did you mean"),
        (["--dataset", "cvusa", "--set", "rot=x"], "unknown key 'rot'"),
    ],
)
def test_a_call_that_can_not_be_understood_says_why(
    runner, tmp_path, monkeypatch, arguments, message
):
    monkeypatch.chdir(tmp_path)
    outcome = runner("data", "check", *arguments)
    assert outcome.exit_code == 2
    assert message in outcome.stderr.lower()
