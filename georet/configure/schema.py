"""The JSON schema of a configuration file, with the options of the components in the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from georet.config import RunConfig
from georet.config.parts import CameraColumn
from georet.errors import GeoretError
from georet.places import COMPONENT_PLACES, STAGE_KINDS, STAGES
from georet.plugins.catalog import Catalog

Schema = dict[str, Any]


def config_schema(catalog: Catalog) -> Schema:
    """Return the schema of what a user's file may hold: no key is required, a recipe may give it.

    A component section is a name, or a mapping with the name and the options that belong to it.
    The options of a component that can't be imported here are left open.
    """
    schema = RunConfig.model_json_schema()
    definitions: Schema = schema["$defs"]
    for kind in sorted(set(COMPONENT_PLACES.values())):
        named = [(k, n) for k in _kinds(kind) for n in catalog.names(k)]
        sections = [_section(catalog, k, name, definitions) for k, name in named]
        names = [name for _, name in named]
        definitions[kind] = {"anyOf": [{"type": "string", "examples": names}, *sections]}
    for name in ("ComponentSpec", "LossSpec", "StageSpec"):
        definitions.pop(name, None)
    _point(schema["properties"], "dataset", "datasets")
    _point(schema["properties"], "sampler", "samplers")
    _point(schema["properties"]["losses"], "items", "losses")
    _point(schema["properties"]["fits"], "items", "fits")
    encoder, data = definitions["EncoderConfig"], definitions["DataConfig"]
    for key, kind in (("optimizer", "optimizers"), ("schedule", "schedules")):
        _point(definitions["TrainConfig"]["properties"], key, kind)
    _point(encoder["properties"], "backbone", "backbones")
    for several in ("view_backbones", "backbones"):
        _point(encoder["properties"][several], "additionalProperties", "backbones")
    _point(data["properties"]["joint"], "items", "transforms")
    _point(data["properties"]["augment"]["additionalProperties"], "items", "transforms")
    _point(definitions["EvaluateConfig"]["properties"]["stages"], "items", STAGES)
    for part in (schema, encoder):
        part.pop("required", None)
    return schema


def _kinds(kind: str) -> Sequence[str]:
    return STAGE_KINDS if kind == STAGES else (kind,)


def _point(holder: Schema, key: str, kind: str) -> None:
    holder[key] = {"$ref": f"#/$defs/{kind}"}


def _section(catalog: Catalog, kind: str, name: str, definitions: Schema) -> Schema:
    """Return the schema of one component's section; what it refers to goes to ``definitions``."""
    entry = catalog.find(kind, name)
    try:
        options = catalog.options_schema(kind, name)
    except GeoretError as error:
        options = {"type": "object", "$comment": error.what}
    # References name the component, as two of them may define one name.
    definitions |= {f"{entry.id}.{own}": one for own, one in options.pop("$defs", {}).items()}
    properties: Schema = {"name": {"enum": sorted({name, entry.id})}}
    if kind == "losses":
        properties["weight"] = {"type": "number", "minimum": 0, "default": 1.0}
    if kind in STAGE_KINDS:
        properties["top"] = {"type": "integer", "minimum": 1}
        columns = list(get_args(CameraColumn))
        properties["known"] = {"type": "array", "items": {"enum": columns}}
    options["properties"] = properties | options.get("properties", {})
    options["required"] = ["name"]
    options["description"] = entry.component.summary
    options.pop("title", None)
    return options
