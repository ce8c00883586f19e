"""The JSON schema of a configuration file."""

from __future__ import annotations

import json

from georet.config import RunConfig
from georet.configure.schema import config_schema
from georet.plugins import load_plugins


def section(schema, kind, name):
    choices = schema["$defs"][kind]["anyOf"]
    return next(
        c for c in choices if name in c.get("properties", {}).get("name", {}).get("enum", ())
    )


def test_the_schema_knows_the_options_of_each_component(lab):
    schema = config_schema(load_plugins([lab]).catalog)
    near = section(schema, "samplers", "lab:near")
    assert near["properties"]["pool"] == {"default": 16, "title": "Pool", "type": "integer"}
    assert near["properties"]["name"]["enum"] == ["lab:near", "near"]
    assert near["additionalProperties"] is False


def test_a_loss_has_a_weight_in_the_schema_and_a_sampler_none(lab):
    schema = config_schema(load_plugins([lab]).catalog)
    assert "weight" in section(schema, "losses", "hinge")["properties"]
    assert "weight" not in section(schema, "samplers", "near")["properties"]


def test_every_reference_in_the_schema_leads_somewhere(lab):
    text = json.dumps(schema := config_schema(load_plugins([lab, "sample4geo"]).catalog))
    named = {part.split('"')[0] for part in text.split('"$ref": "#/$defs/')[1:]}
    assert named
    assert named <= set(schema["$defs"])
    assert set(schema["properties"]) == set(RunConfig.model_fields)


def test_a_component_that_can_not_be_imported_is_left_open(lab, tmp_path):
    path = tmp_path / "gap.py"
    path.write_text(
        "from georet import Component, hookimpl\n"
        "@hookimpl\n"
        "def georet_samplers():\n"
        "    yield Component('gap', 'nowhere:Gap', requires=('nowhere',))\n"
    )
    gap = section(config_schema(load_plugins([str(path)]).catalog), "samplers", "gap")
    assert "not installed" in gap["$comment"]
    assert "additionalProperties" not in gap
