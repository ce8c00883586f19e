"""Finding classes of pytorch-metric-learning by name, among those it publishes, and building them.

A configuration reaches nothing else: names are looked up in lists made from the library's own
modules, never imported.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

from georet.errors import ConfigError, MissingExtraError
from georet.suggest import hint_for

LIBRARY: Final = "pytorch_metric_learning"
BASES: Final = {
    "losses": "BaseMetricLossFunction",
    "miners": "BaseMiner",
    "distances": "BaseDistance",
    "reducers": "BaseReducer",
    "regularizers": "BaseRegularizer",
}
PARTS: Final = {
    "distance": "distances",
    "reducer": "reducers",
    "embedding_regularizer": "regularizers",
    "weight_regularizer": "regularizers",
}
"""Options that are objects of the library, and where their classes are."""


def find(kind: str, name: str, *, where: str) -> type[Any]:
    """Return the class of that name and kind; ConfigError, with a suggestion, if there is none."""
    known = published(kind)
    if name not in known:
        raise ConfigError(
            f"{LIBRARY}.{kind} has no {name!r}", where=where, hint=hint_for(name, known, kind)
        )
    return known[name]


def build(kind: str, name: str, options: Mapping[str, Any], *, where: str) -> Any:
    """Return an object of the library; ConfigError for options that its class does not take."""
    cls = find(kind, name, where=where)
    made = {key: _part(key, value, where=f"{where}.{key}") for key, value in options.items()}
    try:
        return cls(**made)
    except (TypeError, ValueError, AssertionError, AttributeError) as error:
        raise ConfigError(
            f"{name} does not take these options: {error}",
            where=where,
            hint=f"They are the arguments of {LIBRARY}.{kind}.{name}.",
        ) from error


def published(kind: str) -> dict[str, type[Any]]:
    """Return the classes of a kind by name: the module's own, without its bases."""
    module = _module(kind)
    base = getattr(_module(kind), BASES[kind])
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, base) and value is not base
    }


def _part(key: str, value: Any, *, where: str) -> Any:
    if key not in PARTS or value is None:
        return value
    options = {"name": value} if isinstance(value, str) else dict(value)
    name = str(options.pop("name", ""))
    return build(PARTS[key], name, options, where=where)


def _module(kind: str) -> Any:
    try:
        return importlib.import_module(f"{LIBRARY}.{kind}")
    except ImportError as error:
        raise MissingExtraError(
            f"{LIBRARY} can't be imported: {error}",
            where="plugin 'pml'",
            hint="Install it: pip install 'georet[pml]'",
        ) from error
