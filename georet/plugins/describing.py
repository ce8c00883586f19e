"""What ``georet plugins show`` says of one component: whose it is, and its options."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from georet.components import KINDS
from georet.errors import ComponentError
from georet.plugins.catalog import Catalog
from georet.plugins.entry import Entry
from georet.plugins.options import schema
from georet.suggest import hint_for

_NAMES: Final = {"string": "text", "null": "none", "object": "mapping"}
_SENTENCE: Final = re.compile(r"(?<=[.:])\s+(?=[A-Z`])")


@dataclass(frozen=True)
class OptionInfo:
    """An option; ``default`` is as it is written in YAML, None where one must be given."""

    name: str
    type: str
    default: str | None
    description: str


@dataclass(frozen=True)
class ComponentDetails:
    """A component with its options; ``missing`` are required modules that are not installed.

    The options of a component of which something is missing are not known.
    """

    id: str
    kind: str
    owner: str
    summary: str
    about: str
    options: tuple[OptionInfo, ...]
    missing: tuple[str, ...]


def describe_component(catalog: Catalog, name: str, *, kind: str | None = None) -> ComponentDetails:
    """Return what there is to know of the component of that id or short name.

    Raises ComponentError: unknown, with the closest name, or several of that name, with their
    kinds and owners; PluginError where its factory can't be imported.
    """
    kinds = [kind] if kind else KINDS
    every = [entry for each in kinds for entry in catalog.entries(each)]
    found = [entry for entry in every if name in (entry.id, entry.component.name)]
    if not found:
        names = [n for entry in every for n in (entry.component.name, entry.id)]
        raise ComponentError(
            f"there is no component {name!r}",
            hint=hint_for(name, names if ":" in name else names[::2], "components")
            + "\n  Those of a plugin that isn't loaded are found with --plugins NAME or FILE.",
        )
    if len(found) > 1:
        listed = ", ".join(f"{entry.id} ({entry.kind})" for entry in found)
        raise ComponentError(
            f"{name!r} is the name of {len(found)} components: {listed}",
            hint="Name the owner too, as in plugin:name, or choose by --kind.",
        )
    return _details(found[0])


def _details(entry: Entry) -> ComponentDetails:
    component, missing = entry.component, entry.missing
    about, options = "", tuple[OptionInfo, ...]()
    if not missing:
        sources = [entry.config(), entry.factory()]
        texts = [inspect.getdoc(source) or "" for source in sources if source is not None]
        about = texts[-1]
        found = schema(entry)
        options = tuple(
            _option(name, values, found, "\n\n".join(texts))
            for name, values in found.get("properties", {}).items()
        )
    return ComponentDetails(
        entry.id, entry.kind, str(entry.owner), component.summary, about, options, missing
    )


def _option(
    name: str, values: Mapping[str, Any], whole: Mapping[str, Any], text: str
) -> OptionInfo:
    default = None
    if name not in whole.get("required", ()):
        default = json.dumps(values["default"]) if "default" in values else "of the component"
    return OptionInfo(
        name,
        _type(values, whole),
        default,
        str(values.get("description") or _said_of(name, text)),
    )


def _said_of(name: str, text: str) -> str:
    """Return the sentences of a docstring that speak of an option, marked as ````name````."""
    plain = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    sentences = [s for paragraph in plain for s in _SENTENCE.split(paragraph)]
    mark = re.compile(rf"``{re.escape(name)}(``|[:= ])")
    return " ".join(dict.fromkeys(s.rstrip(":") for s in sentences if mark.search(s)))


def _type(values: Mapping[str, Any], whole: Mapping[str, Any]) -> str:
    """Return the type in a JSON schema in words that people use in YAML."""
    if "$ref" in values:
        name = str(values["$ref"]).removeprefix("#/$defs/")
        return _type(whole.get("$defs", {}).get(name, {"type": "object"}), whole)
    if "enum" in values or "const" in values:
        return " | ".join(json.dumps(value) for value in values.get("enum", [values.get("const")]))
    for key in ("anyOf", "oneOf"):
        if key in values:
            return " | ".join(dict.fromkeys(_type(each, whole) for each in values[key]))
    kind = values.get("type")
    if kind == "array":
        inner = values.get("items") or {}
        return f"list of {_type(inner, whole)}" if inner else "list"
    if kind == "string" and values.get("format") in ("path", "file-path", "directory-path"):
        return "path"
    return _NAMES.get(str(kind), str(kind)) + _limits(values) if kind else "anything"


def _limits(values: Mapping[str, Any]) -> str:
    signs = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}
    found = [f"{sign} {values[key]:g}" for key, sign in signs.items() if key in values]
    return f" ({', '.join(found)})" if found else ""
