"""Factories that ask for the context of the run that they are built for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from georet.commands.training import start_run
from georet.components import Component
from georet.config import ComponentSpec
from georet.contracts.building import BuildContext
from georet.errors import ComponentError, ConfigError
from georet.plugins import Selection
from georet.plugins.catalog import Catalog
from georet.plugins.describing import describe_component
from georet.plugins.discovery import Source

OWNER = Source("north", "module_north", "dist-north", "1.0", "north")


class Called:
    """What makes a stand-in a loss."""

    def __call__(self, embedded: object) -> None: ...


class Told(Called):
    """A component that must know its context."""

    def __init__(self, context: BuildContext, margin: float = 0.2) -> None:
        self.context, self.margin = context, margin


class Content(Called):
    """A component that gets along without."""

    def __init__(self, *, context: BuildContext | None = None) -> None:
        self.context = context


class Outer(Called):
    """A component that holds another."""

    def __init__(self, inner: ComponentSpec, context: BuildContext) -> None:
        self.inner = context.create("losses", inner, "inner")


@dataclass
class Settings:
    margin: float = 0.2


def make_told(settings: Settings, context: BuildContext) -> Told:
    return Told(context, settings.margin)


@pytest.fixture
def catalog() -> Catalog:
    made = Catalog()
    components = [
        Component("told", Told),
        Component("content", Content),
        Component("outer", Outer),
        Component("configured", make_told, config=Settings),
    ]
    for component in components:
        made.add("losses", component, OWNER)
    return made


@pytest.fixture
def context(catalog: Catalog) -> BuildContext:
    return BuildContext(catalog, {"query": (4, 5)}, Path("run"), ("query",), seed=3)


def spec(name: str, **values: object) -> ComponentSpec:
    return ComponentSpec.model_validate({"name": name, **values})


@pytest.mark.parametrize("name", ["told", "configured"])
def test_a_factory_with_a_parameter_context_is_told_where_it_is_built(catalog, context, name):
    made = catalog.create("losses", spec(name, margin=1), where="losses.0", context=context)
    assert made.margin == 1
    assert made.context == context.at("losses.0")
    assert (made.context.sizes, made.context.seed) == ({"query": (4, 5)}, 3)


@pytest.mark.parametrize("name", ["told", "content", "configured"])
def test_the_context_is_no_option(catalog, context, name):
    with pytest.raises(ConfigError, match="unknown key 'context'"):
        catalog.create("losses", spec(name, context=1), where="losses.0", context=context)
    assert "context" not in catalog.options_schema("losses", name).get("properties", {})
    assert "context" not in [o.name for o in describe_component(catalog, name).options]


def test_a_factory_that_needs_the_context_says_so_where_there_is_none(catalog):
    with pytest.raises(ComponentError) as caught:
        catalog.create("losses", "told", where="--loss")
    assert str(caught.value).startswith("--loss, plugin 'north' (dist-north 1.0): 'north:told' is")
    assert "here is no run" in str(caught.value)
    catalog.check("losses", "told")


def test_a_factory_with_a_default_gets_along_without_a_context(catalog, context):
    assert catalog.create("losses", "content").context is None
    assert catalog.create("losses", "content", context=context).context is not None


def test_an_annotation_that_exists_for_type_checkers_alone_is_no_hindrance(context):
    def factory(context: "SomewhereElse", margin: float = 0.2) -> Told:  # noqa: F821, UP037
        return Told(context, margin)

    catalog = Catalog()
    catalog.add("losses", Component("lazy", factory), OWNER)
    assert catalog.create("losses", spec("lazy", margin="2"), context=context).margin == 2


def test_a_component_within_another_is_made_through_the_context(catalog, context):
    nested = spec("outer", inner={"name": "outer", "inner": {"name": "told", "margin": 7}})
    made = catalog.create("losses", nested, where="losses.0", context=context)
    assert made.inner.inner.margin == 7
    assert made.inner.inner.context.where == "losses.0.inner.inner"


@pytest.mark.parametrize(
    ("inner", "text"),
    [
        ({"name": "told", "margn": 7}, "losses.0.inner.margn: unknown key 'margn'\n  did you mean"),
        ({"name": "tld"}, "losses.0.inner: there is no 'tld' among the losses\n  did you mean"),
        ({"name": "told", "margin": "x"}, "losses.0.inner.margin: 'x' does not fit"),
        ({"margin": 7}, "losses.0.inner"),
        ("tld", "losses.0.inner"),
    ],
)
def test_a_mistake_in_a_component_within_another_names_the_whole_place(
    catalog, context, inner, text
):
    with pytest.raises((ComponentError, ConfigError)) as caught:
        catalog.create("losses", spec("outer", inner=inner), where="losses.0", context=context)
    assert str(caught.value).startswith(text)


EVERYWHERE = """
from georet import Component, hookimpl
from georet.testing.tiny import TinyDataset
from georet.testing.tiny_backbone import TinyBackbone
import torch

