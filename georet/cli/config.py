"""``georet config``: a run's configuration, shown, checked, or described."""

from __future__ import annotations

import typer

from georet.cli.groups import PluginGroup
from georet.cli.options import ConfigFile, NoPlugin, PluginNames, Recipe, Sets
from georet.plugins import Selection
from georet.progress import echo, echo_json

app = typer.Typer(
    cls=PluginGroup,
    help="Show or check a run's configuration, or print its JSON schema.",
    rich_markup_mode=None,
    add_completion=False,
    no_args_is_help=True,
    epilog="""Examples:

georet config show --recipe sample4geo/orbitview

georet config validate --config my.yaml

georet config schema > georet.schema.json
""",
)


@app.command(
    epilog="""Examples:

georet config show

georet config show --recipe sample4geo/orbitview --set train.lr=3e-4 > my.yaml
"""
)
def show(
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    recipe: Recipe = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> None:
    """Print the configuration that a run would use, all layers applied, as YAML."""
    from georet.configure import configure, dump, usual_recipe

    selection = Selection.of(plugins, no_plugin)
    found, _ = configure(
        selection=selection,
        recipe=usual_recipe(recipe, selection, config),
        path=config,
        overrides=sets or (),
        check_components=False,
    )
    echo(dump(found), end="")


@app.command(
    epilog="""Examples:

georet config validate --config my.yaml

georet config validate --plugins sample4geo,./mine.py --set 'losses=[mine:hinge]'
"""
)
def validate(
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    recipe: Recipe = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> None:
    """Check all keys, values, and components' options, without training anything.

    With a backbone of your own, its encoder is built, and what can't be exported is warned of.
    """
    from georet.commands.exportable import unexportable_backbones
    from georet.configure import configure, usual_recipe

    selection = Selection.of(plugins, no_plugin)
    recipe = usual_recipe(recipe, selection, config)
    found, loaded = configure(selection=selection, recipe=recipe, path=config, overrides=sets or ())
    for warning in unexportable_backbones(found, loaded):
        echo(warning, err=True)
    echo(f"valid: recipe {found.recipe}, plugins {', '.join(loaded.versions)}")


@app.command(
    epilog="""Examples:

georet config schema > georet.schema.json

georet config schema --plugins sample4geo,example_triplet
"""
)
def schema(plugins: PluginNames = None, no_plugin: NoPlugin = None) -> None:
    """Print the JSON schema of a configuration file, for editors.

    It knows the options of every component that can be imported here.
    """
    from georet.configure.schema import config_schema
    from georet.plugins import load_plugins

    loaded = load_plugins(Selection.of(plugins, no_plugin))
    echo_json(config_schema(loaded.catalog))
