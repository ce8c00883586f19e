"""What a user sees of commands, mistakes and bugs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import georet as package
from georet.cli import main
from georet.cli.app import COMMANDS

GREETER = """
import typer
from georet import Command, hookimpl

app = typer.Typer()

@app.command()
def greet(name: str = "world") -> None:
    "Say hello."
    if name == "nobody":
        raise RuntimeError("nobody there")
    if name == "stop":
        raise KeyboardInterrupt
    typer.echo(f"hello {name}")

@hookimpl
def georet_commands():
    yield Command("greet", app, summary="Say hello")
    yield Command("lost", "nowhere:app", summary="Leads nowhere")
    yield Command("train", app, summary="Not the real one")
"""


@pytest.fixture
def greeter(georet, tmp_path, monkeypatch):
    """Return the caller, with a plugin that brings commands."""
    (tmp_path / "greeter.py").write_text(GREETER)
    monkeypatch.setenv("GEORET_PLUGINS", "./greeter.py")
    return georet


def test_the_version_is_printed(georet):
    assert georet("--version").out == f"georet {package.__version__}\n"


def test_help_lists_every_command_with_its_summary(georet):
    out = georet("--help").out
    for name, (_, summary) in COMMANDS.items():
        assert name in out
        assert summary in out


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_examples(georet, name):
    outcome = georet(name, "--help")
    assert outcome.code == 0
    assert "Examples:" in outcome.out
    assert f"georet {name}" in outcome.out.partition("Examples:")[2]
    assert "install-completion" not in outcome.out


@pytest.mark.parametrize("name", ["show", "validate", "schema"])
def test_the_help_of_every_subcommand_has_examples(georet, name):
    assert f"georet config {name}" in georet("config", name, "--help").out.partition("Examples:")[2]


def test_without_arguments_help_is_shown(georet):
    outcome = georet()
    assert outcome.code == 2
    assert "Commands:" in outcome.err + outcome.out


def test_a_mistyped_command_is_an_error_with_a_suggestion(georet):
    outcome = georet("plugin")
    assert outcome.code == 2
    assert "error: there is no command 'plugin'\n  did you mean 'plugins'?" in outcome.err


def test_a_mistyped_option_is_an_error_without_traceback(georet):
    outcome = georet("plugins", "--jsn")
    assert outcome.code == 2
    assert "--jsn" in outcome.err
    assert "Traceback" not in outcome.err


def test_an_error_of_georet_is_a_message_and_its_exit_code(georet):
    outcome = georet("plugins", "--plugins", "sample4go")
    assert outcome.code == 2
    assert outcome.err.startswith("error: plugin 'sample4go': is unknown\n  did you mean")
    assert "Traceback" not in outcome.err


def test_commands_of_plugins_stand_in_the_help(greeter):
    out = greeter("--help").out
    assert "Commands of plugins:" in out
    assert "Say hello [greeter]" in out


def test_commands_of_plugins_can_be_called(greeter):
    assert greeter("greet", "--name", "you").out == "hello you\n"


@pytest.mark.parametrize(
    "words",
    [
        ["--plugins", "./greeter.py", "greet", "--name", "you"],
        ["--plugins=./greeter.py", "greet", "--name", "you"],
        ["greet", "--plugins", "./greeter.py", "--name", "you"],
        ["greet", "--name", "you", "--plugins=sample4geo,./greeter.py"],
    ],
    ids=" ".join,
)
def test_a_plugin_is_selected_before_and_after_the_name_of_its_command(greeter, words, monkeypatch):
    monkeypatch.delenv("GEORET_PLUGINS")
    assert greeter(*words).out == "hello you\n"
    assert "GEORET_PLUGINS" not in os.environ
    outcome = greeter("greet")
    assert outcome.code == 2
    assert "georet greet --plugins ./mine.py" in outcome.err


def test_plugins_before_a_command_of_georet_count_for_it(greeter, monkeypatch):
    monkeypatch.delenv("GEORET_PLUGINS")
    named = ("--plugins", "sample4geo,./greeter.py")
    assert "greeter" in greeter(*named, "config", "validate").out
    assert "Say hello [greeter]" in greeter("--plugins", "./greeter.py", "--help").out
    assert "greeter" not in greeter("config", "validate").out


def test_a_command_with_an_option_plugins_of_its_own_keeps_it(georet, tmp_path, monkeypatch):
    monkeypatch.delenv("GEORET_PLUGINS", raising=False)
    own = GREETER.replace('name: str = "world"', 'name: str = "world", plugins: str = ""')
    (tmp_path / "own.py").write_text(own.replace("hello {name}", "hello {name} {plugins}"))
    assert georet("greet", "--plugins", "./own.py").out == "hello world ./own.py\n"


def test_a_plugin_can_not_replace_a_command_of_georet(greeter):
    out = greeter("--help").out
    assert "Not the real one" not in out
    assert "--resume" in greeter("train", "--help").out


def test_a_command_that_can_not_be_imported_names_its_plugin(greeter):
    outcome = greeter("lost")
    assert outcome.code == 2
    assert "plugin 'greeter' (greeter.py sha256:" in outcome.err
    assert "No module named 'nowhere'" in outcome.err


def test_a_bug_is_a_short_message_that_says_how_to_see_more(greeter):
    outcome = greeter("greet", "--name", "nobody")
    assert outcome.code == 1
    assert "RuntimeError: nobody there" in outcome.err
    assert "bug" in outcome.err
    assert "GEORET_DEBUG=1" in outcome.err
    assert "Traceback" not in outcome.err


def test_the_traceback_is_shown_on_demand(greeter, monkeypatch):
    monkeypatch.setenv("GEORET_DEBUG", "1")
    assert "Traceback" in greeter("greet", "--name", "nobody").err
    assert "Traceback" in greeter("plugins", "--plugins", "sample4go").err


def test_an_interrupt_ends_with_130(greeter):
    assert greeter("greet", "--name", "stop").code == 130


def test_a_broken_plugin_does_not_take_the_help_away(georet, tmp_path, monkeypatch):
    (tmp_path / "broken.py").write_text("raise RuntimeError('no licence')")
    monkeypatch.setenv("GEORET_PLUGINS", "./broken.py")
    outcome = georet("--help")
    assert outcome.code == 0
    assert "Commands:" in outcome.out
    assert "no licence" in outcome.out


def test_plugins_are_listed_as_a_table(georet):
    out = georet("plugins").out
    assert "sample4geo" in out
    assert f"georet {package.__version__}" in out
    assert "sample4geo:info_nce" in out
    assert "active" in out


def test_plugins_are_listed_as_json(georet):
    found = json.loads(georet("plugins", "--json", "--no-plugin", "orbitview").out)
    by_name = {plugin["name"]: plugin for plugin in found}
    assert by_name["orbitview"]["status"] == "blocked"
    assert by_name["sample4geo"]["distribution"] == "georet"
    ids = [component["id"] for component in by_name["sample4geo"]["components"]]
    assert "sample4geo:info_nce" in ids


def test_a_broken_plugin_is_listed_when_it_is_named(georet, tmp_path):
    (tmp_path / "broken.py").write_text("raise RuntimeError('no licence')")
    outcome = georet("plugins", "--plugins", "./broken.py", "--json")
    assert outcome.code == 0
    (broken,) = [p for p in json.loads(outcome.out) if p["name"] == "broken"]
    assert broken["status"] == "broken"
    assert "no licence" in broken["reason"]


def test_a_configuration_is_shown_as_yaml_that_can_be_used_again(georet, tmp_path):
    Path("run.yaml").write_text(
        "recipe: none\ndataset: orbitview\nencoder: {backbone: timm}\nlosses: [info_nce]\n"
        "sampler: random\n"
    )
    first = georet("config", "show", "--config", "run.yaml", "--set", "seed=7")
    assert first.code == 0
    assert "seed: 7" in first.out
    Path("again.yaml").write_text(first.out)
    assert georet("config", "show", "-c", "again.yaml").out == first.out


def test_a_wrong_configuration_is_a_message_with_file_line_and_key(georet):
    Path("run.yaml").write_text("seed: 1\ntrain:\n  batchsize: 4\n")
    outcome = georet("config", "validate", "--config", "run.yaml")
    assert outcome.code == 2
    assert "error: run.yaml:3: train.batchsize: unknown key" in outcome.err


def test_the_schema_is_json(georet):
    schema = json.loads(georet("config", "schema").out)
    assert "samplers" in schema["$defs"]


def test_the_module_can_be_run(python):
    code = "import runpy, sys; sys.argv = ['georet', '--version']; runpy.run_module('georet')"
    assert python(f"try:\n    {code}\nexcept SystemExit as e: print(e.code)").endswith("0\n")


def test_main_reads_the_arguments_of_the_process(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["georet", "--version"])
    assert main() == 0
    assert "georet" in capsys.readouterr().out
