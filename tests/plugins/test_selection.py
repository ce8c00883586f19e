"""Which plugins are loaded, by argument, environment and default."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from georet.errors import PluginError
from georet.plugins import UNSAID, Selection, load_plugins

EMPTY = ""


def names(*args: object, **kwargs: object) -> list[str]:
    return list(load_plugins(*args, **kwargs).versions)


def test_by_default_the_method_and_what_is_always_on_are_loaded(site):
    always_on = ["cityblocks", "congeo", "datasets", "export", "faiss", "game4loc", "heads"]
    always_on += ["imagery", "lsh", "matchers", "modern", "orbitview", "orientation", "ortho"]
    always_on += ["panobev", "peng", "pml", "qdrant", "ray", "singeo", "slurm", "vici"]
    assert names() == ["core", "sample4geo", *always_on]


def test_a_selection_of_nothing_said_differs_from_one_of_no_plugin():
    assert Selection.of(None, None) == UNSAID
    assert Selection.of([], ["pml"]) == Selection((), ("pml",))


def test_an_argument_is_stronger_than_the_environment(site, monkeypatch):
    site.plugin("north", EMPTY)
    site.plugin("south", EMPTY)
    monkeypatch.setenv("GEORET_PLUGINS", "south")
    assert names()[1] == "south"
    assert names(["north"])[1:2] == ["north"]
    assert "south" not in names(["north"])


def test_an_empty_environment_variable_selects_nothing_else_than_the_default(site, monkeypatch):
    monkeypatch.setenv("GEORET_PLUGINS", " ")
    assert "sample4geo" in names()


def test_one_argument_may_hold_several_names(site):
    site.plugin("north", EMPTY)
    assert names(["north, sample4geo"])[:3] == ["core", "north", "sample4geo"]


def test_the_order_of_selection_is_the_order_of_loading(site):
    site.plugin("north", EMPTY)
    site.plugin("south", EMPTY)
    assert names(["south", "north"])[1:3] == ["south", "north"]


def test_a_blocked_plugin_is_not_imported(site):
    site.plugin("north", "raise RuntimeError('imported')")
    assert "north" not in names(Selection.of(["north", "sample4geo"], ["north"]))
    assert "module_north" not in sys.modules


def test_what_is_always_on_can_be_blocked(site):
    assert "orbitview" not in names(Selection.of(blocked=["orbitview"]))


def test_blocking_an_unknown_plugin_is_an_error_with_a_suggestion(site):
    with pytest.raises(PluginError, match="did you mean 'orbitview'"):
        load_plugins(Selection.of(blocked=["orbitviw"]))


def test_the_core_can_not_be_blocked(site):
    with pytest.raises(PluginError, match="'core': can't be blocked"):
        load_plugins(Selection.of(blocked=["core"]))


def test_safe_mode_loads_the_core_alone(site):
    plugins = load_plugins(["none"])
    assert list(plugins.versions) == ["core"]
    assert plugins.catalog.names("losses") == []
    assert "flip" in plugins.catalog.names("transforms")


def test_safe_mode_can_not_be_mixed_with_plugins(site):
    with pytest.raises(PluginError, match="plugins are off"):
        load_plugins(["none", "sample4geo"])
    with pytest.raises(PluginError, match="plugins are off"):
        load_plugins(["none"], also=["sample4geo"])


def test_an_unknown_plugin_is_an_error_with_a_suggestion_and_the_list(site):
    with pytest.raises(PluginError) as caught:
        load_plugins(["sample4go"])
    assert "plugin 'sample4go': is unknown" in str(caught.value)
    assert "did you mean 'sample4geo'?" in str(caught.value)
    assert "orbitview" in str(caught.value)
    assert caught.value.exit_code == 2


def test_what_a_recipe_requires_is_loaded_too(site):
    site.plugin("north", EMPTY)
    assert names(also=["north"])[:3] == ["core", "sample4geo", "north"]


def test_what_is_required_and_blocked_is_an_error(site):
    with pytest.raises(PluginError, match="'orbitview': is required, and blocked"):
        load_plugins(Selection.of(blocked=["orbitview"]), also=["orbitview"])


def test_a_file_is_loaded_when_the_user_names_it(site, tmp_path, loss_source):
    path = tmp_path / "mine.py"
    path.write_text(loss_source["one"])
    plugins = load_plugins([str(path)])
    assert plugins.catalog.find("losses", "mine:same").id == "mine:same"
    assert plugins.versions["mine"].startswith("mine.py sha256:")


def test_a_file_is_not_loaded_because_something_else_asks_for_it(site, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    for wish in (str(path), "module_north", "package.module"):
        with pytest.raises(PluginError, match="loaded only when you name them"):
            load_plugins(also=[wish])
    assert not (tmp_path / "ran").exists()


def test_a_file_that_the_user_names_satisfies_what_else_asks_for_it(
    site, tmp_path, loss_source, monkeypatch
):
    (tmp_path / "mine.py").write_text(loss_source["one"])
    monkeypatch.chdir(tmp_path)
    for wish in ("mine", "mine.py", str(tmp_path / "mine.py")):
        assert "mine" in names(["./mine.py"], also=[wish])


def test_a_path_recorded_elsewhere_means_the_file_of_that_name_which_the_user_names(
    site, tmp_path, loss_source, monkeypatch
):
    (tmp_path / "mine.py").write_text(loss_source["one"])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "mine" in names([str(tmp_path / "mine.py")], also=["./mine.py"])
    with pytest.raises(PluginError, match="loaded only when you name them"):
        names([str(tmp_path / "mine.py")], also=["./yours.py"])


def test_the_version_of_a_file_changes_with_its_contents(site, tmp_path, loss_source):
    path = tmp_path / "mine.py"
    path.write_text(loss_source["one"])
    before = load_plugins([str(path)])
    path.write_text(loss_source["one"].replace("same", "other"))
    after = load_plugins([str(path)])
    assert before.versions["mine"] != after.versions["mine"]
    assert "other" in after.catalog.names("losses")
    assert "same" not in after.catalog.names("losses")


def test_a_file_does_not_shadow_a_module_of_its_name(site, tmp_path, loss_source):
    path = tmp_path / "json.py"
    path.write_text(loss_source["one"])
    load_plugins([str(path)])
    assert sys.modules["json"].__file__ != str(path)


def test_a_folder_with_several_files_is_a_plugin_of_its_name(site, tmp_path, loss_source):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "__init__.py").write_text("from .losses import georet_losses\n")
    (folder / "losses.py").write_text(loss_source["one"])
    assert load_plugins([str(folder)]).catalog.find("losses", "same").id == "mine:same"


def test_a_missing_file_is_an_error_that_names_it(site):
    with pytest.raises(PluginError, match=r"'\./nowhere\.py': can't be read: No such file"):
        load_plugins(["./nowhere.py"])


def test_a_file_without_hooks_is_an_error(site, tmp_path):
    path = tmp_path / "mine.py"
    path.write_text("def georet_loses(): ...\n")
    with pytest.raises(PluginError, match="implements no hook"):
        load_plugins([str(path)])


def test_a_module_is_loaded_when_the_user_names_it(site, loss_source):
    site.module("module_north", loss_source["one"])
    assert load_plugins(["module_north"]).catalog.find("losses", "same").id == "module_north:same"


def test_the_module_of_an_installed_plugin_means_that_plugin(site):
    assert names(["georet_sample4geo"]) == names(["sample4geo"])


def test_two_plugins_of_one_name_are_an_error(site, tmp_path, loss_source):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text(loss_source["one"])
    with pytest.raises(PluginError, match="stands for two plugins") as caught:
        load_plugins([str(tmp_path / "a" / "mine.py"), str(tmp_path / "b" / "mine.py")])
    assert str(Path("a") / "mine.py") in str(caught.value)
    assert str(Path("b") / "mine.py") in str(caught.value)


def test_what_to_select_to_get_the_same_plugins_again_is_kept(site, tmp_path, loss_source):
    path = tmp_path / "mine.py"
    path.write_text(loss_source["one"])
    plugins = load_plugins([str(path)], also=["sample4geo"])
    assert plugins.wishes == [str(path), "sample4geo"]
