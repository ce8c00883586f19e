# SPDX-License-Identifier: GPL-2.0-or-later
"""The algorithms: a gallery from a layer, photos located in it, places loaded with their style."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from qgis.core import (
    QgsCoordinateReferenceSystem,
    QgsProcessingAlgorithm,
    QgsProcessingContext,
    QgsProcessingException,
    QgsProcessingLayerPostProcessorInterface,
    QgsProcessingOutputNumber,
    QgsProcessingParameterDefinition,
    QgsProcessingParameterEnum,
    QgsProcessingParameterExtent,
    QgsProcessingParameterFile,
    QgsProcessingParameterFileDestination,
    QgsProcessingParameterFolderDestination,
    QgsProcessingParameterNumber,
    QgsProcessingParameterRasterLayer,
    QgsProcessingParameterString,
    QgsProcessingUtils,
)

from . import calling, reading

WGS84 = "EPSG:4326"
REFINERS = ("", "sift", "dense")


class Styler(QgsProcessingLayerPostProcessorInterface):
    """Gives a layer its style when QGIS has loaded it."""

    kept: list[Styler] = []  # noqa: RUF012 - QGIS keeps no reference, and Python must
    """Those whose layers are still to come."""

    def __init__(self, style: str) -> None:
        super().__init__()
        self.style = style
        Styler.kept.append(self)

    def postProcessLayer(self, layer: Any, context: Any, feedback: Any) -> None:
        """Load the style; what is wrong with it is said and does no harm."""
        message, is_loaded = layer.loadNamedStyle(self.style)
        if not is_loaded:
            feedback.pushWarning(f"{self.style}: {message}")
        layer.triggerRepaint()


class Calling(QgsProcessingAlgorithm):
    """What all algorithms share: their names, and the call of georet."""

    title, about, called = "", "", ""

    def createInstance(self) -> Calling:
        """Return a new one."""
        return type(self)()

    def name(self) -> str:
        """Return what it is called by, behind ``georet:``."""
        return self.called

    def displayName(self) -> str:
        """Return what people see."""
        return self.title

    def shortHelpString(self) -> str:
        """Return what it does."""
        return self.about

    def addGeoret(self) -> None:
        """Add the parameter that says how georet is called."""
        told = QgsProcessingParameterString(
            "GEORET",
            f"How georet is called (empty: ${calling.GEORET}, else georet)",
            optional=True,
        )
        told.setFlags(told.flags() | QgsProcessingParameterDefinition.FlagAdvanced)
        self.addParameter(told)

    def call(self, words: list[str], parameters: Any, context: Any, feedback: Any) -> None:
        """Run georet; QgsProcessingException where it fails."""
        typed = self.parameterAsString(parameters, "GEORET", context)
        command = [*calling.called(typed, os.environ), *words]
        feedback.pushCommandInfo(" ".join(command))
        try:
            calling.run(
                command, calling.environment_for(os.environ), feedback.pushInfo, feedback.isCanceled
            )
        except calling.CallError as error:
            raise QgsProcessingException(str(error)) from error


class BuildGallery(Calling):
    """``georet gallery build`` on a raster layer."""

    title, called = "Build a gallery from a layer", "buildgallery"
    about = (
        "Cuts a raster layer into tiles, embeds them, and keeps both in a folder in which photos "
        "are found. The side of the tiles: about the width of the ground that a photo shows. "
        "Stopped, the same call goes on."
    )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Declare the parameters."""
        number = QgsProcessingParameterNumber
        self.addParameter(QgsProcessingParameterRasterLayer("INPUT", "Map (a raster file)"))
        self.addParameter(
            number("SIDE", "Side of the tiles in metres", number.Double, 60, minValue=0.1)
        )
        self.addParameter(
            number(
                "OVERLAP",
                "Share that neighbours have in common",
                number.Double,
                0.5,
                minValue=0,
                maxValue=0.9,
            )
        )
        self.addParameter(
            QgsProcessingParameterString(
                "ENCODER", "Encoder: timm:MODEL?..., a run or an artefact", calling.ENCODER
            )
        )
        self.addParameter(
            QgsProcessingParameterExtent("EXTENT", "Only tiles within", optional=True)
        )
        self.addGeoret()
        self.addParameter(QgsProcessingParameterFolderDestination("OUTPUT", "Gallery"))

    def processAlgorithm(self, parameters: Any, context: Any, feedback: Any) -> dict[str, Any]:
        """Build the gallery."""
        layer = self.parameterAsRasterLayer(parameters, "INPUT", context)
        source = layer.source().split("|")[0]
        if layer.providerType() != "gdal" or not Path(source).is_file():
            raise QgsProcessingException(
                f"{layer.name()}: is no raster file; export the layer as a GeoTIFF first"
            )
        out = self.parameterAsString(parameters, "OUTPUT", context)
        area = None
        if parameters.get("EXTENT"):
            box = self.parameterAsExtent(
                parameters, "EXTENT", context, QgsCoordinateReferenceSystem(WGS84)
            )
            area = (box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum())
        words = calling.build_words(
            source,
            out,
            encoder=self.parameterAsString(parameters, "ENCODER", context),
            side_m=self.parameterAsDouble(parameters, "SIDE", context),
            overlap=self.parameterAsDouble(parameters, "OVERLAP", context),
            area=area,
        )
        self.call(words, parameters, context, feedback)
        return {"OUTPUT": out}


