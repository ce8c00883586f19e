"""Optional dependencies: imported when needed, and named with their extra when missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from georet.errors import MissingExtraError


def need(module: str, *, extra: str, what: str = "") -> ModuleType:
    """Import and return an optional module; MissingExtraError names the extra that brings it.

    ``what`` is the feature that asks for it, for the message.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if error.name is not None and error.name.partition(".")[0] != package:
            raise
        raise MissingExtraError(
            f"{what or 'this'} needs {package}, which is not installed",
            hint=f"pip install 'georet[{extra}]'",
        ) from error
