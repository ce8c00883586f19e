"""The plugin ``modern``: georet's own recipes, each choice of which a study supports or refuses.

``docs/modern.md`` has the study. ``orbitview`` and ``cityblocks`` were measured; the others carry
the same choices over to data that were not there, and say so in their first line.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from georet import Component, hookimpl

RECIPES = Path(__file__).parent / "recipes"
DEFAULT_RECIPE = "orbitview"


@hookimpl
def georet_losses() -> Iterable[Component]:
    """Declare the loss whose parts the study changes one by one."""
    yield Component(
        "contrastive",
        "georet_modern.contrastive:Contrastive",
        summary="InfoNCE: one-sided, decoupled, at a scheduled factor, with a memory",
    )


@hookimpl
def georet_recipes() -> Mapping[str, Path]:
    """Declare every file in ``recipes/``, the default one first."""
    paths = sorted(RECIPES.glob("*.yaml"), key=lambda path: (path.stem != DEFAULT_RECIPE, path))
    return {path.stem: path for path in paths}
