"""Services of tiles as sources: templates (XYZ, TMS, WMTS), WMS, and ArcGIS."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urlencode, urlsplit

from pydantic import Field

from georet.cache import cache_dir
from georet.errors import DataError, UsageError
from georet.ground.region import Region
from georet.ground.wgs84 import metres_a_pixel, tile_bounds_m
from georet.locks import only_writer
from georet.sources.formats import open_archive
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling
from georet_imagery.answers import as_json, filled
from georet_imagery.fetching import Limits, fetch_tiles, tiles_of
from georet_imagery.net import Client
from georet_imagery.redact import check_http, shown_source, shown_url, with_secrets
from georet_imagery.store import SEALED, FetchedTiles, TileStore

import numpy as np  # isort: skip

FOLDER: Final = "imagery"
ENOUGH_PX: Final = 256
"""Without --zoom the shallowest level is taken on which a tile of --side has so many pixels."""
_DEEPEST: Final = 22
_MERCATOR: Final = (3857, 102100, 102113, 900913)
Positive = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]


@dataclass(frozen=True)
class Service:
    """What answers: the address of a tile, the deepest level, and what is told of the imagery."""

    address: Callable[[int, int, int], str]
    max_zoom: int = 19
    attribution: str | None = None


class _Fetched(ABC):
    """Opens a service: fetches the tiles of an area into the cache, once, and opens that."""

    takes_area: ClassVar[bool] = True
    options_mark: ClassVar[str] = "#"

    def __init__(
        self,
        *,
        attribution: str | None = None,
        captured: str | None = None,
        max_zoom: Annotated[int, Field(ge=0, le=_DEEPEST)] | None = None,
        max_requests: Positive = 20_000,
        max_mb: PositiveFloat = 2000.0,
        parallel: Annotated[int, Field(ge=1, le=32)] = 4,
        rate: PositiveFloat = 20.0,
        retries: Annotated[int, Field(ge=0, le=20)] = 5,
        timeout: PositiveFloat = 30.0,
    ) -> None:
        self.told = {"attribution": attribution, "captured": captured}
        self.max_zoom = max_zoom
        self.limits = Limits(max_requests, max_mb, parallel, rate, retries, timeout)

    @staticmethod
    def shown(text: str) -> str:
        """Return the text without secrets, as descriptions and messages have it."""
        return shown_source(text)

    @abstractmethod
    def service(self, text: str, client: Client) -> Service:
        """Return what answers at the address; it may ask there what it is."""

    def open(self, text: str, tiling: Tiling, *, offline: bool = False) -> TileSource:
        """Open the tiles of ``tiling.area``; ``offline``: only what was fetched before."""
        where = shown_url(text)
        region = area_of(tiling, where)
        zoom = self._zoom(tiling, region, where)
        facts = {"text": where, "area": region.describe(), "zoom": zoom}
        folder = folder_of(facts)
        if not (folder / SEALED).is_file():
            refuse_offline(folder, where, offline=offline)
            self._fetch(text, where, region, zoom, folder)
        archive = FetchedTiles(folder)
        if not archive.zooms():
            raise DataError(
                f"has no tile of zoom {zoom} in this area",
                where=where,
                hint="Another --zoom, or another --area; is it LAT,LON and not LON,LAT?",
            )
        local = tiling if tiling.side_m else Tiling(**{**_plain(tiling), "zoom": zoom})
        return open_archive(archive, Tiling(**{**_plain(local), "area": None}))

    def _fetch(self, text: str, where: str, region: Region, zoom: int, folder: Path) -> None:
        client = self.limits.client()
        try:
            found = self.service(with_secrets(text, where), client)
        finally:
            client.close()
        deepest = self.max_zoom if self.max_zoom is not None else found.max_zoom
        if zoom > deepest:
            hint = f"--zoom {deepest}, or larger tiles; #max_zoom={zoom} insists."
            raise UsageError(f"zoom {zoom} is deeper than {deepest}", where=where, hint=hint)
        told = {k: v for k, v in self.told.items() if v is not None}
        about = {
            "kind": "fetched tiles",
            "path": where,
            "area": region.describe(),
            "attribution": found.attribution,
            "captured": None,
            **told,
        }
        with only_writer(folder, "fetching tiles"):
            store = TileStore(folder)
            try:
                xy = tiles_of(region, zoom, where)
                fetch_tiles(store, zoom, xy, found.address, self.limits, where)
                store.seal(about, zoom)
            finally:
                store.close()

    def _zoom(self, tiling: Tiling, region: Region, where: str) -> int:
        if tiling.zoom is not None:
            return tiling.zoom
        if not tiling.side_m:
            raise UsageError(
                "how large shall the tiles be?",
                where=where,
                hint="--side 100m cuts tiles of that size, --zoom 18 takes the service's own.",
            )
        _, south, _, north = region.bounds()
        smallest = min(tiling.side_m)
        deepest = self.max_zoom if self.max_zoom is not None else Service.max_zoom
        for zoom in range(deepest):
            if smallest / float(metres_a_pixel((south + north) / 2, zoom)) >= ENOUGH_PX:
                return zoom
        return deepest


class WebTiles(_Fetched):
    """Web Mercator tiles by a template, ``https://host/{z}/{x}/{y}.jpg``.

    ``{-y}`` counts rows from the south (TMS), ``{q}`` is Bing's quadkey, ``{TileMatrix}``,
    ``{TileRow}`` and ``{TileCol}`` are WMTS's, for its matrix set GoogleMapsCompatible.
    ``{env:KEY}`` stands for a variable of the environment.
    """

    @staticmethod
    def matches(text: str) -> bool:
        """Say whether an address has the places of a tile in it."""
        names = ("{x}", "{y}", "{-y}", "{q}", "{TileCol}", "{TileRow}")
        return text.startswith(("http://", "https://")) and any(name in text for name in names)

    def service(self, text: str, client: Client) -> Service:
        """Return the template's service."""
        del client
        check_http(text, shown_url(text))
        if not self.matches(text):
            raise UsageError(
                "has no {x} and {y} in it",
                where=shown_url(text),
                hint="For example: https://host/{z}/{x}/{y}.jpg",
            )
        return Service(lambda zoom, x, y: filled(text, zoom, x, y))


