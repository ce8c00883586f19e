import pytest

import georet.testing.plugin
import georet_sample4geo
from georet.errors import GeoretError, PluginError
from georet.testing import check_plugin

HEAD = """
from georet import Component, hookimpl


class Zero:
    def __init__(self, *, by: float = 0.0) -> None:
        self.by = by

    def __call__(self, embedded):
        return 0.0 * embedded.query.sum()


"""


@pytest.fixture
def plugin(tmp_path):
    """Return a function that writes a plugin and returns its path."""

    def write(text):
        path = tmp_path / "mine.py"
        path.write_text(HEAD + text)
        return str(path)

    return write


def losses(component):
    return f"@hookimpl\ndef georet_losses():\n    yield {component}\n"


@pytest.mark.parametrize("which", [georet.testing.plugin, "georet.testing.plugin"])
def test_the_kits_own_plugin_passes_as_module_and_by_name(which):
    plugins = check_plugin(which)
    assert plugins.catalog.find("backbones", "tiny").owner.name == "georet.testing.plugin"


@pytest.mark.parametrize("which", ["sample4geo", "orbitview", "export", georet_sample4geo])
def test_first_party_plugins_pass(which):
    check_plugin(which)


def test_a_file_passes(plugin):
    check_plugin(plugin(losses("Component('zero', Zero, summary='Nothing')")))


def test_a_component_whose_requirement_is_missing_is_passed_over(plugin):
    text = "Component('far', 'nowhere:Loss', summary='Elsewhere', requires=('nowhere',))"
    check_plugin(plugin(losses(text)))


@pytest.mark.parametrize(
    ("component", "error", "words"),
    [
        ("Component('zero', Zero)", AssertionError, "summary"),
        ("Component('Zero Loss', Zero, summary='Nothing')", GeoretError, "name"),
        ("Component('Zero-Loss', Zero, summary='Nothing')", AssertionError, "awkward"),
        ("Component('zero', 3, summary='Nothing')", AssertionError, "leads to a int"),
        ("Component('zero', 'georet:nothing', summary='x')", PluginError, "can't be imported"),
        ("Component('zero', lambda weight: 0, summary='x')", PluginError, "annotated"),
        ("Component('zero', Zero, summary='x', config=int)", PluginError, "neither"),
        ("'zero'", PluginError, "mine"),
    ],
)
def test_a_broken_component_fails_with_the_reason(plugin, component, error, words):
    with pytest.raises(error, match=words):
        check_plugin(plugin(losses(component)))


def test_a_misspelt_hook_fails(plugin):
    with pytest.raises(PluginError, match="georet_losses"):
        check_plugin(plugin("@hookimpl\ndef georet_loses():\n    return []\n"))
