"""STAC items, collections and searches: the rasters that show an area, each cut out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final
from urllib.parse import urljoin, urlsplit

from pydantic import Field

from georet.errors import DataError, UsageError
from georet.files import sha256_of
from georet.ground.region import Region
from georet.locks import only_writer
from georet.progress import say
from georet.sources.sheets import open_sheets
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling
from georet.vouching import read_sealed, write_sealed
from georet_imagery.answers import as_json
from georet_imagery.fetching import Limits
from georet_imagery.net import Client
from georet_imagery.redact import shown_source, shown_url, with_secrets
from georet_imagery.remote import check_same, fetch
from georet_imagery.services import (
    Positive,
    PositiveFloat,
    area_of,
    folder_of,
    refuse_offline,
)
from georet_imagery.store import AGAIN, SEALED
from georet_imagery.told import Told

_MOST_PAGES: Final = 100
_USUAL_ASSETS: Final = ("visual", "image", "ortho", "data", "rgb")


class Stac:
    """``stac:https://...``: an item, a collection or catalogue with items, or a search.

    ``asset`` names the raster of an item (by default ``visual``, ``image``, ``ortho``, ``data``, or
    the first GeoTIFF); ``date`` is what STAC calls datetime (2024-05-01/2024-09-30);
    ``collection`` is for a search; at most ``max_items`` are used.
    """

    takes_area: ClassVar[bool] = True
    options_mark: ClassVar[str] = "#"

    def __init__(
        self,
        *,
        asset: str | None = None,
        date: str | None = None,
        collection: str | None = None,
        max_items: Positive = 20,
        attribution: str | None = None,
        max_requests: Positive = 20_000,
        max_mb: PositiveFloat = 2000.0,
        rate: PositiveFloat = 20.0,
        retries: Annotated[int, Field(ge=0, le=20)] = 5,
        timeout: PositiveFloat = 30.0,
    ) -> None:
        self.asset, self.date, self.collection = asset, date, collection
        self.max_items, self.attribution = max_items, attribution
        self.limits = Limits(max_requests, max_mb, 1, rate, retries, timeout)

    @staticmethod
    def matches(text: str) -> bool:
        """Say that it isn't: it is named."""
        del text
        return False

    @staticmethod
    def shown(text: str) -> str:
        """Return the text without secrets."""
        return shown_source(text)

    def open(self, text: str, tiling: Tiling, *, offline: bool = False) -> TileSource:
        """Open the rasters of the area; ``offline``: only what was fetched before."""
        where = shown_url(text)
        region = area_of(tiling, where)
        asked = [self.asset, self.date, self.collection, self.max_items]
        folder = folder_of({"text": where, "area": region.describe(), "asked": asked})
        if not (folder / SEALED).is_file():
            refuse_offline(folder, where, offline=offline)
            client = self.limits.client()
            try:
                with only_writer(folder, "fetching rasters"):
                    self._fetch(with_secrets(text, where), where, region, folder, client)
            finally:
                client.close()
        about = read_sealed(folder / SEALED, hint=AGAIN)
        for name, item in about["items"].items():
            check_same(folder / name, item["sha256"])
        values = {name: getattr(tiling, name) for name in tiling.__dataclass_fields__}
        local = Tiling(**{**values, "area": None})
        return Told(open_sheets(folder, sorted(about["items"]), local), {**about, "cut": {}})

    def _fetch(self, url: str, where: str, region: Region, folder: Path, client: Client) -> None:
        found: dict[str, dict[str, Any]] = {}
        dates, licences = set(), set()
        items = list(_first(self._items(url, where, region, client), self.max_items))
        say(f"{where}: {len(items)} items show the area")
        for number, (item, base) in enumerate(items):
            href = urljoin(base, str(self._asset_of(item, where)["href"]))
            properties = item.get("properties") or {}
            name = f"{number:03d}.tif"
            if not (folder / name).is_file():
                fetch(href, region, folder / name, self.limits, client)
            found[name] = {
                "id": str(item.get("id")),
                "path": shown_url(href),
                "captured": properties.get("datetime"),
                "sha256": sha256_of(folder / name),
            }
            dates |= {str(properties["datetime"])} if properties.get("datetime") else set()
            providers = [str(p.get("name")) for p in properties.get("providers") or ()]
            licences |= {", ".join([*providers, str(properties.get("license") or "")]).strip(", ")}
        if not found:
            raise DataError("no item shows the area", where=where, hint="Another --area or #date=")
        told = "; ".join(sorted(filter(None, licences))) or None
        about = {
            "kind": "fetched stac",
            "path": where,
            "area": region.describe(),
            "items": found,
            "attribution": self.attribution or told,
            "captured": " to ".join(dict.fromkeys([min(dates), max(dates)])) if dates else None,
        }
        write_sealed(folder / SEALED, about)

    def _items(
        self, url: str, where: str, region: Region, client: Client
    ) -> Iterator[tuple[Mapping[str, Any], str]]:
        """Yield the items that show the area, each with the address it was found at."""
        pending, seen = [self._question(url, region)], set[str]()
        while pending:
            asked = pending.pop(0)
            if asked in seen or len(seen) >= _MOST_PAGES:
                continue
            seen.add(asked)
            answer = client.get(asked)
            if answer is None:
                raise DataError("there is nothing", where=shown_url(asked))
            page = as_json(answer.content, shown_url(asked))
            kind = page.get("type")
            if kind == "Feature":
                if _meets(page.get("bbox"), region) and self._is_dated(page):
                    yield page, asked
                continue
            if kind not in ("FeatureCollection", "Collection", "Catalog"):
                raise DataError(f"is no STAC document: its type is {kind!r}", where=where)
            for item in page.get("features") or ():
                if _meets(item.get("bbox"), region) and self._is_dated(item):
                    own = [k["href"] for k in item.get("links") or () if k.get("rel") == "self"]
                    yield item, urljoin(asked, str(own[0])) if own else asked
            extent = ((page.get("extent") or {}).get("spatial") or {}).get("bbox") or [None]
            if any(_meets(box, region) for box in extent):
                wanted = ("item", "child", "next")
                links = [k for k in page.get("links") or () if k.get("rel") in wanted]
                pending += [urljoin(asked, str(link["href"])) for link in links]

    def _question(self, url: str, region: Region) -> str:
        if not urlsplit(url).path.rstrip("/").endswith(("/search", "/items")):
            return url
        box = ",".join(f"{value:.7f}" for value in region.bounds())
        question = f"{url}{'&' if '?' in url else '?'}bbox={box}&limit={min(self.max_items, 100)}"
        question += f"&datetime={self.date}" if self.date else ""
        return question + (f"&collections={self.collection}" if self.collection else "")

    def _is_dated(self, item: Mapping[str, Any]) -> bool:
        day = str((item.get("properties") or {}).get("datetime") or "")
        if not self.date or not day:
            return True
        first, _, last = self.date.partition("/")
        last = last or first
        early, late = first in ("..", ""), last in ("..", "")
        return (early or day >= first) and (late or day[: len(last)] <= last)

    def _asset_of(self, item: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        assets = item.get("assets")
        rasters = {
            name: asset
            for name, asset in (assets.items() if isinstance(assets, dict) else ())
            if isinstance(asset, dict) and "tiff" in str(asset.get("type", "image/tiff"))
        }
        names = [self.asset] if self.asset else [*_USUAL_ASSETS, *rasters]
        chosen = next((rasters[name] for name in names if name in rasters), None)
        if chosen is None or "href" not in chosen:
            known = ", ".join(rasters) or "none"
            raise UsageError(
                f"the item {item.get('id')!r} has no raster {self.asset or ''}".rstrip(),
                where=where,
                hint=f"Its GeoTIFFs: {known}. #asset=NAME chooses one.",
            )
        return chosen


def _first(
    items: Iterator[tuple[Mapping[str, Any], str]], most: int
) -> Iterator[tuple[Mapping[str, Any], str]]:
    for _, item in zip(range(most), items, strict=False):
        yield item


def _meets(box: Any, region: Region) -> bool:
    """Say whether a bounding box, of four or six numbers, meets a region's; unknown ones do."""
    if not isinstance(box, list) or len(box) not in (4, 6):
        return True
    half = len(box) // 2
    west, south, east, north = region.bounds()
    return bool(box[0] <= east and box[half] >= west and box[1] <= north and box[half + 1] >= south)