class Loading(Calling):
    """What is shared by those that show places."""

    def load(self, path: Path, context: QgsProcessingContext) -> dict[str, Any]:
        """Have QGIS load a file's layers with their styles when the algorithm has ended."""
        try:
            layers = reading.layers_in(path)
        except reading.ReadError as error:
            raise QgsProcessingException(str(error)) from error
        for layer in layers:
            details = QgsProcessingContext.LayerDetails(
                layer.title, context.project(), layer.title, QgsProcessingUtils.LayerHint.Vector
            )
            if layer.style is not None:
                details.setPostProcessor(Styler(str(layer.style)))
            context.addLayerToLoadOnCompletion(layer.uri, details)
        num, num_abstained = reading.found(path)
        return {"OUTPUT": str(path), "PHOTOS": num, "ABSTAINED": num_abstained}

    def addCounts(self) -> None:
        """Declare the numbers that are found."""
        self.addOutput(QgsProcessingOutputNumber("PHOTOS", "Photos with a place"))
        self.addOutput(QgsProcessingOutputNumber("ABSTAINED", "Photos that tell too little"))


class LocatePhotos(Loading):
    """``georet locate`` for a folder of photos."""

    title, called = "Locate photos", "locatephotos"
    about = (
        "Says where the photos of a folder were taken, among the tiles of a gallery, and loads "
        "places, 90 % circles (of a calibrated gallery), best tiles and what the photos show. "
        "Positions in the photos are not read."
    )

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Declare the parameters."""
        file, number = QgsProcessingParameterFile, QgsProcessingParameterNumber
        self.addParameter(file("GALLERY", "Gallery", behavior=file.Folder))
        self.addParameter(file("PHOTOS", "Folder of photos", behavior=file.Folder))
        self.addParameter(
            file("TELEMETRY", "Telemetry: heading, tilt, height (.csv, .json)", optional=True)
        )
        self.addParameter(
            number("K", "Best tiles kept for each photo", number.Integer, 5, minValue=1)
        )
        self.addParameter(
            QgsProcessingParameterEnum(
                "REFINE", "Refine to the metre", ["no", *REFINERS[1:]], defaultValue=0
            )
        )
        self.addGeoret()
        self.addParameter(
            QgsProcessingParameterFileDestination("OUTPUT", "Places", "GeoPackage (*.gpkg)")
        )
        self.addCounts()

    def processAlgorithm(self, parameters: Any, context: Any, feedback: Any) -> dict[str, Any]:
        """Locate the photos, and have the layers loaded."""
        out = self.parameterAsString(parameters, "OUTPUT", context)
        words = calling.locate_words(
            self.parameterAsString(parameters, "GALLERY", context),
            [self.parameterAsString(parameters, "PHOTOS", context)],
            out,
            k=self.parameterAsInt(parameters, "K", context),
            telemetry=self.parameterAsString(parameters, "TELEMETRY", context),
            refine=REFINERS[self.parameterAsEnum(parameters, "REFINE", context)],
        )
        self.call(words, parameters, context, feedback)
        return self.load(Path(out), context)


class LoadPlaces(Loading):
    """Shows what ``georet locate`` or ``georet track`` has written before."""

    title, called = "Load places with their style", "loadplaces"
    about = "Loads a GeoPackage of `georet locate` or `georet track`, with its style."

    def initAlgorithm(self, configuration: Any = None) -> None:
        """Declare the parameters."""
        self.addParameter(QgsProcessingParameterFile("INPUT", "Places", extension="gpkg"))
        self.addCounts()

    def processAlgorithm(self, parameters: Any, context: Any, feedback: Any) -> dict[str, Any]:
        """Have the layers loaded."""
        return self.load(Path(self.parameterAsString(parameters, "INPUT", context)), context)
