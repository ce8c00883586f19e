"""What ``georet plugins`` knows of plugins, and how little it imports for it."""

from __future__ import annotations

import sys

import pytest

from georet.errors import PluginError
from georet.plugins import PluginInfo, Selection, list_plugins


def listed(*args: object, **kwargs: object) -> dict[str, PluginInfo]:
    return {info.name: info for info in list_plugins(*args, **kwargs)}


def test_an_available_plugin_is_listed_from_its_metadata_without_import(site):
    site.plugin("north", "raise RuntimeError('imported')")
    info = listed()["north"]
    assert (info.distribution, info.version, info.status) == ("dist-north", "1.0", "available")
    assert info.reason == "--plugins north"
    assert "module_north" not in sys.modules


def test_an_active_plugin_shows_its_kinds_and_components(site, loss_source):
    site.plugin("north", loss_source["one"])
    info = listed(Selection.of(["north"]))["north"]
    assert (info.status, info.kinds) == ("active", ("losses",))
    assert info.components[0].id == "north:same"


def test_a_component_shows_what_it_misses(site):
    source = """
        from georet import Component, hookimpl

        @hookimpl
        def georet_losses():
            yield Component("same", "torch:Loss", requires=("nowhere.at_all", "json"))
    """
    site.plugin("north", source)
    assert listed(Selection.of(["north"]))["north"].components[0].missing == ("nowhere.at_all",)


def test_a_named_plugin_that_raises_on_import_is_listed_as_broken_with_the_reason(
    site, loss_source
):
    site.plugin("north", loss_source["raises"])
    info = listed(Selection.of(["north"]))["north"]
    assert info.status == "broken"
    assert "no licence for Tuesdays" in info.reason


def test_an_available_plugin_that_raises_on_import_is_found_broken_by_a_check(site, loss_source):
    site.plugin("north", loss_source["raises"])
    assert listed()["north"].status == "available"
    assert listed(check=True)["north"].status == "broken"


def test_a_check_shows_what_available_plugins_bring(site, loss_source):
    site.plugin("north", loss_source["one"])
    info = listed(check=True)["north"]
    assert (info.status, info.kinds) == ("available", ("losses",))


def test_a_plugin_whose_module_is_gone_is_broken_without_import(site):
    site.install("dist-north", north="module_nowhere")
    info = listed()["north"]
    assert info.status == "broken"
    assert "no module 'module_nowhere'" in info.reason


def test_two_distributions_with_one_plugin_name_are_broken_and_both_are_named(site):
    site.module("module_north", "")
    site.install("dist-a", "1.2", north="module_north")
    site.install("dist-b", "3.4", north="module_north")
    info = listed()["north"]
    assert (info.distribution, info.status) == ("dist-a", "broken")
    assert "dist-b 3.4" in info.reason


def test_a_blocked_plugin_is_listed_as_blocked(site):
    assert listed(Selection.of(blocked=["orbitview"]))["orbitview"].status == "blocked"


def test_an_unknown_plugin_is_an_error_in_the_listing_too(site):
    with pytest.raises(PluginError, match="'nort': is unknown"):
        list_plugins(Selection.of(["nort"]))


def test_in_safe_mode_everything_else_is_available(site):
    found = listed(Selection.of(["none"]))
    assert found["core"].status == "active"
    assert {info.status for name, info in found.items() if name != "core"} == {"available"}
