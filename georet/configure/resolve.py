"""Where a run's configuration comes from: core < recipe < file < ``--set``, checked at the end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from georet.config import FIRST_RULE, ComponentSpec, EncoderConfig, RunConfig, Section
from georet.configure.layers import Layer, Layered, file_layer, override_layer
from georet.configure.recipes import NO_RECIPE, load_for, names_in
from georet.configure.stages import stage_kind
from georet.errors import ConfigError, GeoretError
from georet.places import STAGES, components_in, dotted
from georet.plugins import UNSAID, Plugins, Selection
from georet.plugins.selection import named_by_user
from georet.suggest import hint_for
from georet.validation import explain, first_place


def configure(
    *,
    selection: Selection = UNSAID,
    recipe: str | None = None,
    path: Path | None = None,
    overrides: Sequence[str] = (),
    check_components: bool = True,
    trust_file: bool = True,
) -> tuple[RunConfig, Plugins]:
    """Return the configuration of a run and the plugins that it needs, loaded.

    ``recipe`` is a recipe's id, its short name, or ``none``; without one the file's ``recipe:``
    counts, then the default recipe of the first selected plugin that has one. ``overrides`` are
    ``a.b=value``. The plugins' names and the recipe's id are entered into the configuration.
    The file's ``plugins:`` count as named by the user, unless ``trust_file`` is false (a file of a
    run's folder, which may be anybody's): then they are only looked for among the installed ones.

    Raises ConfigError with file, line and key of what is wrong; with ``check_components`` also
    for the components' own options.
    """
    read = file_layer if trust_file else run_layer
    upper = [read(path)] if path is not None else []
    asked, named = (upper[0].take("plugins"), upper[0].take("recipe")) if upper else (None, None)
    upper += [override_layer(text) for text in overrides]
    _check_front_keys(upper)
    named_plugins: Sequence[str] | None = named_by_user(selection.plugins)
    also: list[str] = []
    if asked is not None and not trust_file:
        also = names_in(asked, where=f"{path}: plugins")
    elif asked is not None and named_plugins is None:
        named_plugins = names_in(asked, where=f"{path}: plugins")
    selection = Selection.of(named_plugins, selection.blocked)
    loaded, recipe, layers = load_for(selection, recipe or named, upper, also=also)
    layered = Layered()
    for layer in (core_layer(), *layers, *upper):
        layered.put(layer)
    layered.values |= {"plugins": loaded.wishes, "recipe": recipe or NO_RECIPE}
    config = _checked(layered, loaded)
    check_branches(config.encoder, layered)
    if check_components:
        validate_components(config, loaded, layered)
    return config, loaded


def validate_components(
    config: RunConfig, plugins: Plugins, layered: Layered | None = None
) -> None:
    """Check the name and options of every component section; nothing is constructed.

    With ``layered`` (what the configuration was made from) errors name file and line as well.
    """
    layered = layered or Layered()
    for place, kind, values in components_in(config.model_dump()):
        own = {"losses": ("weight",), STAGES: ("top", "known")}.get(kind, ())
        options = {k: v for k, v in values.items() if k not in own}
        try:
            if kind == STAGES:
                kind = stage_kind(options["name"], plugins, where=dotted(place))
            plugins.catalog.check(kind, ComponentSpec(**options), where=dotted(place))
        except GeoretError as error:
            where = layered.where(error.where) if error.where else None
            raise type(error)(error.what, where=where, hint=error.hint) from error


def check_branches(encoder: EncoderConfig, layered: Layered) -> None:
    """Raise ConfigError for a backbone that no branch has."""
    names = sorted(set(encoder.branches.values()))
    for name in encoder.backbones:
        if name not in names:
            key = f"encoder.backbones.{name}"
            raise ConfigError(
                f"no view is on a branch {name!r}",
                where=layered.where(key),
                hint=hint_for(name, names, "branches in encoder.branches"),
            )
    for view in encoder.view_backbones if encoder.branches else ():
        raise ConfigError(
            "has no effect where branches are named",
            where=layered.where(f"encoder.view_backbones.{view}"),
            hint="Put the backbone under encoder.backbones, by the name of its branch.",
        )


def dump(config: RunConfig) -> str:
    """Return YAML that loads back to the same configuration."""
    values = config.model_dump(mode="json")
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True, default_flow_style=None)


def load_resolved(path: Path) -> RunConfig:
    """Return the configuration that ``dump`` wrote, without any layer under it."""
    layered = Layered()
    layered.put(run_layer(path))
    return _checked(layered, None)


def run_layer(path: Path) -> Layer:
    """Return a run's own configuration; keys that it lacks mean what held when it was made."""
    layer = file_layer(path)
    data = layer.values.setdefault("data", {})
    if isinstance(data, dict):
        data.setdefault("resize", FIRST_RULE)
    return layer


def core_layer() -> Layer:
    """Return the defaults of the sections, so that upper layers merge into them."""
    defaults = {
        name: field.default.model_dump(mode="json")
        for name, field in RunConfig.model_fields.items()
        if isinstance(field.default, Section)
    }
    return Layer("georet's defaults", defaults)


def _checked(layered: Layered, plugins: Plugins | None) -> RunConfig:
    try:
        return RunConfig.model_validate(layered.values)
    except ValidationError as error:
        where = layered.where(dotted(first_place(error)))
        explained = explain(error, RunConfig, where=where)
        if plugins is not None and explained.hint is None and "required" in explained.what:
            recipes = ", ".join(plugins.recipes) or "these plugins bring none, sample4geo does"
            hint = f"Give it, or choose a recipe that does (--recipe): {recipes}"
            explained = ConfigError(explained.what, where=where, hint=hint)
        raise explained from error


def _check_front_keys(upper: Sequence[Layer]) -> None:
    hints = {
        "plugins": "Use --plugins a,b",
        "recipe": "Use --recipe plugin/name",
        "extends": "Only a recipe extends another; a file names one: `recipe: plugin/name`",
    }
    for layer in upper:
        for key in hints.keys() & layer.values.keys():
            raise ConfigError("can't be set here", where=layer.at((key,)), hint=hints[key])
