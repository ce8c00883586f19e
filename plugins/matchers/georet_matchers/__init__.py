"""The plugin `matchers`: refiners by learned matchers, whose weights the user brings.

Nothing is fetched by itself: `georet matchers list` names licences, `georet matchers fetch` fetches
what is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable

from georet import Command, Component, hookimpl


@hookimpl
def georet_refiners() -> Iterable[Component]:
    """Declare the refiners; each needs a file of weights."""
    yield Component(
        "lightglue",
        "georet_matchers.lightglue:LightGlue",
        summary="LightGlue with ALIKED or DISK by ONNX Runtime; model=FILE.onnx",
    )
    yield Component(
        "loftr",
        "georet_matchers.kornia_models:Loftr",
        summary="LoFTR by kornia and torch; weights=FILE",
    )
    yield Component(
        "xfeat",
        "georet_matchers.kornia_models:Xfeat",
        summary="XFeat by kornia and torch, light; weights=FILE",
    )


@hookimpl
def georet_commands() -> Iterable[Command]:
    """Declare ``georet matchers``."""
    yield Command(
        "matchers", "georet_matchers.cli:app", summary="Licences and weights of learned matchers"
    )
