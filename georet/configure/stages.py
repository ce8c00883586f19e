"""The stages of an evaluation, from what a configuration says of them."""

from __future__ import annotations

from collections.abc import Sequence

from georet.config import ComponentSpec, StageSpec
from georet.configure.inline import stage_of
from georet.errors import ComponentError, ConfigError
from georet.evaluate.stages import Stage
from georet.places import STAGE_KINDS
from georet.plugins import Plugins
from georet.search.reranking import accepts
from georet.suggest import hint_for


def stage_kind(name: str, plugins: Plugins, *, where: str) -> str:
    """Return whether a name is a re-ranker's or a refiner's; ComponentError for none and for both.

    A short name that several plugins use is told apart later, where it is looked up.
    """
    catalog = plugins.catalog
    known = {
        kind: {name for entry in catalog.entries(kind) for name in (entry.id, entry.component.name)}
        for kind in STAGE_KINDS
    }
    found = [kind for kind in STAGE_KINDS if name in known[kind]]
    if len(found) == 1:
        return found[0]
    if found:
        raise ComponentError(
            f"{name!r} is the name of a re-ranker and of a refiner",
            where=where,
            hint="Call one of them otherwise; a plugin's name before it doesn't tell them apart.",
        )
    every = [name for kind in STAGE_KINDS for name in catalog.names(kind)]
    raise ComponentError(
        f"there is no {name!r} among the {' and '.join(STAGE_KINDS)}",
        where=where,
        hint=hint_for(name, every, "there are")
        if every
        else "None of the loaded plugins brings any: --plugins names more.",
    )


def make_stages(
    specs: Sequence[StageSpec], plugins: Plugins, *, where: str = "evaluate.stages"
) -> list[Stage]:
    """Build the stages of a configuration, each with the number of references that it sees."""
    stages = []
    for number, spec in enumerate(specs):
        place = f"{where}.{number}"
        kind = stage_kind(spec.name, plugins, where=place)
        stages.append(_made(spec, kind, plugins, place))
    return stages


def stage_named(text: str, kind: str, plugins: Plugins, *, where: str) -> Stage:
    """Build the stage of a command line: ``sift``, ``mine:sift:ratio=0.8,top=5``."""
    return _made(stage_of(text, where=where), kind, plugins, where)


def _made(spec: StageSpec, kind: str, plugins: Plugins, where: str) -> Stage:
    bare = ComponentSpec.model_validate({"name": spec.name, **spec.options})
    made = plugins.catalog.create(kind, bare, where=where)
    entry = plugins.catalog.find(kind, spec.name, where=where)
    top = min(spec.top or made.max_candidates, made.max_candidates)
    if spec.known and not (kind == "refiners" and accepts(made, "camera")):
        raise ConfigError(
            f"{entry.id} asks for nothing known of a camera",
            where=f"{where}.known",
            hint="Leave `known` out; a refiner with a parameter `camera` is told of it.",
        )
    return Stage(made, kind, entry.id, int(top), spec.options, spec.known)
