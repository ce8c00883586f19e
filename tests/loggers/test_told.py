"""What loggers are told: where a resume cuts the events, and whose an export is."""

from __future__ import annotations

import json

TELLS = """
import json
from pathlib import Path

from georet import hookimpl

pytest_plugins = ["georet.testing.fixtures"]

SAID = Path(__file__).with_suffix(".jsonl")


def say(**values):
    with SAID.open("a") as stream:
        stream.write(json.dumps(values) + "\\n")


@hookimpl
def georet_fit_start(trainer, cut_at):
    size = (trainer.run_dir / "events.jsonl").stat().st_size
    say(cut_at=cut_at, size=size, step=trainer.state.step)


@hookimpl
def georet_export_end(artefact, run_dir):
    say(artefact=artefact.name, run=run_dir.name, is_there=artefact.is_dir())
"""


def test_a_resume_says_at_which_byte_it_cut_and_an_export_whose_it_is(
    torn_and_resumed, runner, tmp_path
):
    (tmp_path / "tells.py").write_text(TELLS)
    run_dir = torn_and_resumed(str(tmp_path / "tells.py"))
    named = ["--plugins", f"sample4geo,georet.testing.plugin,{tmp_path / 'tells.py'}"]
    done = runner("export", run_dir, "--onnx", *named, "--plugins", str(tmp_path / "tears.py"))
    assert done.exit_code == 0, done.stderr
    first, second, exported = map(json.loads, (tmp_path / "tells.jsonl").read_text().splitlines())
    assert (first["cut_at"], first["step"]) == (None, 0)
    assert second["cut_at"] == second["size"] > 0
    assert second["step"] == 5
    lines = (run_dir / "events.jsonl").read_bytes()[: second["cut_at"]].splitlines()
    steps = [json.loads(line)["step"] for line in lines if b'"event": "step"' in line]
    assert steps == [0, 1, 2, 3, 4]
    assert (exported["run"], exported["is_there"]) == ("run", True)
