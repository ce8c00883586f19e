"""A component asks for more by naming a parameter; who doesn't name it is called without."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any


def asks_for(call: Callable[..., Any], name: str) -> bool:
    """Return whether a callable has a parameter of that name, to be given by keyword."""
    try:
        parameter = inspect.signature(call).parameters.get(name)
    except (TypeError, ValueError):
        return False  # what is written in C has no signature to read
    return parameter is not None and parameter.kind in (
        parameter.POSITIONAL_OR_KEYWORD,
        parameter.KEYWORD_ONLY,
    )
