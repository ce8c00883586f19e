"""What the QGIS plugin types for its user, and what it makes of the answer; no QGIS is needed."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from georet.cli.app import command_line

PLUGIN = Path(__file__).parents[2] / "contrib/qgis/georet_qgis"


@pytest.fixture
def calling(monkeypatch):
    monkeypatch.syspath_prepend(str(PLUGIN.parent))
    from georet_qgis import calling

    return calling


def parsed(words: list[str]) -> dict:
    """Parse words as georet's own command line does; an error if it doesn't take them."""
    command, context = command_line(), None
    name = "georet"
    while hasattr(command, "get_command"):
        context = command.make_context(name, list(words), parent=context)
        name, command, words = command.resolve_command(context, [*words])
    return command.make_context(name, list(words), parent=context).params


def test_georet_takes_the_words_of_a_build(calling):
    words = calling.build_words(
        "a map.tif", "out", encoder="timm:x?size=64", side_m=62.5, area=(-7.5, -46, -7.25, 46.125)
    )
    found = parsed(words)
    assert found["source"] == "a map.tif"
    assert found["side"] == ["62.5m"]
    assert found["overlap"] == 0.5
    assert found["area"] == "box:-7.5000000,-46.0000000,-7.2500000,46.1250000"
    assert found["encoder"] == Path("timm:x?size=64")


def test_georet_takes_the_words_of_locating_whatever_photos_are_called(calling):
    words = calling.locate_words(
        "g", ["-odd name.jpg", "b.jpg"], "p.gpkg", telemetry="log.csv", refine="sift"
    )
    found = parsed(words)
    assert found["photos"] == [Path("-odd name.jpg"), Path("b.jpg")]
    assert found["out"] == [Path("p.gpkg")]
    assert (found["telemetry"], found["refine"], found["k"]) == (Path("log.csv"), "sift", 5)


def test_georet_is_called_as_typed_else_as_the_environment_says(calling, tmp_path):
    spaced = tmp_path / "with space"
    spaced.touch()
    told = {"GEORET_COMMAND": "/opt/python -m georet"}
    assert calling.called(str(spaced), told) == [str(spaced)]
    assert calling.called("", told) == ["/opt/python", "-m", "georet"]
    assert calling.called(" ", {}) == ["georet"]


def test_what_qgis_set_for_its_own_python_and_libraries_does_not_reach_georet(calling):
    own = {"PYTHONHOME": "/qgis", "PROJ_LIB": "/qgis/proj", "GDAL_DATA": "/q", "PATH": "/bin"}
    found = calling.environment_for(own)
    assert found == {"PATH": "/bin", "PYTHONUTF8": "1"}


def test_lines_come_while_it_runs_and_a_failure_is_told_in_georets_own_words(calling):
    said, code = [], "print('10 tiles'); print('error: bad\\n  Type this.'); raise SystemExit(3)"
    with pytest.raises(calling.CallError, match=r"exit code 3: error: bad\n  Type this\.$"):
        calling.run([sys.executable, "-c", code], {}, said.append)
    assert said == ["10 tiles", "error: bad", "  Type this."]


def test_a_program_that_is_not_there_says_where_to_name_it(calling):
    with pytest.raises(calling.CallError, match="GEORET_COMMAND"):
        calling.run(["/nowhere/georet"], {}, print)


def test_cancel_stops_a_silent_georet_in_order(calling):
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))\n"
        "print('begun', flush=True); time.sleep(60)"
    )
    begun, start = threading.Event(), time.monotonic()
    with pytest.raises(calling.CallError, match="The same call goes on"):
        calling.run([sys.executable, "-c", code], {}, lambda _: begun.set(), begun.is_set)
    assert time.monotonic() - start < 30


def test_only_what_qgis_runs_imports_qgis_and_nothing_imports_georet():
    for path in PLUGIN.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import georet" not in text.replace("georet_qgis", ""), path
        assert "from georet" not in text.replace("georet_qgis", ""), path
        assert text.startswith("# SPDX-License-Identifier: GPL-2.0-or-later\n"), path
    for name in ("calling", "reading"):
        assert "from qgis" not in (PLUGIN / f"{name}.py").read_text(encoding="utf-8")
