"""The routes: a page, its files, the gallery's pictures, and where a photo may have been taken."""

from __future__ import annotations

import asyncio
import re
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from georet.data.decoding import decoding_bytes
from georet.errors import GeoretError
from georet.photos.camera.cameras import cameras_of
from georet.serve.access import Access, Refusal
from georet.serve.area import area_of
from georet.serve.budget import Budget
from georet.serve.guard import Guard, refused
from georet.serve.site import Site
from georet.serve.slots import BusyError, Slots, num_cores
from georet.serve.upload import RefusedError, received

MAX_CANDIDATES = 50
PHOTOS_ARRIVING, PHOTOS_WAITING, PICTURES_WAITING = 16, 64, 128
_NUMBER = re.compile("[0-9]{1,9}")


def make_app(site: Site, access: Access) -> Guard:
    """Return the ASGI application that serves a site to those who have access."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None, lifespan=_lifespan)
    app.router.redirect_slashes = False
    app.add_exception_handler(Exception, _broken)
    for kind, handler in (
        (HTTPException, _absent),
        (RequestValidationError, _invalid),
        (GeoretError, _unusable),
        (RefusedError, _refused),
        (BusyError, _busy),
    ):
        app.add_exception_handler(kind, handler)
    _add_files(app)
    _add_pictures(app, site)
    _add_search(app, site)
    # Outside of all that FastAPI does, so that its own error pages have the headers too.
    return Guard(app, access=access)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    with tempfile.TemporaryDirectory(prefix="georet-serve-") as folder:
        app.state.folder = Path(folder)
        yield


def _add_files(app: FastAPI) -> None:
    assets = load_assets()

    @app.get("/")
    async def page() -> Response:
        return _file("page.html")

    @app.get("/static/{name:path}")
    async def static(name: str) -> Response:
        return _file(name)

    def _file(name: str) -> Response:
        if name not in assets:
            raise HTTPException(404)
        return Response(assets[name].content, media_type=assets[name].media_type)


def _add_pictures(app: FastAPI, site: Site) -> None:
    slots = Slots(num_cores(), PICTURES_WAITING)

    @app.get("/api/tile/{row}")
    async def tile(row: str) -> Response:
        return _picture(await asyncio.to_thread(site.tile, _number(row)), "image/jpeg")

    @app.get("/api/sample/{number}")
    async def sample(number: str) -> Response:
        return _picture(await asyncio.to_thread(site.sample, _number(number)), "image/jpeg")

    @app.get("/basemap/{zoom}/{x}/{name}")
    async def basemap(zoom: str, x: str, name: str) -> Response:
        y, dot, suffix = name.partition(".")
        if f"{dot}{suffix}" != ".png":
            raise HTTPException(404)
        async with slots:
            place = _number(zoom), _number(x), _number(y)
            return _picture(await asyncio.to_thread(site.basemap.png, *place), "image/png")


def _add_search(app: FastAPI, site: Site) -> None:
    budget = Budget(site.decoding_bytes)
    arriving, searching = (
        Slots(PHOTOS_ARRIVING, PHOTOS_WAITING),
        Slots(num_cores(), PHOTOS_ARRIVING),
    )

    @app.get("/api/gallery")
    async def gallery() -> JSONResponse:
        return JSONResponse(site.about)

    @app.post("/api/locate")
    async def locate(
        request: Request,
        k: Annotated[int, Query(ge=1, le=MAX_CANDIDATES)] = 5,
        box: str | None = None,
        region: str | None = None,
        heading: float | None = None,
        tilt: float | None = None,
        height: float | None = None,
        fov: float | None = None,
        refine: bool = True,
    ) -> JSONResponse:
        area = area_of(box, region)
        cameras = cameras_of(heading=heading, tilt=tilt, height=height, fov=fov)
        # A photo that arrives slowly holds up no other one.
        async with arriving, received(request, app.state.folder) as path, searching:
            num_bytes = await asyncio.to_thread(decoding_bytes, path, site.max_pixels)
            async with budget.share(num_bytes):
                asked = path, k, area, cameras, refine
                return JSONResponse(await asyncio.to_thread(site.locate, *asked))


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise HTTPException(404)
    return int(text)


def _picture(content: bytes | None, media_type: str) -> Response:
    if content is None:
        raise HTTPException(404)
    return Response(content, media_type=media_type)


def _absent(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return refused(Refusal(status, "there is nothing here" if status == 404 else "not like this"))


def _invalid(_: Request, error: Exception) -> Response:
    first = error.errors()[0] if isinstance(error, RequestValidationError) else {}
    return refused(Refusal(422, f"{first.get('loc', ('', ''))[-1]}: {first.get('msg', 'wrong')}"))


def _unusable(_: Request, error: Exception) -> Response:
    # Without `where`: that is a temporary name, or a path that is nobody's business.
    return refused(Refusal(422, error.what if isinstance(error, GeoretError) else "unusable"))


def _refused(_: Request, error: Exception) -> Response:
    return refused(error.refusal if isinstance(error, RefusedError) else Refusal(400, "refused"))


def _busy(_: Request, __: Exception) -> Response:
    return refused(Refusal(503, "all places are taken", "Try again.", {"Retry-After": "2"}))


def _broken(_: Request, __: Exception) -> Response:
    return refused(Refusal(500, "this went wrong", "The terminal of georet serve says more."))


_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "mjs": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class Asset:
    """One file: its bytes and what they are."""

    content: bytes
    media_type: str


def load_assets() -> dict[str, Asset]:
    """Return the files below ``georet/serve/static`` by their names relative to it."""
    return _below(files("georet.serve").joinpath("static"), "")


def _below(folder: Traversable, prefix: str) -> dict[str, Asset]:
    found: dict[str, Asset] = {}
    for entry in folder.iterdir():
        if entry.is_dir():
            found |= _below(entry, f"{prefix}{entry.name}/")
        elif media_type := _TYPES.get(entry.name.rpartition(".")[2]):
            found[prefix + entry.name] = Asset(entry.read_bytes(), media_type)
    return found
