"""Every hook that a plugin can implement, and nothing else: the contract, version ``HOOK_API``.

A hook is implemented by a module-level function of the same name under ``@georet.hookimpl``. An
implementation takes the arguments it needs, by name, and may leave out the others. Plugins are
called in the order in which they were selected.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from georet.hookspecs.components import (
    georet_backbones,
    georet_datasets,
    georet_losses,
    georet_samplers,
    georet_transforms,
)
from georet.hookspecs.encoding import georet_aggregators, georet_fits
from georet.hookspecs.front import georet_commands, georet_recipes
from georet.hookspecs.observers import (
    georet_bank_ready,
    georet_checkpoint,
    georet_configure,
    georet_eval_end,
    georet_export_end,
    georet_fit_end,
    georet_fit_start,
    georet_gallery_end,
    georet_plan_ready,
    georet_step_end,
)
from georet.hookspecs.optimising import georet_optimizers, georet_schedules
from georet.hookspecs.places import (
    georet_outputs,
    georet_refiners,
    georet_sources,
    georet_trackers,
)
from georet.hookspecs.search import (
    georet_backends,
    georet_executors,
    georet_exporters,
    georet_indexes,
    georet_metrics,
    georet_protocols,
    georet_rerankers,
)

Hook = Callable[..., Any]

COMPONENT_HOOKS: tuple[Hook, ...] = (
    georet_backbones,
    georet_losses,
    georet_samplers,
    georet_datasets,
    georet_transforms,
    georet_metrics,
    georet_indexes,
    georet_exporters,
    georet_backends,
    georet_rerankers,
    georet_optimizers,
    georet_schedules,
    georet_aggregators,
    georet_fits,
    georet_executors,
    georet_sources,
    georet_refiners,
    georet_trackers,
    georet_outputs,
    georet_protocols,
)
"""One a kind of component, called once, when the plugins are loaded."""

OBSERVER_HOOKS: tuple[Hook, ...] = (
    georet_configure,
    georet_fit_start,
    georet_plan_ready,
    georet_step_end,
    georet_bank_ready,
    georet_eval_end,
    georet_checkpoint,
    georet_fit_end,
    georet_export_end,
    georet_gallery_end,
)
"""Told what happens, in this order; what they return is ignored."""

FRONT_HOOKS: tuple[Hook, ...] = (georet_commands, georet_recipes)
"""What a plugin adds to the command line."""

HOOKS = {hook.__name__: hook for hook in (*COMPONENT_HOOKS, *OBSERVER_HOOKS, *FRONT_HOOKS)}
"""All hooks by name."""
