"""Names, owners, conflicts, and making a component from its name and options."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Annotated, Literal

import pytest
import torch
from pydantic import BaseModel, Field

from georet.components import Component
from georet.config import ComponentSpec
from georet.errors import ComponentError, ConfigError, MissingExtraError, PluginError
from georet.plugins import load_plugins
from georet.plugins.catalog import Catalog
from georet.plugins.discovery import Source
from georet.plugins.entry import is_installed

OWNER = Source("north", "module_north", "dist-north", "1.0", "north")
FIRST_PARTY = Source("orbitview", "georet_orbitview", "georet", "0.1", "orbitview")


class Called:
    """What makes a stand-in a loss."""

    def __call__(self, embedded: object) -> None: ...


class Hinge(Called):
    """A component with every sort of option."""

    def __init__(
        self,
        *,
        margin: Annotated[float, Field(gt=0)] = 0.2,
        mode: Literal["hard", "soft"] = "hard",
        root: Path | None = None,
        sizes: tuple[int, int] = (1, 2),
    ) -> None:
        if margin > 100:
            raise ValueError("too wide")
        self.values = {"margin": margin, "mode": mode, "root": root, "sizes": sizes}


@dataclasses.dataclass
class Settings(Called):
    """Options as a dataclass."""

    margin: float
    mode: str = "hard"


class Model(BaseModel, Called):
    """Options as a model that would ignore unknown keys by itself."""

    margin: float = 0.2


def catalog_of(*components: Component, owner: Source = OWNER) -> Catalog:
    catalog = Catalog()
    for component in components:
        catalog.add("losses", component, owner)
    return catalog


def spec(**values: object) -> ComponentSpec:
    return ComponentSpec.model_validate({"name": "hinge", **values})


def test_a_component_is_found_by_short_name_and_by_canonical_id():
    catalog = catalog_of(Component("hinge", Hinge))
    assert catalog.find("losses", "hinge") is catalog.find("losses", "north:hinge")


def test_two_plugins_with_one_component_name_are_an_error_with_both_owners(site, loss_source):
    site.plugin("north", loss_source["one"])
    site.plugin("south", loss_source["one"])
    catalog = load_plugins(["north", "south"]).catalog
    with pytest.raises(ComponentError) as caught:
        catalog.create("losses", "same", where="losses.0")
    message = str(caught.value)
    assert "plugin 'north' (dist-north 1.0)" in message
    assert "plugin 'south' (dist-south 1.0)" in message
    assert "north:same or south:same" in message
    assert message.startswith("losses.0: ")
    assert catalog.create("losses", "south:same") is dict
    assert {"north:same", "south:same"} <= set(catalog.names("losses"))
    assert "same" not in catalog.names("losses")


def test_the_same_name_in_two_kinds_is_no_conflict():
    catalog = catalog_of(Component("hinge", Hinge))
    catalog.add("samplers", Component("hinge", Hinge), OWNER)
    assert catalog.find("samplers", "hinge").kind == "samplers"


def test_an_unknown_component_is_an_error_with_a_suggestion():
    with pytest.raises(ComponentError, match="did you mean 'hinge'"):
        catalog_of(Component("hinge", Hinge)).find("losses", "hnge")


def test_an_unknown_component_of_a_plugin_that_is_not_loaded_says_how_to_load_it():
    with pytest.raises(ComponentError, match="--plugins south"):
        catalog_of(Component("hinge", Hinge)).find("losses", "south:hinge")


def test_an_unknown_component_mentions_plugins_that_are_broken():
    with pytest.raises(ComponentError, match="plugin 'datasets' is broken: no numpy"):
        Catalog({"datasets": "no numpy"}).find("losses", "hinge")


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ComponentError, match="did you mean 'losses'"):
        Catalog().names("losse")


def test_a_lazy_component_is_imported_when_it_is_made_and_not_before(site):
    site.module("module_lazy", "class Loss:\n    def __call__(self, embedded):\n        pass\n")
    catalog = catalog_of(Component("hinge", "module_lazy:Loss"))
    catalog.find("losses", "hinge")
    assert "module_lazy" not in sys.modules
    assert type(catalog.create("losses", "hinge")).__name__ == "Loss"


@pytest.mark.parametrize("target", ["module_nowhere:Loss", "georet.types:Loss"])
def test_a_lazy_string_that_leads_nowhere_names_component_and_plugin(target):
    catalog = catalog_of(Component("hinge", target))
    with pytest.raises(PluginError) as caught:
        catalog.create("losses", "hinge")
    assert "plugin 'north' (dist-north 1.0)" in str(caught.value)
    assert "losses 'north:hinge'" in str(caught.value)
    assert target in str(caught.value)


@pytest.mark.parametrize(
    ("owner", "extra", "command"),
    [
        (FIRST_PARTY, "demo", "pip install 'georet[demo]'"),
        (OWNER, None, "pip install nowhere.at_all"),
    ],
)
def test_a_missing_requirement_says_what_to_install(owner, extra, command):
    component = Component("hinge", Hinge, requires=("json", "nowhere.at_all"), extra=extra)
    catalog = catalog_of(component, owner=owner)
    assert catalog.find("losses", "hinge").missing == ("nowhere.at_all",)
    with pytest.raises(MissingExtraError) as caught:
        catalog.create("losses", "hinge", where="losses.0")
    assert str(caught.value).endswith(command)
    assert "losses.0" in str(caught.value)


def test_looking_for_a_requirement_imports_nothing(site):
    package = site.folder / "module_package" / "inner"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "leaf.py").write_text("raise RuntimeError('imported')")
    assert is_installed("module_package.inner.leaf")
    assert is_installed("module_package.inner")
    assert not is_installed("module_package.inner.other")
    assert not is_installed("module_nowhere.inner")
    assert "module_package" not in sys.modules


def test_options_are_passed_as_the_annotation_says():
    made = catalog_of(Component("hinge", Hinge)).create(
        "losses", spec(margin="0.5", root="a/b", sizes=[3, 4])
    )
    assert made.values == {"margin": 0.5, "mode": "hard", "root": Path("a/b"), "sizes": (3, 4)}


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"margn": 1}, "losses.0.margn: unknown key 'margn'\n  did you mean 'margin'?"),
        ({"margin": "wide"}, "losses.0.margin: 'wide' does not fit: input should be a valid num"),
        ({"margin": 0}, "losses.0.margin: 0 does not fit: input should be greater than 0"),
        ({"mode": "mild"}, "losses.0.mode: 'mild' does not fit: input should be 'hard' or 'soft'"),
        ({"sizes": [1, "x"]}, "losses.0.sizes.1: 'x' does not fit"),
    ],
)
def test_wrong_options_name_the_key_and_what_was_expected(values, text):
    catalog = catalog_of(Component("hinge", Hinge))
    for check in (catalog.create, catalog.check):
        with pytest.raises(ConfigError) as caught:
            check("losses", spec(**values), where="losses.0")
        assert text in str(caught.value)


def test_checking_makes_nothing():
    made = []
    catalog = catalog_of(Component("hinge", lambda: made.append(1) or Hinge()))
    catalog.check("losses", "hinge")
    assert made == []
    catalog.create("losses", "hinge")
    assert made == [1]


def test_a_factory_that_refuses_its_options_names_place_and_plugin():
    catalog = catalog_of(Component("hinge", Hinge))
    with pytest.raises(ComponentError, match=r"ValueError: too wide") as caught:
        catalog.create("losses", spec(margin=101), where="losses.0")
    assert "losses.0, plugin 'north' (dist-north 1.0)" in str(caught.value)


def test_an_error_of_georet_in_a_factory_keeps_its_kind_and_gains_the_place():
    def factory() -> None:
        raise MissingExtraError("no imagery", hint="install it")

    with pytest.raises(MissingExtraError) as caught:
        catalog_of(Component("hinge", factory)).create("losses", "hinge", where="losses.0")
    assert str(caught.value) == "losses.0 (north:hinge): no imagery\n  install it"


@pytest.mark.parametrize("config", [Settings, f"{__name__}:Settings"])
def test_a_dataclass_of_options_is_validated_and_passed_whole(config, monkeypatch):
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or _this_module())
    catalog = catalog_of(Component("hinge", lambda settings: settings, config=config))
    assert catalog.create("losses", spec(margin="1")) == Settings(1.0)
    with pytest.raises(ConfigError, match=r"losses.0.mod: unknown key"):
        catalog.create("losses", spec(margin=1, mod="x"), where="losses.0")
    with pytest.raises(ConfigError, match=r"losses.0.margin: is required"):
        catalog.create("losses", spec(), where="losses.0")


def _this_module() -> object:
    from types import SimpleNamespace

    return SimpleNamespace(Settings=Settings)


def test_a_model_of_options_refuses_unknown_keys_even_where_it_would_ignore_them():
    catalog = catalog_of(Component("hinge", lambda model: model, config=Model))
    assert catalog.create("losses", spec(margin=1)) == Model(margin=1)
    with pytest.raises(ConfigError, match="did you mean 'margin'"):
        catalog.create("losses", spec(margi=1), where="losses.0")


def test_a_module_without_a_constructor_of_its_own_has_no_options():
    class Plain(torch.nn.Module):
        pass

    catalog = catalog_of(Component("hinge", Plain))
    assert isinstance(catalog.create("losses", "hinge"), Plain)
    with pytest.raises(ConfigError, match="unknown key 'a'"):
        catalog.create("losses", spec(a=1), where="losses.0")


def test_a_parameter_without_annotation_is_the_plugins_mistake():
    catalog = catalog_of(Component("hinge", lambda margin: margin))
    with pytest.raises(PluginError, match="parameter 'margin' must be annotated"):
        catalog.create("losses", "hinge")


def test_an_annotation_that_exists_for_type_checkers_alone_is_the_plugins_mistake():
    def factory(margin: "Decimal") -> None: ...  # noqa: F821, UP037

    with pytest.raises(PluginError, match="name 'Decimal' is not defined"):
        catalog_of(Component("hinge", factory)).create("losses", "hinge")


def test_the_schema_of_options_has_types_defaults_and_no_other_keys():
    catalog = catalog_of(Component("hinge", Hinge))
    schema = catalog.options_schema("losses", "north:hinge")
    assert schema["properties"]["mode"]["enum"] == ["hard", "soft"]
    assert schema["properties"]["margin"]["default"] == 0.2
    assert schema["additionalProperties"] is False


def test_the_schema_leaves_open_what_json_can_not_say():
    def factory(dtype: torch.dtype = torch.float32, margin: float = 0.2) -> None: ...

    schema = catalog_of(Component("hinge", factory)).options_schema("losses", "hinge")
    assert set(schema["properties"]) == {"dtype", "margin"}