class Wms(_Fetched):
    """A map service: ``wms:https://host/wms?layers=NAME``, asked for Web Mercator tiles.

    What else the service wants (``styles``, ``format``, ``version``, ``time``) is written into the
    address.
    """

    @staticmethod
    def matches(text: str) -> bool:
        """Say whether an address speaks of a map service."""
        return text.startswith(("http://", "https://")) and "service=wms" in text.lower()

    def service(self, text: str, client: Client) -> Service:
        """Return the service; UsageError unless the address names a layer."""
        del client
        check_http(text, shown_url(text))
        base, _, query = text.partition("?")
        given = dict(part.split("=", 1) for part in query.split("&") if "=" in part)
        upper = {key.upper() for key in given}
        if "LAYERS" not in upper:
            hint = "wms:https://host/wms?layers=NAME; GetCapabilities lists them."
            raise UsageError("names no layer", where=shown_url(text), hint=hint)
        version = next((v for k, v in given.items() if k.upper() == "VERSION"), "1.3.0")
        usual = {
            "SERVICE": "WMS",
            "REQUEST": "GetMap",
            "VERSION": version,
            "STYLES": "",
            "FORMAT": "image/jpeg",
            "SRS" if version.startswith("1.1") or version == "1.0.0" else "CRS": "EPSG:3857",
            "WIDTH": "256",
            "HEIGHT": "256",
        }
        added = urlencode({k: v for k, v in usual.items() if k not in upper}, safe="/:")

        def address(zoom: int, x: int, y: int) -> str:
            bounds = tile_bounds_m(zoom, np.array([[x, y]]))[0]
            box = ",".join(f"{value:.6f}" for value in bounds.tolist())
            return f"{base}?{query}&{added}&BBOX={box}"

        return Service(address, _DEEPEST)


class ArcGis(_Fetched):
    """A cached map or image service of ArcGIS in Web Mercator, by its address."""

    @staticmethod
    def matches(text: str) -> bool:
        """Say whether an address ends as such services' do."""
        path = urlsplit(text).path.rstrip("/")
        return text.startswith(("http://", "https://")) and path.endswith(
            ("/MapServer", "/ImageServer")
        )

    def service(self, text: str, client: Client) -> Service:
        """Return the service, after asking it for its projection, levels and copyright."""
        where = shown_url(text)
        base, _, query = text.partition("?")
        base = base.rstrip("/")
        more = f"&{query}" if query else ""
        answer = client.get(f"{base}?f=json{more}")
        about = as_json(answer.content if answer else b"", where)
        info = about.get("tileInfo")
        if not isinstance(info, dict):
            hint = "Only services with a tile cache are read; export others as a GeoTIFF."
            raise DataError("has no tiles", where=where, hint=hint)
        system = info.get("spatialReference") or about.get("spatialReference") or {}
        wkids = {system.get("wkid"), system.get("latestWkid")}
        if not wkids & set(_MERCATOR):
            raise DataError(
                f"has tiles in the coordinate system {system.get('wkid')}, wanted Web Mercator",
                where=where,
            )
        levels = [int(one["level"]) for one in info.get("lods", ()) if "level" in one]
        end = f"?{query}" if query else ""
        return Service(
            lambda zoom, x, y: f"{base}/tile/{zoom}/{y}/{x}{end}",
            min(max(levels, default=19), _DEEPEST),
            str(about.get("copyrightText") or "") or None,
        )


def area_of(tiling: Tiling, where: str) -> Region:
    """Return the region that shall be fetched; UsageError where none was named."""
    if tiling.area is None:
        raise UsageError(
            "which area? What is elsewhere is not fetched as a whole",
            where=where,
            hint="--area 47.37,8.54,500m, --area box:WEST,SOUTH,EAST,NORTH or --area FILE.geojson",
        )
    return Region.parse_area(tiling.area)


def folder_of(facts: dict[str, Any]) -> Path:
    """Return the folder of the cache for what was asked for."""
    text = json.dumps(facts, sort_keys=True)
    host = urlsplit(facts["text"]).hostname or "imagery"
    return cache_dir() / FOLDER / f"{host}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def refuse_offline(folder: Path, where: str, *, offline: bool) -> None:
    """Raise DataError where something would be fetched that nobody asked for now."""
    if offline:
        raise DataError("is not in the cache, and is not fetched now", where=f"{where} ({folder})")


def _plain(tiling: Tiling) -> dict[str, Any]:
    return {name: getattr(tiling, name) for name in tiling.__dataclass_fields__}
