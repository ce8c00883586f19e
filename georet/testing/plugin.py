"""A plugin for tests: with ``--plugins sample4geo,georet.testing.plugin`` a run takes seconds.

Data set ``tiny`` (option ``root``) holds small rendered images; backbone ``tiny`` has two
convolutions and no batch statistics; loss ``proxies`` has parameters of its own.
"""

from __future__ import annotations

from collections.abc import Iterable

from georet import Component, hookimpl


@hookimpl
def georet_datasets() -> Iterable[Component]:
    """Declare the tiny geographic data set."""
    return [
        Component(
            "tiny",
            "georet.testing.tiny:TinyDataset",
            summary="A few dozen rendered places, written as JPEG below `root`.",
        )
    ]


@hookimpl
def georet_backbones() -> Iterable[Component]:
    """Declare the tiny backbone."""
    return [
        Component(
            "tiny",
            "georet.testing.tiny_backbone:TinyBackbone",
            summary="Two convolutions, a mean and a linear layer; learns in seconds.",
            requires=("torch",),
        )
    ]


@hookimpl
def georet_losses() -> Iterable[Component]:
    """Declare a loss with parameters of its own."""
    return [
        Component(
            "proxies",
            "georet.testing.tiny_loss:Proxies",
            summary="Queries among a few learnt centres.",
            requires=("torch",),
        )
    ]
