"""The plugin `ray`: an executor that has galleries made on a Ray cluster, or by Ray on one machine.

The component is lazy, so that importing this package does not import ray.
"""

from __future__ import annotations

from collections.abc import Iterable

from georet import Component, hookimpl


@hookimpl
def georet_executors() -> Iterable[Component]:
    """Declare the executor."""
    yield Component(
        "ray",
        "georet_ray.executor:RayExecutor",
        summary="Ray's workers, each with an encoder of its own, on one machine or a cluster",
        requires=("ray",),
        extra="ray",
    )
