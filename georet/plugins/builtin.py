"""The plugin ``core``: georet's own components, declared through the same hooks; always loaded."""

from __future__ import annotations

from collections.abc import Iterable

from georet.components import Component, hookimpl

TRANSFORMS = {
    "flip": ("Flip", "Mirror all views of a pair left to right"),
    "rotate_roll": ("RotateRoll", "Turn the tile by quarters and roll the panorama with it"),
    "rotate_tile": ("RotateTile", "Turn the tile by quarters, on its own"),
    "field_of_view": ("FieldOfView", "Cut a limited field of view out of a panorama"),
    "jpeg_artefacts": ("JpegArtefacts", "Compress and decode again"),
    "colour_jitter": ("ColourJitter", "Change brightness, contrast, saturation and hue"),
    "blur_or_sharpen": ("BlurOrSharpen", "Blur or sharpen, one of them"),
    "dropout": ("Dropout", "Blank out a grid or some boxes"),
}


@hookimpl
def georet_transforms() -> Iterable[Component]:
    """Declare the augmentations of ``georet.data.transforms``."""
    for name, (attribute, summary) in TRANSFORMS.items():
        yield Component(name, f"georet.data.transforms:{attribute}", summary=summary)


@hookimpl
def georet_indexes() -> Iterable[Component]:
    """Declare the indexes of ``georet.search``."""
    yield Component(
        "exact", "georet.search.exact:ExactIndex", summary="Every score; misses nothing (default)"
    )
    yield Component(
        "sign_bits",
        "georet.search.sign_bits:SignBits",
        summary="Candidates by the signs of random projections, then their exact order",
    )


OUTPUTS = {
    "json": ("writers:Json", "All records as one JSON document"),
    "geojson": ("writers:GeoJson", "Points, and the candidates' footprints (RFC 7946)"),
    "csv": ("writers:Csv", "A line a photo"),
    "parquet": ("writers:Parquet", "GeoParquet 1.1: a row a photo"),
    "html": ("page:Page", "A page with the photos, a map and the candidates"),
}
SOURCES = {
    "dataset": ("DatasetGallery", "The gallery of a data set: dataset:NAME[:SET]"),
    "run": ("RunGallery", "The gallery that a run was judged on: run:RUN_DIR[:SET]"),
    "raster": ("Raster", "A GeoTIFF or COG, or a picture whose place is told"),
    "mbtiles": ("MBTilesFile", "An .mbtiles file"),
    "pmtiles": ("PMTilesFile", "A .pmtiles file"),
    "tiles_csv": ("TilesCsv", "A folder with tiles.csv"),
    "xyz": ("Xyz", "A folder of {zoom}/{x}/{y}.png"),
    "named_images": ("NamedImages", "A folder of images called ..._{lat}_{lon}.png, as VIGOR's"),
    "sheets": ("Sheets", "A folder of GeoTIFFs"),
}
"""In the order in which they are asked: a folder with tiles.csv may hold rasters as well."""


@hookimpl
def georet_sources() -> Iterable[Component]:
    """Declare the sources of ``georet.sources.formats``."""
    for name, (attribute, summary) in SOURCES.items():
        config = "georet.sources.formats:DatasetOptions" if name == "dataset" else None
        yield Component(name, f"georet.sources.formats:{attribute}", config, summary=summary)


@hookimpl
def georet_outputs() -> Iterable[Component]:
    """Declare the formats of ``georet.locate.output``."""
    for name, (attribute, summary) in OUTPUTS.items():
        yield Component(name, f"georet.locate.output.{attribute}", summary=summary)
