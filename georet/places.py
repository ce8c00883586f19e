"""Where in the configuration components stand, and of which kind they are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Place = tuple[str | int, ...]

COMPONENT_PLACES = {
    ("dataset",): "datasets",
    ("sampler",): "samplers",
    ("losses", "*"): "losses",
    ("train", "optimizer"): "optimizers",
    ("train", "schedule"): "schedules",
    ("encoder", "backbone"): "backbones",
    ("encoder", "view_backbones", "*"): "backbones",
    ("encoder", "backbones", "*"): "backbones",
    ("fits", "*"): "fits",
    ("data", "joint", "*"): "transforms",
    ("data", "augment", "*", "*"): "transforms",
    ("evaluate", "stages", "*"): "stages",
}
"""Kind by place; ``*`` is any key or number."""
STAGES = "stages"
STAGE_KINDS = ("rerankers", "refiners")
"""The kinds of component that can stand as a stage."""


def kind_at(place: Place) -> str | None:
    """Return the kind of component that stands at a place, or None."""
    for pattern, kind in COMPONENT_PLACES.items():
        if len(pattern) == len(place) and all(
            wanted in ("*", found) for wanted, found in zip(pattern, place, strict=True)
        ):
            return kind
    return None


def dotted(place: Place) -> str:
    """Return ``losses.0.weight`` for ("losses", 0, "weight")."""
    return ".".join(str(part) for part in place)


def components_in(values: Any, place: Place = ()) -> Iterator[tuple[Place, str, Any]]:
    """Yield place, kind and value of every component section in plain configuration values."""
    kind = kind_at(place)
    if kind is not None:
        yield place, kind, values
    elif isinstance(values, Mapping):
        for key, value in values.items():
            yield from components_in(value, (*place, key))
    elif isinstance(values, list | tuple):
        for number, value in enumerate(values):
            yield from components_in(value, (*place, number))
