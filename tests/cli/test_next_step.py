"""Long commands end with what to type next, and georet takes what they say."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from click.exceptions import UsageError

from georet.cli.app import command_line
from georet.progress import next_step

ROOT = Path(__file__).parents[2]
LONG = {
    "georet/commands/training.py": "train, fit",
    "georet/commands/judging.py": "eval",
    "georet/commands/building.py": "gallery build",
    "georet/commands/locating.py": "locate",
    "georet/commands/tracking.py": "track",
    "georet/cli/gallery.py": "gallery merge, join",
    "georet/cli/gallery_calibrate.py": "gallery calibrate",
    "georet/cli/gallery_bench.py": "gallery bench",
    "georet/cli/encoder.py": "encoder make",
    "georet/cli/push.py": "pull",
    "export/georet_export/exporting/command.py": "export",
    "export/georet_export/benchmark/command.py": "benchmark",
    "plugins/ortho/georet_ortho/adapting/cli.py": "adapt",
    "plugins/orientation/georet_orientation/cli.py": "data orient",
    "plugins/datasets/georet_datasets/cli.py": "data export, data check",
    "plugins/sample4geo/georet_sample4geo/importing.py": "import sample4geo",
}
"""Where commands that work for long end."""


def said(path: str) -> list[list[str]]:
    """Return the words of each ``next_step`` in a module; what is no literal is ``1``."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [
        [word for one in call.args for word in words_of(one)]
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "next_step"
    ]


def words_of(node: ast.expr) -> list[str]:
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.Starred) and getattr(node.value, "id", "") == "usual":
        return ["--side", "60m", "--out", "area.gallery"]
    return ["a=1"]


@pytest.mark.parametrize("path", LONG)
def test_georet_takes_what_the_end_of_a_long_command_says(path):
    calls = said(path)
    assert calls, f"{LONG[path]}: says nothing of what to type next"
    for words in calls:
        command, context, name = command_line(), None, "georet"
        try:
            while hasattr(command, "get_command"):
                context = command.make_context(name, [*words], parent=context)
                name, command, words = command.resolve_command(context, words)
            command.make_context(name, [*words], parent=context)
        except UsageError as error:
            pytest.fail(f"{path}: {error.format_message()}")


def test_nothing_else_says_it_in_words_of_its_own():
    for folder in ("georet", "plugins", "export"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name != "progress.py":
                assert "next: georet" not in path.read_text(encoding="utf-8"), path


def test_it_is_one_line_on_stderr_that_a_shell_reads_as_it_is_meant(capsys):
    next_step("locate", Path("my map.gallery"), "PHOTO")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "next: georet locate 'my map.gallery' PHOTO\n")
