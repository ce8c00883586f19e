"""The plugin ``example_triplet``: a semi-hard triplet loss, and an observer that watches it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from georet import Component, hookimpl

if TYPE_CHECKING:
    from georet.contracts.observing import Training

STEPS_BETWEEN_EVENTS = 50


@hookimpl
def georet_losses() -> Iterable[Component]:
    """Declare the loss, lazily."""
    yield Component(
        "semi_hard_triplet",
        "georet_example_triplet.semi_hard:SemiHardTriplet",
        summary="Triplets whose negative is farther than the positive, by less than a margin",
    )


@hookimpl
def georet_step_end(trainer: Training, step: int) -> None:
    """Write the share of semi-hard triplets to the run's events, now and then."""
    if step % STEPS_BETWEEN_EVENTS:
        return
    # Torch is imported by now; at the top it would slow down every `georet plugins`.
    from georet_example_triplet.semi_hard import SemiHardTriplet

    for module in trainer.objective.modules():
        if isinstance(module, SemiHardTriplet):
            share = float(module.semi_hard_share)
            trainer.events.write("semi_hard", step=step, share=share)
            trainer.events.scalars({"semi_hard_share": share}, step)
