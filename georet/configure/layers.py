"""Layers of configuration: read from files and ``--set``, laid one over the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from georet.configure.yamlfile import load_value, read_yaml
from georet.errors import ConfigError
from georet.places import Place, dotted, kind_at


@dataclass(frozen=True)
class Layer:
    """Values of one origin, with the lines on which they stand where that is known."""

    origin: str
    values: dict[str, Any]
    lines: Mapping[Place, int] = field(default_factory=dict)

    def at(self, place: Place) -> str:
        """Return ``file:line`` of a place, or the origin alone."""
        return f"{self.origin}:{self.lines[place]}" if place in self.lines else self.origin

    def take(self, key: str) -> Any:
        """Remove a top-level key and return its value, or None."""
        return self.values.pop(key, None)


@dataclass
class Layered:
    """The layers so far, merged; ``origins`` says where the value at each dotted key stands."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def put(self, layer: Layer) -> None:
        """Lay one more over it.

        Mappings merge, lists and scalars replace; numbers as keys address a list's entries. A
        component whose name changes loses the options that it had below.
        """
        self.values = self._merge(self.values, layer.values, (), layer)

    def where(self, key: str) -> str:
        """Return origin and dotted key, as errors name it; the key alone if no layer has it."""
        known = key
        while known:
            if known in self.origins:
                return f"{self.origins[known]}: {key}"
            known = known.rpartition(".")[0]
        return key

    def _merge(self, lower: Any, upper: Any, place: Place, layer: Layer) -> Any:
        if place:
            self.origins[dotted(place)] = layer.at(place)
        if kind_at(place) and isinstance(upper, str):
            upper = {"name": upper}
        if isinstance(upper, list):
            self._forget(place)
            return [self._merge(None, v, (*place, i), layer) for i, v in enumerate(upper)]
        if not isinstance(upper, dict):
            # A section whose lines are all commented out says nothing.
            return lower if upper is None and isinstance(lower, dict) else upper
        if isinstance(lower, list):
            return self._merge_entries(lower, upper, place, layer)
        merged = dict(lower) if isinstance(lower, dict) else {}
        if kind_at(place) and upper.get("name", merged.get("name")) != merged.get("name"):
            merged = {}
            self._forget(place)
        for key, value in upper.items():
            merged[key] = self._merge(merged.get(key), value, (*place, key), layer)
        return merged

    def _forget(self, place: Place) -> None:
        """Drop the origins of what stood inside a place that is replaced."""
        for key in [key for key in self.origins if key.startswith(f"{dotted(place)}.")]:
            del self.origins[key]

    def _merge_entries(
        self, lower: list[Any], upper: dict[Any, Any], place: Place, layer: Layer
    ) -> list[Any]:
        merged = list(lower)
        for key, value in upper.items():
            number = int(key) if str(key).isdecimal() else -1
            if not 0 <= number < len(merged):
                raise ConfigError(
                    f"there is no entry {key!r} among {len(merged)}",
                    where=f"{layer.at((*place, key))}: {dotted(place)}",
                    hint=f"Entries are numbered from 0; a whole list is {dotted(place)}=[...]",
                )
            merged[number] = self._merge(merged[number], value, (*place, number), layer)
        return merged


def file_layer(path: Path) -> Layer:
    """Return the layer in a YAML file."""
    values, lines = read_yaml(path)
    return Layer(str(path), values, lines)


def override_layer(text: str) -> Layer:
    """Return the layer of one ``--set a.b=value``; the value is YAML."""
    key, equals, value = text.partition("=")
    where = f"--set {text}"
    parts = key.strip().split(".")
    if not equals or not all(parts):
        raise ConfigError("wants key=value", where=where, hint="For example: --set train.lr=3e-4")
    nested, _ = load_value(value, where)
    for part in reversed(parts):
        nested = {part: nested}
    return Layer(f"--set {key}", nested)
