"""Reading YAML safely: capped in size and depth, no aliases, no key twice, lines remembered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from georet.errors import ConfigError
from georet.places import Place

MAX_BYTES = 1_000_000
MAX_DEPTH = 50


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: Node | None, index: int) -> Node | None:
        if self.check_event(yaml.AliasEvent):
            # A few nested aliases can stand for more values than memory holds.
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(None, None, "aliases (*name) are not allowed", mark)
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[Place, int]]:
    """Return a file's mapping, and the line (from 1) of each key and list entry in it.

    Raises ConfigError naming file and line.
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(
            f"can't be read: {error.strerror}", where=str(path), hint="Check the path."
        ) from error
    if len(content) > MAX_BYTES:
        raise ConfigError(f"is larger than {MAX_BYTES} bytes", where=str(path))
    return parse_yaml(content, str(path))


def parse_yaml(content: bytes | str, origin: str) -> tuple[dict[str, Any], dict[Place, int]]:
    """Return the mapping in a YAML text, and the line of each key and list entry in it."""
    values, lines = load_value(content, origin)
    if values is None:
        return {}, {}
    if not isinstance(values, dict):
        raise ConfigError(
            f"holds a {type(values).__name__}, not keys with values",
            where=origin,
            hint="Write for example:\n    seed: 1",
        )
    return values, lines


def load_value(content: bytes | str, origin: str) -> tuple[Any, dict[Place, int]]:
    """Return any one YAML value, and the line of each key and list entry in it."""
    try:
        loader = _Loader(content)
        node = loader.get_single_node()
        if node is None:
            return None, {}
        lines = dict(_lines(node, (), origin))
        return loader.construct_document(node), lines
    except yaml.MarkedYAMLError as error:
        line = f":{error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"is not YAML: {error.problem}", where=f"{origin}{line}") from error
    except (yaml.YAMLError, UnicodeDecodeError, ValueError) as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"is not YAML: {first}", where=origin) from error
    except RecursionError as error:
        raise ConfigError("is nested too deeply", where=origin) from error


def _lines(node: Node, place: Place, origin: str) -> Iterator[tuple[Place, int]]:
    if len(place) > MAX_DEPTH:
        raise RecursionError
    if isinstance(node, MappingNode):
        seen: set[Place] = set()
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, ScalarNode):
                raise ConfigError("a key must be a word or a number", where=f"{origin}:{line}")
            inner = (*place, key.value)
            if inner in seen:
                raise ConfigError(f"the key {key.value!r} stands twice", where=f"{origin}:{line}")
            seen.add(inner)
            yield inner, line
            yield from _lines(value, inner, origin)
    elif isinstance(node, SequenceNode):
        for number, value in enumerate(node.value):
            inner = (*place, number)
            yield inner, value.start_mark.line + 1
            yield from _lines(value, inner, origin)
