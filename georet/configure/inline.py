"""A component on the command line: its name, alone or with options behind a colon or ``?``."""

from __future__ import annotations

import re
from typing import Any

import yaml
from pydantic import ValidationError

from georet.config import ComponentSpec, StageSpec
from georet.errors import UsageError
from georet.validation import explain

_COMMA = re.compile(r",(?![^\[\](){}]*[\])}])")
"""A comma outside brackets."""


def spec_of(text: str, *, where: str) -> ComponentSpec:
    """Return the component that ``sift``, ``mine:sift`` or ``sift:ratio=0.8,limit=3`` names.

    The same are ``sift?ratio=0.8&limit=3``, as sources are named, and ``{name: sift, ratio: 0.8}``.
    Values are read as YAML. UsageError for what is none of these.
    """
    values: Any = {}
    if text.lstrip().startswith("{"):
        values = _yaml(text, where)
    else:
        named, equals, _ = text.partition("=")
        mark = "?" if "?" in named else ":"
        name, colon, _ = named.rpartition(mark)
        if equals and not colon:
            raise UsageError(
                f"{text!r} names no component",
                where=where,
                hint=f"Write the name and a colon before the options: {where} NAME:{text}",
            )
        values = {"name": name if equals else text}
        options = text[len(name) + 1 :]
        parts = options.split("&") if mark == "?" else _COMMA.split(options)
        for part in parts if equals else ():
            key, is_given, value = part.partition("=")
            if not key.strip() or not is_given:
                raise UsageError(f"{part!r} is not key=value", where=where)
            values[key.strip()] = _yaml(value, where)
    try:
        return ComponentSpec.model_validate(values)
    except ValidationError as error:
        raise UsageError(
            f"{text!r} names no component", where=where, hint="NAME or NAME:key=value,key=value"
        ) from error


def stage_of(text: str, *, where: str) -> StageSpec:
    """Return the same as a stage, whose ``top`` is the number of candidates that it sees."""
    spec = spec_of(text, where=where)
    try:
        return StageSpec.model_validate(spec.model_dump())
    except ValidationError as error:
        raise explain(error, StageSpec, where=where) from error


def _yaml(text: str, where: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise UsageError(f"{text!r} is no YAML", where=where) from error
