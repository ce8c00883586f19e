"""``georet serve``: a gallery on a page of this machine."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from georet.cli.options import (
    AsJson,
    BackendName,
    GalleryEncoder,
    GalleryFolder,
    MaxPixels,
    NoPlugin,
    PluginNames,
)
from georet.plugins import Selection
from georet.progress import echo, echo_json

if TYPE_CHECKING:
    from georet.serve.site import Site

EPILOG = """Examples:

georet serve area.gallery

georet serve area.gallery --refine sift

georet serve area.gallery --encoder onnx --backend onnxruntime --port 9000 --no-browser

georet serve area.gallery --host 0.0.0.0 --token "$(openssl rand -hex 16)"

curl --data-binary @photo.jpg -H 'Content-Type: image/jpeg' 'http://127.0.0.1:8765/api/locate?k=5'
"""
Port = Annotated[int, typer.Option(help="Port; 0 takes any free one.")]
Host = Annotated[
    str, typer.Option(help="Address to listen at; others than this machine's need a token.")
]
Token = Annotated[
    str | None,
    typer.Option(envvar="GEORET_TOKEN", help="Secret that every request must carry."),
]
Memory = Annotated[
    int, typer.Option(min=1, help="Megabytes for all photos that are decoded at once.")
]
Refine = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="A refiner, such as sift: places within the best tiles."),
]
NoBrowser = Annotated[bool, typer.Option("--no-browser", help="Only print the address.")]


def serve(
    gallery: GalleryFolder,
    port: Port = 8765,
    host: Host = "127.0.0.1",
    token: Token = None,
    encoder: GalleryEncoder = None,
    refine: Refine = None,
    backend: BackendName = "auto",
    no_browser: NoBrowser = False,
    max_pixels: MaxPixels = None,
    memory: Memory = 2000,
    plugins: PluginNames = None,
    no_plugin: NoPlugin = None,
    as_json: AsJson = False,
) -> None:
    """Show a gallery on a map in the browser, and find in it where photos were taken.

    Nothing leaves this machine, and no photo is kept. Ctrl-C ends it.
    """
    from georet.extras import need

    for module in ("fastapi", "uvicorn"):
        need(module, extra="serve", what="georet serve")
    from georet.config import MAX_PIXELS
    from georet.gallery.encoders import open_encoder
    from georet.gallery.stored import StoredGallery
    from georet.locate import Locator
    from georet.locate.refine import make_refiner
    from georet.serve.run import check_access, check_free
    from georet.serve.site import Site
    from georet.types import QUERY

    check_access(host, token)
    check_free(host, port)
    opened = StoredGallery.open(gallery)
    selection = Selection.of(plugins, no_plugin)
    session = open_encoder(opened, QUERY, source=encoder, backend=backend, selection=selection)
    most = max_pixels or MAX_PIXELS
    refiner = None if refine is None else make_refiner(refine, selection)
    site = Site(
        opened,
        Locator(opened, session, max_pixels=most, refiner=refiner, selection=selection),
        name=gallery.resolve().name,
        encoder=session.identity,
        max_pixels=most,
        decoding_bytes=memory * 1_000_000,
    )
    show(site, port=port, host=host, token=token, no_browser=no_browser, as_json=as_json)


def show(
    site: Site, *, port: int, host: str, token: str | None, no_browser: bool, as_json: bool
) -> None:
    """Serve a site until Ctrl-C, its address printed first."""
    from georet.serve.run import bind, check_access, run

    def announce(address: str) -> None:
        if as_json:
            echo_json(json.dumps({"address": address}))
        else:
            echo(address)
        sys.stdout.flush()
        echo("Ctrl-C ends it.", err=True)

    access = check_access(host, token)
    run(site, bind(host, port), access, announce=announce, open_browser=not no_browser)
