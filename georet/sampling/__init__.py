"""Neighbour tables and batch plans; importing this package imports neither numba nor scipy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from georet.sampling.exclusions import exclusion
    from georet.sampling.geographic import geographic_neighbours
    from georet.sampling.planner import plan_batches
    from georet.sampling.visual import visual_neighbours

_HOMES: Final = {
    "exclusion": "georet.sampling.exclusions",
    "geographic_neighbours": "georet.sampling.geographic",
    "plan_batches": "georet.sampling.planner",
    "visual_neighbours": "georet.sampling.visual",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


__all__ = ["exclusion", "geographic_neighbours", "plan_batches", "visual_neighbours"]
