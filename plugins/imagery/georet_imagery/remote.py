"""Rasters at an address: the area is cut out of them into the cache, and opened from there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final

from pydantic import Field

from georet.errors import DataError, GeoretError, UsageError
from georet.files import sha256_of
from georet.ground.region import Region
from georet.locks import only_writer
from georet.sources.rasters.opening import open_raster_source
from georet.sources.rasters.raster import rasterio_errors
from georet.tiles.table import TileSource
from georet.tiles.tiling import Tiling
from georet.vouching import read_sealed, write_sealed
from georet_imagery.crops import UnreadError, crop
from georet_imagery.fetching import Limits
from georet_imagery.net import Client
from georet_imagery.ranges import RangeFile
from georet_imagery.redact import shown_source, shown_url, with_secrets
from georet_imagery.services import Positive, PositiveFloat, area_of, folder_of, refuse_offline
from georet_imagery.store import AGAIN, SEALED
from georet_imagery.told import Told

_RASTER: Final = re.compile(r"\.(tiff?|gtiff|cog)(\?|$)", re.IGNORECASE)
CROP: Final = "area.tif"


class Remote:
    """A COG or GeoTIFF by ``https://``, ``s3://`` or GDAL's ``/vsi...``; needs an area.

    Of ``https://`` parts are fetched by georet itself; all else is GDAL's, with its own settings
    (``AWS_...`` and the like) in the environment.
    """

    takes_area: ClassVar[bool] = True
    options_mark: ClassVar[str] = "#"

    def __init__(
        self,
        *,
        attribution: str | None = None,
        captured: str | None = None,
        max_requests: Positive = 20_000,
        max_mb: PositiveFloat = 2000.0,
        rate: PositiveFloat = 20.0,
        retries: Annotated[int, Field(ge=0, le=20)] = 5,
        timeout: PositiveFloat = 30.0,
    ) -> None:
        self.told = {"attribution": attribution, "captured": captured}
        self.limits = Limits(max_requests, max_mb, 1, rate, retries, timeout)

    @staticmethod
    def matches(text: str) -> bool:
        """Say whether it is called like a raster elsewhere."""
        if text.startswith(("s3://", "gs://", "/vsi")):
            return True
        return text.startswith(("http://", "https://")) and _RASTER.search(text) is not None

    @staticmethod
    def shown(text: str) -> str:
        """Return the text without secrets."""
        return shown_source(text)

    def open(self, text: str, tiling: Tiling, *, offline: bool = False) -> TileSource:
        """Open the area of the raster; ``offline``: only what was fetched before."""
        where = shown_url(text)
        region = area_of(tiling, where)
        folder = folder_of({"text": where, "area": region.describe()})
        if not (folder / SEALED).is_file():
            refuse_offline(folder, where, offline=offline)
            client = self.limits.client()
            try:
                with only_writer(folder, "fetching a raster"):
                    fetch(with_secrets(text, where), region, folder / CROP, self.limits, client)
                    about = {
                        "kind": "fetched raster",
                        "path": where,
                        "area": region.describe(),
                        **self.told,
                        "sha256": sha256_of(folder / CROP),
                    }
                    write_sealed(folder / SEALED, about)
            finally:
                client.close()
        about = read_sealed(folder / SEALED, hint=AGAIN)
        check_same(folder / CROP, str(about["sha256"]))
        local = Tiling(**{**_fields(tiling), "area": None})
        return Told(open_raster_source(folder / CROP, local), about)


def fetch(url: str, region: Region, path: Path, limits: Limits, client: Client) -> None:
    """Write the part of a raster at an address that holds the region to ``path``."""
    where = shown_url(url)
    with opened(url, client, limits) as raster:
        crop(raster, region, path, limits, where)


@contextmanager
def opened(url: str, client: Client, limits: Limits) -> Iterator[Any]:
    """Yield a raster at an address, opened by rasterio; errors say what the host did."""
    import rasterio

    where, files, refused = shown_url(url), list[RangeFile](), list[GeoretError]()

    def open_ranges(name: str, mode: str = "rb", **_: Any) -> RangeFile:
        del mode
        if name != url:
            raise FileNotFoundError(name)  # what may lie beside it isn't asked for
        try:
            files.append(RangeFile(url, client))
        except GeoretError as error:
            # GDAL swallows it, and says that there is no file.
            refused.append(error)
            raise OSError(str(error)) from error
        return files[-1]

    def failures() -> list[BaseException | None]:
        return [*(file.error for file in files), *refused]

    reading: tuple[type[Exception], ...] = (UnreadError, OSError, *rasterio_errors())
    is_http = url.startswith(("http://", "https://"))
    how: dict[str, Any] = {"opener": open_ranges} if is_http else {}
    settings = {
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
        "GDAL_HTTP_MAX_RETRY": limits.retries,
        "GDAL_HTTP_RETRY_DELAY": 1,
        "GDAL_HTTP_TIMEOUT": int(limits.timeout),
    }
    try:
        with rasterio.Env(**settings), rasterio.open(url, driver="GTiff", **how) as raster:
            yield raster
    except GeoretError:
        raise
    except reading as error:
        failed = next((one for one in failures() if isinstance(one, GeoretError)), None)
        if failed is not None:
            raise failed from error
        cause = shown_url(str(error.__cause__ or error).replace(url, where)).partition("\n")[0]
        raise DataError(
            f"can't be read as a GeoTIFF: {cause}",
            where=where,
            hint="Does the address hold a GeoTIFF, and is the key or session still good?",
        ) from None


def check_same(path: Path, sha256: str) -> None:
    """Raise DataError unless a file of the cache is the one that was fetched."""
    if not path.is_file() or sha256_of(path) != sha256:
        raise DataError("is not the file that was fetched", where=str(path), hint=AGAIN)


def _fields(tiling: Tiling) -> dict[str, Any]:
    if tiling.origin_latlon or tiling.corners_latlon:
        raise UsageError("a place is told of pictures on this machine only", where="--origin")
    return {name: getattr(tiling, name) for name in tiling.__dataclass_fields__}
