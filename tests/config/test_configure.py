"""Layers of configuration, from the recipe to ``--set``, and what is wrong with them."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from georet.config import RunConfig
from georet.configure import configure, dump, load_resolved, validate_components
from georet.errors import ComponentError, ConfigError, GeoretError, PluginError
from georet.plugins import Selection

pytest_plugins = ["georet.testing.fixtures"]


def config_of(lab, *overrides: str, **arguments: object) -> RunConfig:
    return configure(selection=Selection.of([lab]), overrides=overrides, **arguments)[0]


def complaint(lab, path: Path | None = None, *overrides: str) -> str:
    with pytest.raises(GeoretError) as caught:
        configure(selection=Selection.of([lab]), path=path, overrides=overrides)
    return str(caught.value)


def test_with_nothing_given_the_first_recipe_of_the_plugin_is_used(lab):
    config = config_of(lab)
    assert config.recipe == "lab/base"
    assert config.train.epochs == 3
    assert config.sampler.options == {"select": 4, "pool": 12}


def test_the_core_gives_what_no_layer_gives(lab):
    assert config_of(lab).train.batch_size == 128


def test_a_file_lies_over_the_recipe_and_set_over_the_file(lab, write):
    path = write("train: {epochs: 5, lr: 0.5}")
    assert config_of(lab, path=path).train.epochs == 5
    config = config_of(lab, "train.epochs=7", path=path)
    assert (config.train.epochs, config.train.lr) == (7, 0.5)


def test_the_last_of_two_sets_wins(lab):
    assert config_of(lab, "seed=1", "seed=2").seed == 2


def test_a_mapping_merges_into_the_cores_own(lab, write):
    config = config_of(lab, path=write("data: {size: {query: [64, 128]}}"))
    assert config.data.size == {"query": (64, 128), "reference": (384, 384)}


def test_a_recipe_can_extend_another(lab):
    config = config_of(lab, recipe="lab/child")
    assert (config.train.epochs, config.train.lr) == (9, 0.01)
    assert config.sampler.options == {"select": 4, "pool": 99}


def test_recipes_that_extend_each_other_in_a_circle_are_an_error(lab):
    with pytest.raises(ConfigError, match="lab/circle -> lab/circle_back -> lab/circle"):
        config_of(lab, recipe="lab/circle")


def test_the_file_names_a_recipe_and_the_argument_is_stronger(lab, write):
    path = write("recipe: child")
    assert config_of(lab, path=path).recipe == "lab/child"
    assert config_of(lab, path=path, recipe="base").recipe == "lab/base"


def test_without_a_recipe_what_is_missing_is_named_with_the_recipes_there_are(lab):
    with pytest.raises(ConfigError) as caught:
        config_of(lab, recipe="none")
    message = str(caught.value)
    assert "dataset: is required and was not given" in message
    assert "lab/base" in message


def test_an_unknown_recipe_is_an_error_with_a_suggestion(lab):
    with pytest.raises(ComponentError, match="did you mean 'lab/base'"):
        config_of(lab, recipe="lab/bas")


def test_a_component_may_be_given_by_its_name_alone(lab):
    assert config_of(lab, "sampler=far").sampler.name == "far"
    assert [loss.name for loss in config_of(lab).losses] == ["hinge", "soft"]


def test_options_of_a_component_of_the_same_name_are_merged(lab):
    config = config_of(lab, "sampler.pool=64")
    assert config.sampler.options == {"select": 4, "pool": 64}
    config = config_of(lab, "sampler={name: near, pool: 64}")
    assert config.sampler.options == {"select": 4, "pool": 64}


@pytest.mark.parametrize("override", ["sampler=far", "sampler.name=far", "sampler={name: far}"])
def test_another_component_does_not_inherit_options(lab, override):
    assert config_of(lab, override).sampler.options == {}


def test_entries_of_a_list_are_addressed_by_number(lab):
    config = config_of(lab, "losses.0.weight=2", "losses.1=hinge", "data.size.query.1=64")
    assert [(loss.name, loss.weight) for loss in config.losses] == [("hinge", 2), ("hinge", 1)]
    assert config.losses[0].options == {"margin": 0.1}
    assert config.data.size["query"] == (384, 64)


def test_a_number_beyond_the_list_is_an_error(lab):
    message = complaint(lab, None, "losses.2.weight=1")
    assert "--set losses.2.weight: losses: there is no entry '2' among 2" in message


def test_a_list_replaces_a_list(lab):
    assert [loss.name for loss in config_of(lab, "losses=[soft]").losses] == ["soft"]


def test_values_of_set_are_yaml(lab):
    config = config_of(lab, "train.lr=3e-4", "train.compile=true", "evaluate.during=[a, b]")
    assert config.train.lr == 3e-4
    assert config.train.compile is True
    assert config.evaluate.during == ["a", "b"]


@pytest.mark.parametrize("text", ["train.lr", "=1", "train..lr=1", "losses=[{"])
def test_a_set_that_can_not_be_read_is_an_error_that_shows_it(lab, text):
    assert f"--set {text}" in complaint(lab, None, text)


def test_an_unknown_key_names_file_line_key_and_suggestion(lab, write):
    path = write("""
        seed: 1
        train:
          epochs: 2
          batchsize: 4
    """)
    message = complaint(lab, path)
    assert f"{path}:4: train.batchsize: unknown key 'batchsize'" in message
    assert "did you mean 'batch_size'?" in message


def test_a_mistyped_key_is_named_before_what_is_missing_because_of_it(lab, write):
    with pytest.raises(ConfigError, match=r"run.yaml:1: datset: unknown key") as caught:
        config_of(lab, recipe="none", path=write("datset: places"))
    assert "did you mean 'dataset'?" in str(caught.value)


def test_a_key_that_is_no_word_is_an_error(lab, write):
    assert "keys should be strings" in complaint(lab, write("yes: 1"))


def test_an_unknown_top_level_key_in_set_names_it(lab):
    assert "--set trian.lr: trian: unknown key 'trian'\n  did you mean 'train'" in complaint(
        lab, None, "trian.lr=1"
    )


def test_a_wrong_type_names_line_key_and_what_was_expected(lab, write):
    message = complaint(lab, write("train:\n  epochs: many\n"))
    assert (
        "run.yaml:2: train.epochs: 'many' does not fit: input should be a valid integer" in message
    )


def test_a_value_out_of_range_says_so(lab):
    message = complaint(lab, None, "train.lr=-1")
    assert "--set train.lr: train.lr: -1 does not fit: input should be greater than 0" in message


def test_an_unknown_option_of_a_component_names_line_key_and_suggestion(lab, write):
    message = complaint(lab, write("sampler:\n  name: near\n  selekt: 2\n"))
    assert "run.yaml:3: sampler.selekt: unknown key 'selekt'\n  did you mean 'select'?" in message


def test_a_wrong_option_in_a_list_names_its_number(lab, write):
    message = complaint(lab, write("losses:\n  - soft\n  - {name: hinge, margin: wide}\n"))
    assert "run.yaml:3: losses.1.margin: 'wide' does not fit" in message


def test_an_unknown_component_names_line_and_suggestion(lab, write):
    message = complaint(lab, write("sampler: nera\n"))
    assert "run.yaml:1: sampler: there is no 'nera' among the samplers" in message
    assert "did you mean 'near'?" in message


def test_components_in_every_section_are_checked(lab):
    wrong = {
        "dataset.pxx=1": "dataset.pxx",
        "encoder.backbone.widht=1": "encoder.backbone.widht",
        "encoder.view_backbones.query={name: net, x: 1}": "encoder.view_backbones.query.x",
        "data.joint=[{name: darken, x: 1}]": "data.joint.0.x",
        "train.optimizer={name: sgd, momentm: 0.9}": "train.optimizer.momentm",
        "train.schedule.lr_ende=1": "train.schedule.lr_ende",
        "train.groups=[{macth: head}]": "train.groups.0.macth",
        "train.ema.decai=0.9": "train.ema.decai",
        "data.augment.query=[darken, {name: darken, x: 1}]": "data.augment.query.1.x",
    }
    for override, key in wrong.items():
        assert f"{key}: unknown key" in complaint(lab, None, override)


def test_components_can_be_left_unchecked(lab):
    config, plugins = configure(
        selection=Selection.of([lab]), overrides=["sampler.selekt=1"], check_components=False
    )
    with pytest.raises(ConfigError, match=r"^sampler\.selekt: unknown key"):
        validate_components(config, plugins)


def test_the_weight_of_a_loss_is_not_an_option_of_it(lab):
    assert config_of(lab, "losses.0.weight=0.5").losses[0].options == {"margin": 0.1}


@pytest.mark.parametrize(
    ("text", "hint"),
    [("plugins=[a]", "--plugins"), ("recipe=a", "--recipe"), ("extends=a", "recipe:")],
)
def test_plugins_and_recipes_have_options_of_their_own(lab, text, hint):
    message = complaint(lab, None, text)
    assert "can't be set here" in message
    assert hint in message


def test_a_file_can_not_extend(lab, write):
    assert "run.yaml:1: can't be set here" in complaint(lab, write("extends: lab/base"))


def test_plugins_of_the_file_count_unless_others_are_named(lab, write, monkeypatch):
    path = write("plugins: [./lab.py]")
    config, plugins = configure(path=path)
    assert config.plugins == ["./lab.py"]
    assert "sample4geo" not in plugins.versions
    monkeypatch.setenv("GEORET_PLUGINS", "sample4geo")
    with pytest.raises(GeoretError):
        configure(path=path, recipe="lab/base")


def test_a_file_that_is_not_trusted_can_not_name_code(lab, write):
    path = write("plugins: [./lab.py, sample4geo]\nrecipe: none")
    with pytest.raises(PluginError, match="loaded only when you name them"):
        configure(path=path, trust_file=False)
    path = write(dump(config_of(lab)))
    config, plugins = configure(path=path, trust_file=False, selection=Selection.of([lab]))
    assert config == config_of(lab)
    assert "lab" in plugins.versions


def test_a_component_with_its_plugins_name_loads_the_plugin(lab):
    config, plugins = configure(
        selection=Selection.of([lab]), overrides=["losses=[sample4geo:info_nce]"], recipe="lab/base"
    )
    assert "sample4geo" in plugins.versions
    assert config.plugins == ["./lab.py", "sample4geo"]


def test_a_recipe_loads_the_plugins_it_lists(lab):
    Path("recipes", "more.yaml").write_text("extends: base\nplugins: [sample4geo]\n")
    config, plugins = configure(selection=Selection.of([lab]), recipe="lab/more")
    assert "sample4geo" in plugins.versions
    assert config.recipe == "lab/more"


def test_the_name_of_a_recipe_loads_its_plugin_and_so_does_what_it_extends(lab):
    Path("recipes", "more.yaml").write_text("extends: nowhere/base\n")
    with pytest.raises(PluginError, match="plugin 'nowhere': is not installed"):
        configure(selection=Selection.of([lab]), recipe="lab/more")
    with pytest.raises(ComponentError, match="there is no recipe 'sample4geo/nowhere'"):
        configure(selection=Selection.of([lab]), recipe="sample4geo/nowhere")


def test_a_dump_loads_back_to_the_same_configuration(lab, tmp_path):
    config = config_of(
        lab,
        "encoder.view_backbones.query={name: net, width: 3}",
        "data.joint=[darken]",
        "data.augment.query=[{name: darken, most: 0.25}]",
        "evaluate.patience=3",
    )
    path = tmp_path / "config.yaml"
    path.write_text(dump(config))
    assert load_resolved(path) == config
    assert configure(selection=Selection.of([lab]), path=path)[0] == config


def test_a_resolved_file_with_a_wrong_key_names_file_line_and_key(lab, tmp_path):
    path = tmp_path / "config.yaml"
    text = dump(config_of(lab))
    path.write_text(text.replace("seed: 0", "sed: 0"))
    line = text.splitlines().index("seed: 0") + 1
    with pytest.raises(ConfigError, match=f"config.yaml:{line}: sed: unknown key"):
        load_resolved(path)


def test_a_section_with_every_line_commented_out_changes_nothing(lab, write):
    assert config_of(lab, path=write("train:\n#  epochs: 4\n")).train.epochs == 3


def test_a_null_value_takes_a_setting_back(lab, write):
    path = write("evaluate: {patience: 4}")
    assert config_of(lab, "evaluate.patience=null", path=path).evaluate.patience is None


def test_safe_mode_has_no_recipes(lab):
    with pytest.raises(ConfigError, match="these plugins bring none, sample4geo does"):
        configure(selection=Selection.of(["none"]))


def test_optimiser_and_schedule_are_sections_of_components(lab):
    overrides = ["train.optimizer=sgd", "train.optimizer.momentum=0.5", "train.schedule=constant"]
    config, _ = configure(
        selection=Selection.of([lab]), overrides=[*overrides, "train.ema.decay=0.99"]
    )
    assert (config.train.optimizer.name, config.train.optimizer.options) == (
        "sgd",
        {"momentum": 0.5},
    )
    assert (config.train.schedule.name, config.train.schedule.options) == ("constant", {})
    assert config.train.ema is not None
    assert config.train.ema.decay == 0.99
    assert "did you mean 'cosine'" in complaint(lab, None, "train.schedule=cosin")


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ([], "modern/orbitview"),
        (["--set", "train.epochs=1"], "modern/orbitview"),
        (["--plugins", "sample4geo"], "sample4geo/orbitview"),
        (["--config", "own.yaml"], "sample4geo/orbitview"),
        (["--no-plugin", "modern"], "sample4geo/orbitview"),
        (["--recipe", "cityblocks/cityblocks"], "cityblocks/cityblocks"),
    ],
)
def test_a_recipe_of_our_own_is_trained_where_nothing_is_named(
    words, wanted, tmp_path, monkeypatch, runner
):
    monkeypatch.chdir(tmp_path)
    Path("own.yaml").write_text("train: {epochs: 1}")
    shown = yaml.safe_load(runner("config", "show", *words).stdout)
    assert shown["recipe"] == wanted
    assert f"valid: recipe {wanted}," in runner("config", "validate", *words).stdout


def test_plugins_named_by_the_environment_bring_their_recipe(monkeypatch, runner):
    monkeypatch.setenv("GEORET_PLUGINS", "sample4geo")
    assert yaml.safe_load(runner("config", "show").stdout)["recipe"] == "sample4geo/orbitview"
