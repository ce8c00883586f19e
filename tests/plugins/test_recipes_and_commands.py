"""What plugins bring to the command line: recipes and commands."""

from __future__ import annotations

import pytest

from georet.cli.app import run
from georet.errors import ComponentError, PluginError, UsageError
from georet.plugins import load_plugins

RECIPES = """
    from pathlib import Path
    from georet import hookimpl

    @hookimpl
    def georet_recipes():
        return {{name: Path(name) for name in {names}}}
"""
COMMAND = """
    import typer
    from georet import Command, hookimpl

    @hookimpl
    def georet_commands():
        yield Command("greet", typer.Typer(), summary="Say hello")
"""


def test_a_recipe_is_named_by_its_plugin(site):
    site.plugin("north", RECIPES.format(names=["quick"]))
    assert load_plugins(["north"]).recipes["north/quick"].name == "quick"


def test_the_first_recipe_of_the_first_plugin_that_has_one_is_the_default(site):
    site.plugin("south", "")
    site.plugin("north", RECIPES.format(names=["quick", "able"]))
    site.plugin("west", RECIPES.format(names=["other"]))
    assert load_plugins(["south", "north", "west"]).default_recipe == "north/quick"
    assert load_plugins(["none"]).default_recipe is None


def test_a_recipe_has_a_short_name_while_it_is_unique(site):
    site.plugin("north", RECIPES.format(names=["quick", "able"]))
    site.plugin("south", RECIPES.format(names=["quick"]))
    plugins = load_plugins(["north", "south"])
    assert plugins.recipe("able") == "north/able"
    with pytest.raises(ComponentError, match="north/quick or south/quick"):
        plugins.recipe("quick")
    with pytest.raises(ComponentError, match="did you mean 'north/quick'"):
        plugins.recipe("north/quik")


def test_a_recipe_hook_that_fails_names_its_plugin(site):
    site.plugin("north", RECIPES.format(names="undefined"))
    with pytest.raises(PluginError, match=r"'north' \(dist-north 1.0\), georet_recipes: NameError"):
        load_plugins(["north"])


def test_a_command_has_an_owner(site):
    site.plugin("north", COMMAND)
    command, owner = load_plugins(["north"]).commands()["greet"]
    assert (command.summary, owner.name) == ("Say hello", "north")


def test_two_plugins_with_one_command_are_an_error_that_names_both(site):
    site.plugin("north", COMMAND)
    site.plugin("south", COMMAND)
    with pytest.raises(PluginError) as caught:
        load_plugins(["north", "south"]).commands()
    assert "dist-north 1.0" in str(caught.value)
    assert "dist-south 1.0" in str(caught.value)


GROUPED = """
    import typer
    from georet import Command, hookimpl

    app = typer.Typer()

    @app.command()
    def greet(name: str = "world") -> None:
        typer.echo(f"hello {{name}}")

    @hookimpl
    def georet_commands():
        yield Command("{name}", app, summary="Say hello")
"""


def test_a_command_is_added_to_one_of_georets_own_groups(site, capsys, monkeypatch):
    site.plugin("north", GROUPED.format(name="gallery greet"))
    assert run(["gallery", "greet", "--name", "there", "--plugins", "north"]) == 0
    assert capsys.readouterr().out == "hello there\n"
    with pytest.raises(UsageError, match="there is no command 'greet'"):
        run(["gallery", "greet"])
    monkeypatch.setenv("GEORET_PLUGINS", "north")
    for front in (["--help"], ["gallery", "--help"]):
        run(front)
        shown = capsys.readouterr().out
        assert "Say hello [north]" in shown.partition("Commands of plugins:")[2]


def test_georets_own_subcommands_cannot_be_replaced(site, capsys, monkeypatch):
    site.plugin("north", GROUPED.format(name="gallery info"))
    monkeypatch.setenv("GEORET_PLUGINS", "north")
    run(["gallery", "info", "--help"])
    assert "Print what a gallery holds" in capsys.readouterr().out


def test_a_command_for_a_group_that_there_is_not_names_its_plugin(site, monkeypatch):
    site.plugin("north", GROUPED.format(name="train greet"))
    monkeypatch.setenv("GEORET_PLUGINS", "north")
    with pytest.raises(PluginError, match=r"'north' .* group 'train', which georet doesn't have"):
        run(["trian"])
