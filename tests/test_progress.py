"""What strangers named can't steer the terminal, whichever way it is printed."""

from __future__ import annotations

import ast
import io
import json
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from georet.progress import console, echo, echo_json, one_line, printable, say

ROOT = Path(__file__).parents[1]
EVIL = {
    "a colour": "a\x1b[31mred",
    "a title of the window": "a\x1b]0;owned\x07b",
    "an 8-bit escape": "a\x9b31mred",
    "a carriage return": "good\rbad",
    "backspaces": "bad\x08\x08\x08good",
    "text turned right to left": "a\u202egnp.exe",
    "isolated direction": "a\u2066b\u2069",
    "a line separator": "a\u2028b",
    "delete": "a\x7fb",
    "a byte that is no text": "caf\udce9",
    "a null": "a\0b",
}
PRINTERS = (
    "georet/progress.py",
    "georet/patience.py",
    "georet/cli/__init__.py",
    "georet/cli/app.py",
)
"""Where it is decided how things are printed."""
LOOSE = ("print", "Console", "typer.echo", "typer.secho", "sys.stdout.write", "sys.stderr.write")


def steers(text: str) -> bool:
    return text.replace("\n", "") != printable(text).replace("\n", "")


@pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)
@pytest.mark.parametrize("err", [False, True])
def test_a_line_steers_no_terminal(evil, err, capsys):
    echo(evil, err=err)
    if err:
        say(evil)
    captured = capsys.readouterr()
    assert captured.err if err else captured.out
    assert not steers(captured.out + captured.err)


@pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)
def test_a_cell_a_title_and_a_styled_line_steer_no_terminal(evil):
    stream = io.StringIO()
    screen = console(file=stream)
    table = Table("name", title=Text(evil))
    table.add_row(Text(evil))
    screen.print(table)
    screen.print(evil, markup=False)
    assert "a" in stream.getvalue()
    assert not steers(stream.getvalue())


def test_a_terminal_gets_georets_own_colours(monkeypatch):
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = io.StringIO()
    console(file=stream, highlight=False).print("a\x1b[32mb", style="red", markup=False)
    assert stream.getvalue() == "\x1b[31ma\\x1b[32mb\x1b[0m\n"


@pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)
def test_json_steers_no_terminal_and_keeps_its_values(evil, capsys):
    echo_json({"photo": evil})
    echo_json(json.dumps({"photo": evil}, ensure_ascii=False))
    out = capsys.readouterr().out
    assert not steers(out)
    decoder = json.JSONDecoder()
    first, end = decoder.raw_decode(out)
    second, _ = decoder.raw_decode(out[end:].lstrip())
    assert first == second == {"photo": evil}


def test_a_name_ends_no_line():
    assert one_line("a\nerror: all is lost") == "a\\nerror: all is lost"


def test_every_command_prints_through_one_module():
    """A new ``print`` or console would let names through as they are."""
    loose = [
        f"{path.relative_to(ROOT).as_posix()}:{node.lineno}"
        for folder in ("georet", "plugins", "export")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path.relative_to(ROOT).as_posix() not in PRINTERS
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in LOOSE
    ]
    assert loose == []
