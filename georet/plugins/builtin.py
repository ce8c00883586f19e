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

OPTIMIZERS = {
    "adamw": ("AdamW", "Adam with decoupled weight decay (default)"),
    "sgd": ("SGD", "Gradient descent with momentum"),
    "torch": ("TorchOptimizer", "Any optimiser of torch.optim, by the name of its class"),
}

SCHEDULES = {
    "cosine": ("Cosine", "Half a cosine down to nothing (default)"),
    "constant": ("Constant", "Always the full rate"),
    "polynomial": ("Polynomial", "Down to a last rate, by a power"),
    "exponential": ("Exponential", "Times a factor after each epoch"),
    "step": ("Step", "Times a factor at some epochs"),
    "plateau": ("Plateau", "Times a factor when a metric gets no better"),
}
REFINERS = {
    "sift": ("sift:Sift", "Features on one plane; edges where they fail and the camera is known"),
    "dense": ("dense:Dense", "Edges of the whole photo, for another sensor or an old map"),
}
PROTOCOLS = {
    "cvusa/sample4geo": "ground panorama to tile, one positive",
    "cvusa/safa": "ground panorama to tile, one positive; R@1% as SAFA, VIGOR, GeoDTR",
    "cvact-val/sample4geo": "ground panorama to tile, validation set, one positive",
    "cvact-val/safa": (
        "ground panorama to tile, validation set, one positive; R@1% as SAFA, VIGOR, GeoDTR"
    ),
    "cvact-test/id": "only the query's own tile is right, as Sample4Geo and its followers count",
    "cvact-test/geo5m": (
        "every tile within 5 m is right, the original definition; not comparable with /id"
    ),
    "vigor-same/sample4geo": (
        "all tiles of four cities, seen in training; semi-positives count against recall"
    ),
    "vigor-same/vigor": (
        "all tiles of four cities, seen in training; semi-positives count against recall; "
        "R@1% as SAFA, VIGOR, GeoDTR"
    ),
    "vigor-cross/sample4geo": "all tiles of two unseen cities; semi-positives count against recall",
    "vigor-cross/vigor": (
        "all tiles of two unseen cities; semi-positives count against recall; R@1% as SAFA, "
        "VIGOR, GeoDTR"
    ),
    "university-1652/d2s": "drone to satellite; junk removed",
    "university-1652/s2d": "satellite to drone; junk removed",
    "university-1652/multi": (
        "mean embedding of a building's drone images to satellite; junk removed"
    ),
    "sdm/denseuav": "SDM with Euclidean distance in degrees, decay 5e3",
    "sdm/gta-uav": "SDM with distance in metres, decay 1e-3",
    "recall": "recall of the positive, for data of one's own",
    "recall/scaled": (
        "recall of the positive; shares within distances that fit the spacing of the references"
    ),
    "metres": "great-circle error of the best reference; positives are not asked",
    "orbitview": "photo from orbit to nadir tile, one positive; errors of hundreds of kilometres",
}
"""What each protocol counts, as it says itself."""


@hookimpl
def georet_transforms() -> Iterable[Component]:
    """Declare the augmentations of ``georet.data.transforms``."""
    for name, (attribute, summary) in TRANSFORMS.items():
        yield Component(name, f"georet.data.transforms:{attribute}", summary=summary)


@hookimpl
def georet_fits() -> Iterable[Component]:
    """Declare the fits of ``georet.fits``."""
    module = "georet.fits"
    yield Component(
        "pca", f"{module}.whitening:PCA", summary="Keep the directions of greatest variance"
    )
    yield Component(
        "whitening",
        f"{module}.whitening:Whitening",
        summary="PCA, each direction divided by its standard deviation",
    )
    yield Component(
        "procrustes",
        f"{module}.procrustes:Procrustes",
        summary="Turn the other views' embeddings onto those of one",
    )


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


@hookimpl
def georet_optimizers() -> Iterable[Component]:
    """Declare the optimisers of ``georet.train.optimising``."""
    for name, (attribute, summary) in OPTIMIZERS.items():
        yield Component(name, f"georet.train.optimising.makers:{attribute}", summary=summary)


@hookimpl
def georet_schedules() -> Iterable[Component]:
    """Declare the schedules of ``georet.train.optimising``."""
    for name, (attribute, summary) in SCHEDULES.items():
        yield Component(name, f"georet.train.optimising.schedules:{attribute}", summary=summary)


@hookimpl
def georet_executors() -> Iterable[Component]:
    """Declare the executor of ``georet.gallery.making``."""
    yield Component(
        "local",
        "georet.gallery.making.executors:Local",
        summary="This machine: the calling process, or one for each device (default)",
    )


OUTPUTS = {
    "json": ("writers:Json", "All records as one JSON document"),
    "geojson": ("writers:GeoJson", "Points, and the candidates' footprints (RFC 7946)"),
    "csv": ("writers:Csv", "A line a photo"),
    "parquet": ("writers:Parquet", "GeoParquet 1.1: a row a photo"),
    "html": ("page:Page", "A page with the photos, a map and the candidates"),
    "gpx": ("formats.gpx:Gpx", "GPX 1.1: waypoints, of a flight a track"),
    "kml": ("formats.kml:Kml", "KML 2.2: places, footprints, accuracies; .kmz with the photos"),
    "geopackage": ("formats.gpkg:GeoPackage", "GeoPackage: places, footprints, candidates, track"),
    "czml": ("formats.czml:Czml", "CZML for CesiumJS; a flight moves in time"),
    "gps_input": (
        "formats.gps_input:GpsInputCsv",
        "CSV of MAVLink GPS_INPUT: position only; sent where `send` names an address",
    ),
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


@hookimpl
def georet_protocols() -> Iterable[Component]:
    """Declare the protocols of ``georet.evaluate``."""
    for name, summary in PROTOCOLS.items():
        yield Component(name, f"georet.evaluate.protocols:FACTORIES.{name}", summary=summary)


@hookimpl
def georet_refiners() -> Iterable[Component]:
    """Declare the refiners of ``georet.refiners``, which need no training."""
    for name, (target, summary) in REFINERS.items():
        yield Component(name, f"georet.refiners.{target}", summary=summary)


@hookimpl
def georet_trackers() -> Iterable[Component]:
    """Declare the tracker of ``georet.tracks``, which needs no training either."""
    yield Component(
        "grid",
        "georet.tracks.tracker:GridTracker",
        summary="A filter over the cells of the map, forward and backward (default)",
    )
