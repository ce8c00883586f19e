"""The plugin `imagery`: tiles and rasters from elsewhere, fetched once into a cache.

The components are lazy, so that importing this package imports nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

from georet import Component, hookimpl

_SERVICES = {
    "web_tiles": ("WebTiles", "Tiles by a template: https://host/{z}/{x}/{y}.jpg, TMS, WMTS"),
    "wms": ("Wms", "Tiles of a map service: wms:https://host/wms?layers=NAME"),
    "arcgis": ("ArcGis", "A tile service of ArcGIS: arcgis:https://host/.../MapServer"),
}


@hookimpl
def georet_sources() -> Iterable[Component]:
    """Declare the sources."""
    for name, (attribute, summary) in _SERVICES.items():
        yield Component(
            name,
            f"georet_imagery.services:{attribute}",
            requires=("httpx",),
            extra="imagery",
            summary=summary,
        )
    yield Component(
        "remote",
        "georet_imagery.remote:Remote",
        requires=("httpx", "rasterio"),
        extra="imagery",
        summary="A COG or GeoTIFF at an address: https://, s3://, /vsi...",
    )
    yield Component(
        "stac",
        "georet_imagery.stac:Stac",
        requires=("httpx", "rasterio"),
        extra="imagery",
        summary="Rasters of a STAC item, collection or search: stac:https://...",
    )
    yield Component(
        "mosaic",
        "georet_imagery.mosaic:Mosaic",
        requires=("rasterio",),
        extra="gallery",
        summary="Many rasters as one: mosaic:FOLDER, or a .vrt of them",
    )
    yield Component(
        "geopackage",
        "georet_imagery.mosaic:GeoPackage",
        requires=("rasterio",),
        extra="gallery",
        summary="The tiles of a GeoPackage (.gpkg)",
    )
