# SPDX-License-Identifier: GPL-2.0-or-later
"""What QGIS loads: the provider among those of Processing."""

from __future__ import annotations

from typing import Any

from qgis.core import QgsApplication, QgsProcessingProvider

from .algorithms import BuildGallery, LoadPlaces, LocatePhotos


class Provider(QgsProcessingProvider):
    """The algorithms of georet."""

    def loadAlgorithms(self) -> None:
        """Add all algorithms."""
        for make in (BuildGallery, LocatePhotos, LoadPlaces):
            self.addAlgorithm(make())

    def id(self) -> str:
        """Return what algorithms are called by: ``georet:buildgallery``."""
        return "georet"

    def name(self) -> str:
        """Return what people see."""
        return "georet"


class Plugin:
    """Adds the provider when QGIS begins, and takes it away at the end."""

    def __init__(self, iface: Any) -> None:
        self.provider: Provider | None = None

    def initProcessing(self) -> None:
        """Add the provider; ``qgis_process`` calls this alone."""
        self.provider = Provider()
        QgsApplication.processingRegistry().addProvider(self.provider)

    def initGui(self) -> None:
        """Begin within QGIS's window."""
        self.initProcessing()

    def unload(self) -> None:
        """Take the provider away."""
        if self.provider is not None:
            QgsApplication.processingRegistry().removeProvider(self.provider)