seen = {}


def note(kind, context):
    seen[kind] = context


class Data(TinyDataset):
    def __init__(self, root: str, context) -> None:
        note("datasets", context)
        super().__init__(root=root)


class Trunk(TinyBackbone):
    def __init__(self, context) -> None:
        note("backbones", context)
        super().__init__()


class Diagonal(torch.nn.Module):
    def __init__(self, context) -> None:
        note("losses", context)
        super().__init__()

    def forward(self, embedded):
        return -(embedded.query * embedded.reference).sum(1).mean()


class Order:
    def __init__(self, context) -> None:
        note("samplers", context)
        self._inner = context.create("samplers", "random", "inner")

    def wants_bank(self, epoch):
        return None

    def plan(self, *arguments, **options):
        return self._inner.plan(*arguments, **options)


def same(context):
    note("transforms", context)
    return lambda image, rng: image


def zero(context):
    note("metrics", context)
    return lambda ranking: {"zero": 0.0}


@hookimpl
def georet_datasets():
    yield Component("data", Data)


@hookimpl
def georet_backbones():
    yield Component("trunk", Trunk)


@hookimpl
def georet_losses():
    yield Component("diagonal", Diagonal)


@hookimpl
def georet_samplers():
    yield Component("order", Order)


@hookimpl
def georet_transforms():
    yield Component("same", same)


@hookimpl
def georet_metrics():
    yield Component("zero", zero)
"""


def test_a_run_tells_every_component_its_views_sizes_folder_and_seed(site, tmp_path):
    (tmp_path / "everywhere.py").write_text(EVERYWHERE)
    settings: dict[str, Any] = {
        "dataset": {"name": "data", "root": str(tmp_path / "data")},
        "data": {
            "size": {"query": [32, 24], "reference": [32, 32]},
            "augment": {"query": ["same"]},
        },
        "encoder": {"backbone": "trunk"},
        "losses": ["diagonal"],
        "sampler": "order",
        "seed": 4,
        "device": "cpu",
        "train": {"epochs": 1, "batch_size": 8},
    }
    (tmp_path / "run.yaml").write_text(yaml.safe_dump(settings))
    plugins = ["sample4geo", str(tmp_path / "everywhere.py")]
    run = start_run(
        selection=Selection.of(plugins),
        recipe="none",
        path=tmp_path / "run.yaml",
        out=tmp_path / "run",
    )
    import sys

    (module,) = [m for n, m in sys.modules.items() if n.startswith("_georet_plugin_everywhere")]
    kinds = {"datasets", "backbones", "losses", "samplers", "transforms", "metrics"}
    assert set(module.seen) == kinds
    for context in module.seen.values():
        assert context.run_dir == run
        assert context.sizes == {"query": (32, 24), "reference": (32, 32)}
        assert (context.views, context.seed) == (("query", "reference"), 4)
