"""A component's options: what they are, whether given ones fit, and the component made of them."""

from __future__ import annotations

import dataclasses
import inspect
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pydantic
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from georet.components import KINDS
from georet.config import ComponentSpec
from georet.contracts.building import CONTEXT, BuildContext
from georet.errors import ComponentError, GeoretError, PluginError
from georet.places import dotted
from georet.validation import explain, first_place, only_known

if TYPE_CHECKING:
    from georet.plugins.entry import Entry


@dataclass(frozen=True)
class Options:
    """How a component takes its options: their ``model``, their ``keys`` (None: any), the call.

    ``call`` takes the validated options, and by name what is no option.
    """

    model: Any
    keys: list[str] | None
    call: Callable[..., Any]

    def read(self, values: Mapping[str, Any], where: str) -> Any:
        """Return the validated instance of the model; raise ConfigError with the key's place."""
        if self.keys is not None:
            only_known(values, self.keys, where=where)
        try:
            return TypeAdapter(self.model).validate_python(values)
        except ValidationError as error:
            place = dotted((where, *first_place(error)))
            raise explain(error, self.model, where=place) from error


class _LenientSchema(GenerateJsonSchema):
    """A schema that leaves open what JSON can't say, such as a callable's type."""

    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> JsonSchemaValue:  # noqa: ARG002
        return {}


def build(
    entry: Entry, values: Mapping[str, Any], where: str, context: BuildContext | None = None
) -> Any:
    """Check the options and make the component; what its factory raises names its plugin.

    ``context`` goes to the factories that ask for it.
    """
    options = options_of(entry)
    given = options.read(values, where)
    more = _asked(entry, where, context)
    try:
        return options.call(given, **more)
    except GeoretError as error:
        place = f"{where}, {error.where}"
        if error.where is None:
            place = f"{where} ({entry.id})"
        elif error.where.startswith(f"{where}."):
            # Of a component within this one, which says where it stands itself.
            place = error.where
        raise type(error)(error.what, where=place, hint=error.hint) from error
    except Exception as error:
        raise ComponentError(
            f"{entry.id!r} can't be made with these options: {type(error).__name__}: {error}",
            where=f"{where}, {entry.owner}",
            hint="GEORET_DEBUG=1 shows the traceback.",
        ) from error


def _asked(entry: Entry, where: str, context: BuildContext | None) -> dict[str, Any]:
    """Return the context by its name where the factory has a parameter for it.

    A factory that needs it is refused where there is none; one with a default keeps that.
    """
    parameter = _context_parameter(entry.factory())
    if parameter is None:
        return {}
    if context is not None:
        return {CONTEXT: context.at(where)}
    if parameter.default is parameter.empty:
        raise ComponentError(
            f"{entry.id!r} is built from what a run knows (its views, sizes and other components), "
            "and here is no run",
            where=f"{where}, {entry.owner}",
            hint="Use it in a run's configuration; in Python pass context=BuildContext(...) "
            "to Catalog.create.",
        )
    return {}


def _context_parameter(factory: Callable[..., Any]) -> inspect.Parameter | None:
    try:
        found = inspect.signature(factory).parameters.get(CONTEXT)
    except (TypeError, ValueError):
        return None
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return found if found is not None and found.kind in by_name else None


def validate(
    entry: Entry, values: Mapping[str, Any], where: str
) -> Iterator[tuple[str, str, ComponentSpec]]:
    """Check the options; raise ConfigError with the place of the first that doesn't fit.

    Yields kind, place and value of components among them that are named after their kind: an option
    ``aggregator`` for ``aggregators``, annotated ``ComponentSpec``.
    """
    given = options_of(entry).read(values, where)
    for name, value in dict(given if isinstance(given, BaseModel) else vars(given)).items():
        if isinstance(value, ComponentSpec) and f"{name}s" in KINDS:
            yield f"{name}s", f"{where}.{name}", value


def schema(entry: Entry) -> dict[str, Any]:
    """Return the JSON schema of the options; an unknown key is not allowed in it."""
    options = options_of(entry)
    found = TypeAdapter(options.model).json_schema(
        schema_generator=_LenientSchema, ref_template=f"#/$defs/{entry.id}.{{model}}"
    )
    return found if options.keys is None else found | {"additionalProperties": False}


def options_of(entry: Entry) -> Options:
    """Import the component's factory, and its configuration class if it has one."""
    factory, config = entry.factory(), entry.config()
    if config is None:
        return _from_signature(entry, factory)
    if isinstance(config, type) and issubclass(config, BaseModel):
        is_open = config.model_config.get("extra") == "allow"
        names = [field.alias or name for name, field in config.model_fields.items()]
        return Options(config, None if is_open else names, factory)
    if isinstance(config, type) and dataclasses.is_dataclass(config):
        names = [field.name for field in dataclasses.fields(config) if field.init]
        return Options(config, names, factory)
    raise PluginError(
        f"{entry.kind} {entry.id!r}: config is neither a pydantic model nor a dataclass",
        where=str(entry.owner),
    )


def _from_signature(entry: Entry, factory: Callable[..., Any]) -> Options:
    """Read the options from the factory's annotated parameters."""
    fields: dict[str, Any] = {}
    context = _context_parameter(factory)
    for parameter in _parameters(entry, factory):
        if context is not None and parameter.name == CONTEXT:
            continue
        # Lists such as *args, which torch.nn.Module has, can't be options.
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        if parameter.annotation is parameter.empty or parameter.kind is parameter.POSITIONAL_ONLY:
            raise PluginError(
                f"{entry.kind} {entry.id!r}: parameter {parameter.name!r} must be annotated and "
                "usable by name, so that its option can be checked",
                where=str(entry.owner),
            )
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (parameter.annotation, default)
    model = pydantic.create_model(
        "Options",
        __config__=ConfigDict(
            extra="forbid", arbitrary_types_allowed=True, protected_namespaces=()
        ),
        **fields,
    )

    def call(given: BaseModel, **more: Any) -> Any:
        # The factory's own defaults stay its own: only what was given is passed.
        return factory(**{name: getattr(given, name) for name in given.model_fields_set}, **more)

    return Options(model, list(fields), call)


def _parameters(entry: Entry, factory: Callable[..., Any]) -> list[inspect.Parameter]:
    """Return the factory's parameters, their annotations evaluated one for all."""
    function = inspect.unwrap(factory.__init__ if isinstance(factory, type) else factory)  # type: ignore[misc]
    try:
        parameters = list(inspect.signature(factory).parameters.values())
        # The context's annotation is read by people only, and may be imported for types only.
        annotated = {
            p.name: p.annotation
            for p in parameters
            if p.annotation is not p.empty and p.name != CONTEXT
        }
        holder = SimpleNamespace(__annotations__=annotated)
        names = getattr(function, "__globals__", {})
        types = typing.get_type_hints(holder, names, include_extras=True)
    except NameError as error:
        raise PluginError(
            f"{entry.kind} {entry.id!r}: its parameters' annotations can't be read: {error}",
            where=str(entry.owner),
            hint="Import the type at run time, not under TYPE_CHECKING; or give a config class.",
        ) from error
    except (TypeError, ValueError) as error:
        raise PluginError(
            f"{entry.kind} {entry.id!r}: the factory can't be called: {error}",
            where=str(entry.owner),
        ) from error
    return [p.replace(annotation=types.get(p.name, p.annotation)) for p in parameters]
