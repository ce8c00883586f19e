"""``georet gallery push``: bring a gallery to a server of Qdrant."""

from __future__ import annotations

from typing import Annotated

import typer

from georet.cli.options import AsJson, GalleryFolder
from georet.progress import echo, echo_json, stage

app = typer.Typer(
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
EPILOG = """Examples:

georet gallery push area.gallery --to https://search.example.org:6333

georet locate area.gallery photo.jpg --index 'qdrant?url=https://search.example.org:6333'

georet gallery push area.gallery --to folder
"""


@app.command(epilog=EPILOG)
def push(
    gallery: GalleryFolder,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="URL|DIR",
            help="The server, or a folder for the engine in this process; by default $QDRANT_URL.",
        ),
    ] = None,
    collection: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="By default one for this very state of the gallery."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Bring a gallery to a server of Qdrant, which then searches it: --index qdrant.

    Killed, it goes on where it was when the same command is given again. A key for the server is
    read from $QDRANT_API_KEY alone; certificates are checked.
    """
    from georet.gallery.indexes import placed_rows
    from georet.gallery.stored import StoredGallery
    from georet.interrupt import StopRequest
    from georet_qdrant.address import open_engine
    from georet_qdrant.push import collection_of
    from georet_qdrant.push import push as push_rows

    rows = placed_rows(StoredGallery.open(gallery))
    engine = open_engine(to, where="--to")
    name = collection or collection_of(rows)
    with StopRequest() as stop, stage(len(rows), "tiles") as bar:
        num_sent = push_rows(
            rows,
            engine,
            name,
            advance=bar.advance,
            check=lambda: stop.check("what was sent stays", hint="The same command goes on."),
        )
    note = engine.settle(name)
    engine.close()
    if as_json:
        about = {"collection": name, "server": engine.where, "tiles": len(rows), "sent": num_sent}
        echo_json({**about, "note": note})
        return
    echo(f"{engine.where}, collection {name}: {len(rows):,} tiles, {num_sent:,} of them sent now")
    if note:
        echo(f"  {note}")
    option = "" if collection is None else f"&collection={name}"
    echo(f"  georet locate {gallery} PHOTO --index 'qdrant?url={engine.where}{option}'")
