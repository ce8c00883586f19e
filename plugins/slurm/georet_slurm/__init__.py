"""The plugin `slurm`: an executor that has galleries made by an array job of Slurm.

The component is lazy, so that importing this package imports nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

from georet import Component, hookimpl


@hookimpl
def georet_executors() -> Iterable[Component]:
    """Declare the executor."""
    yield Component(
        "slurm",
        "georet_slurm.executor:SlurmExecutor",
        summary="An array job of Slurm, submitted and followed, or printed (submit=false)",
    )
