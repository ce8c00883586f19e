"""The plugin ``ortho``: photos rendered from the user's own map, and encoders adapted to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from georet import Command, Component, hookimpl


@hookimpl
def georet_commands() -> Iterable[Command]:
    """Declare ``adapt``, ``gallery render``, and what ``georet demo --area`` calls."""
    yield Command(
        "adapt",
        "georet_ortho.adapting.cli:app",
        summary="Make an encoder for an area from nothing but its map",
    )
    yield Command(
        "gallery render",
        "georet_ortho.known:app",
        summary="Render photos of a map whose places are known, to calibrate by",
    )
    yield Command(
        "demo-area",
        "georet_ortho.demo:app",
        summary="Find photos of a flight over a map, with an encoder made for it",
    )


@hookimpl
def georet_datasets() -> Iterable[Component]:
    """Declare the data set that is rendered from a map at its first use."""
    yield Component(
        "ortho",
        "georet_ortho.dataset:Ortho",
        summary="Photos rendered from your own map, to be found among its tiles",
        requires=("rasterio",),
        extra="gallery",
    )


@hookimpl
def georet_recipes() -> Mapping[str, Path]:
    """Declare the recipe for an encoder trained on one's own map."""
    folder = Path(__file__).parent / "recipes"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}
