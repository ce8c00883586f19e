"""What transforms share: checks of their options, whose errors name the key, and reporting."""

from __future__ import annotations

from georet.contracts.transforming import TransformContext
from georet.errors import ConfigError


def check_between(owner: object, key: str, value: float, low: float, high: float) -> float:
    """Return ``value`` if it lies in low..high, else raise ConfigError naming the key."""
    if not low <= value <= high:
        raise ConfigError(
            f"{value!r} does not lie in {low:g}..{high:g}", where=f"{type(owner).__name__}.{key}"
        )
    return value


def check_range(
    owner: object, key: str, values: tuple[float, float], low: float, high: float
) -> tuple[float, float]:
    """Return the (least, greatest) of a random draw if ordered and within low..high."""
    where = f"{type(owner).__name__}.{key}"
    if len(values) != 2:
        raise ConfigError(f"{values!r} is not a pair", where=where, hint="write [least, greatest]")
    least, greatest = values
    if not low <= least <= greatest <= high:
        raise ConfigError(
            f"{list(values)!r} is not an ordered pair within {low:g}..{high:g}",
            where=where,
            hint="write [least, greatest]",
        )
    return least, greatest


def report(context: TransformContext | None, name: str, value: float) -> None:
    """Report what a transform did, where somebody listens: it may be called without a context."""
    if context is not None:
        context.report(name, value)
