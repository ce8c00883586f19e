"""Whether a plugin's functions are what the hooks expect; checked before any of them is called."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pluggy
from pluggy import HookCaller, HookImpl

from georet import hookspecs
from georet.errors import PluginError
from georet.plugins.discovery import Source
from georet.suggest import hint_for
from georet.version import HOOK_API

Implementations = dict[str, list[HookImpl]]

_NOT_SUPPORTED = ("wrapper", "hookwrapper", "tryfirst", "trylast")
"""Options of ``@hookimpl``: plugins are called one by one."""
_ANYTHING = frozenset({"Any", "object"})
_RETURNS = {
    "Iterable": {"Iterable", "Iterator", "Generator", "Sequence", "Collection", "list", "tuple"},
    "Mapping": {"Mapping", "MutableMapping", "MappingProxyType", "dict"},
    "None": {"None", "Never", "NoReturn"},
}
"""What an implementation may be annotated to return, by what the hook returns."""


def implementations(source: Source, module: ModuleType) -> Implementations:
    """Return the plugin's hook implementations by hook, in the order of definition.

    Raises PluginError for another hook API, an unknown hook, a hook without ``@hookimpl``, an
    argument the hook doesn't have, and an annotation that contradicts the hook's.
    """
    api = getattr(module, "georet_hook_api", HOOK_API)
    if api != HOOK_API:
        raise PluginError(
            f"was written for hook API {api}, this georet has {HOOK_API}",
            where=str(source),
            hint="Install versions of the plugin and of georet that go together.",
        )
    for own, value in vars(module).items():
        if own in hookspecs.HOOKS and inspect.isfunction(value):
            if hasattr(value, "georet_impl") or value.__module__ != module.__name__:
                continue
            raise PluginError(
                "is named like a hook and lacks @georet.hookimpl, so it would never be called",
                where=f"{source}, {own}",
                hint="Put @georet.hookimpl above it, or rename it.",
            )
    manager = pluggy.PluginManager("georet")
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(module, name=source.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise _invalid(source, error, manager.get_hookcallers(module) or []) from error
    callers = [c for c in manager.get_hookcallers(module) or [] if c.has_spec()]
    found = {caller.name: caller.get_hookimpls() for caller in callers}
    for name, impls in found.items():
        for impl in impls:
            options = [key for key in _NOT_SUPPORTED if getattr(impl, key)]
            if options:
                raise PluginError(
                    f"@hookimpl({options[0]}=True) is not supported: plugins are called one by "
                    "one, in the order of their selection",
                    where=f"{source}, {name}",
                    hint="Use @hookimpl alone.",
                )
            _check_annotations(source, name, impl.function)
    return found


def _invalid(source: Source, error: Exception, callers: list[HookCaller]) -> PluginError:
    """Say what pluggy found, with the closest hook where the name is unknown."""
    unknown = [caller.name for caller in callers if not caller.has_spec()]
    if unknown:
        return PluginError(
            f"there is no hook {unknown[0]!r}",
            where=str(source),
            hint=hint_for(unknown[0], hookspecs.HOOKS, "hooks"),
        )
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return PluginError("; ".join(lines), where=str(source))


def _check_annotations(source: Source, name: str, function: Callable[..., Any]) -> None:
    spec = hookspecs.HOOKS[name]
    expected, given = spec.__annotations__, getattr(function, "__annotations__", {})
    for argument in given.keys() & expected.keys():
        wanted, found = _names(expected[argument]), _names(given[argument])
        if argument == "return":
            fits = found <= _RETURNS[next(iter(wanted))] | _ANYTHING
        else:
            fits = wanted <= found or bool(found & _ANYTHING)
        if not fits:
            what = "returns" if argument == "return" else f"argument {argument!r} is"
            raise PluginError(
                f"{what} {_text(given[argument])}, the hook says {expected[argument]}",
                where=f"{source}, {name}",
                hint=f"The signature is: {name}{inspect.signature(spec)}".replace("'", ""),
            )


def _names(annotation: object) -> set[str]:
    """Return the last part of each alternative: ``a.B[int] | None`` gives {B, None}."""
    try:
        return set(_alternatives(ast.parse(_text(annotation), mode="eval").body))
    except SyntaxError:
        return set(_ANYTHING)


def _alternatives(node: ast.expr) -> Iterator[str]:
    match node:
        case ast.BinOp(left=left, right=right):
            yield from _alternatives(left)
            yield from _alternatives(right)
        case ast.Subscript(value=value, slice=inner):
            (outer,) = _alternatives(value)
            if outer in ("Optional", "Union"):
                members = inner.elts if isinstance(inner, ast.Tuple) else [inner]
                for member in members:
                    yield from _alternatives(member)
                yield from ["None"] * (outer == "Optional")
            else:
                yield outer
        case ast.Constant(value=str(text)):
            yield from _names(text)
        case ast.Attribute(attr=name) | ast.Name(id=name):
            yield name
        case _:
            yield ast.unparse(node)


def _text(annotation: object) -> str:
    if isinstance(annotation, str):
        return annotation
    if annotation is None or annotation is type(None):
        return "None"
    if isinstance(annotation, type) and not hasattr(annotation, "__origin__"):
        return annotation.__name__
    return str(annotation)
