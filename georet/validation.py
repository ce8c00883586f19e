"""From pydantic's complaints to errors that say which key, what was expected, what was meant."""

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from types import UnionType
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from georet.errors import ConfigError
from georet.places import Place
from georet.suggest import hint_for


def explain(error: ValidationError, model: Any, *, where: str) -> ConfigError:
    """Return the first complaint as a ConfigError; ``where`` is the place, complete."""
    first = _first(error)
    num_more = len(_complaints(error)) - 1
    more = f" ({num_more} more to mend)" if num_more else ""
    place: Place = first["loc"]
    if first["type"] == "extra_forbidden":
        keys = fields_at(model, place[:-1])
        return unknown_key(str(place[-1]), keys, where=where)
    if first["type"] == "missing":
        return ConfigError(f"is required and was not given{more}", where=where)
    message = first["msg"][:1].lower() + first["msg"][1:]
    shown = repr(first["input"])
    value = shown if len(shown) <= 60 else shown[:57] + "..."
    return ConfigError(f"{value} does not fit: {message}{more}", where=where)


def first_place(error: ValidationError) -> Place:
    """Return where the first complaint points."""
    return _first(error)["loc"]


def _first(error: ValidationError) -> ErrorDetails:
    """Return the first complaint; what is missing comes last, a mistyped key may be the reason."""
    return min(_complaints(error), key=lambda e: e["type"] == "missing")


def _complaints(error: ValidationError) -> list[ErrorDetails]:
    """Return the complaints, one a key: what is a number or a word gets one for each from pydantic.

    Those of one key differ in the last part of their place, which names what was tried.
    """
    every = error.errors(include_url=False)
    words = {
        e["loc"][:-1]: str(e.get("ctx", {}).get("expected"))
        for e in every
        if e["type"] == "literal_error" and str(e["loc"][-1]).startswith("literal[")
    }
    found: list[ErrorDetails] = []
    for one in every:
        key = one["loc"][:-1]
        if key not in words:
            found.append(one)
        elif one["type"] != "literal_error":
            found.append({**one, "loc": key, "msg": f"{one['msg']}, or {words[key]}"})
    return found


def unknown_key(key: str, keys: Iterable[str], *, where: str) -> ConfigError:
    """Return the error for a key that nothing knows."""
    return ConfigError(f"unknown key {key!r}", where=where, hint=hint_for(key, keys, "known keys"))


def fields_at(model: Any, place: Place) -> list[str]:
    """Return the keys that a model has at a place inside it."""
    for part in place:
        model = _inside(model, part)
    return list(model.model_fields) if _is_model(model) else []


def _inside(annotation: Any, part: str | int) -> Any:
    if _is_model(annotation):
        field = annotation.model_fields.get(str(part))
        return _member(field.annotation) if field is not None else None
    arguments = typing.get_args(annotation)
    return _member(arguments[-1]) if arguments else None


def _member(annotation: Any) -> Any:
    """Return the part of an optional annotation that is not None."""
    if typing.get_origin(annotation) in (typing.Union, UnionType):
        members = [m for m in typing.get_args(annotation) if m is not type(None)]
        return members[0]
    return annotation


def _is_model(annotation: Any) -> typing.TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def only_known(values: Mapping[str, Any], keys: Iterable[str], *, where: str) -> None:
    """Raise ConfigError for the first key that is not among ``keys``."""
    known = list(keys)
    for key in values:
        if key not in known:
            raise unknown_key(key, known, where=f"{where}.{key}" if where else key)
